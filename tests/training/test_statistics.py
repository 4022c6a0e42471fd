import numpy as np
import pytest

from tfcaf_forge.errors import InputError
from tfcaf_forge.training.statistics import at, bootstrap, improvement, iqm, probability_of_improvement


def test_the_interquartile_mean_is_the_mean_of_the_middle_half():
    scores = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [100.0]])
    assert iqm(scores) == pytest.approx((2 + 3 + 4 + 5) / 4)
    # Three scores: a quarter of three, rounded down, is none.
    assert iqm(np.array([[0.0], [1.0], [5.0]])) == pytest.approx(2.0)
    # Over tasks the scores are pooled.
    assert iqm(np.array([[0.0, 1.0], [2.0, 9.0]])) == pytest.approx(1.5)


def test_one_lucky_seed_moves_the_mean_but_not_the_interquartile_mean():
    plain, lucky = np.full((10, 1), 0.5), np.full((10, 1), 0.5)
    lucky[3] = 40.0
    assert iqm(plain) == iqm(lucky)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for k in range(200):
        interval = bootstrap(rng.normal(1.0, 1.0, (20, 1)), draws=300, seed=k)
        hits += interval.low <= 1.0 <= interval.high
    assert 0.85 <= hits / 200 <= 0.99, "percentile intervals of twenty runs are a little narrow"


def test_runs_are_resampled_within_their_task():
    # Within each task all runs are equal, so nothing varies; across tasks it would.
    interval = bootstrap(np.array([[0.0, 10.0]] * 5))
    assert (interval.low, interval.value, interval.high) == (5.0, 5.0, 5.0)


def test_one_seed_gives_one_interval():
    scores = np.random.default_rng(0).random((5, 2))
    assert bootstrap(scores) == bootstrap(scores)
    assert bootstrap(scores) != bootstrap(scores, seed=1)


def test_the_probability_of_improvement_counts_pairs_and_halves_ties():
    x, y = np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]])
    # 1 = 1 (a half), 1 < 2, 3 > 1, 3 > 2.
    assert probability_of_improvement(x, y) == pytest.approx(2.5 / 4)
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1.0)
    assert probability_of_improvement(np.hstack([x, x]), np.hstack([y, y + 9])) == pytest.approx((2.5 / 4 + 0) / 2)


def test_a_clear_improvement_is_certain_and_none_is_even():
    low, high = np.array([[0.1], [0.2], [0.3]]), np.array([[0.7], [0.8], [0.9]])
    assert improvement(high, low).low == 1.0
    even = improvement(low, low)
    assert even.value == pytest.approx(0.5)
    assert even.low < 0.5 < even.high


def test_a_curve_is_read_where_it_stood():
    points, values = np.array([0.0, 10.0, 20.0]), np.array([1.0, 2.0, 3.0])
    assert at(points, values, np.array([0.0, 9.9, 10.0, 15.0, 50.0])).tolist() == [1.0, 1.0, 2.0, 2.0, 3.0]


@pytest.mark.parametrize("scores", [np.zeros((0, 1)), np.array([[np.nan]]), np.zeros(3)])
def test_what_is_no_table_of_finite_scores_is_refused(scores):
    with pytest.raises(InputError, match="finite numbers"):
        bootstrap(scores)
