import numpy as np
import pytest

from tfcaf_forge.ranking.drift import drifts, edges_of, histograms, mean_shift

EPISODES, STEPS = 60, 8


def sample(rng, shift=0.0):
    """Values that stay alike within an episode, as a level does."""
    level = rng.integers(1, 4, EPISODES) + shift
    values = np.repeat(level, STEPS).astype(np.float32)
    return values, np.repeat(np.arange(EPISODES), STEPS)


def test_episodes_count_once_whatever_their_length() -> None:
    made = histograms(
        np.array([1, 1, 1, 2], np.float32), np.array([0, 0, 0, 1]), edges_of(np.array([1.0, 2.0], np.float32))
    )
    assert made.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_changed_field_is_found_among_others_that_stayed() -> None:
    rng = np.random.default_rng(0)
    fields = {f"f{i}": (sample(rng)[0], sample(rng)[0]) for i in range(6)}
    fields["level"] = (sample(rng)[0], sample(rng, shift=1.0)[0])
    episode = sample(rng)[1]
    found = {d.name: d for d in drifts(fields, (episode, episode), 0)}
    assert found["level"].p == pytest.approx(1 / 1000)
    assert min(d.p for name, d in found.items() if name != "level") > 0.01


def test_the_chance_of_any_false_alarm_is_the_level_itself() -> None:
    rng = np.random.default_rng(1)
    episode = sample(rng)[1]
    alarms = 0
    for k in range(60):
        fields = {f"f{i}": (sample(rng)[0], sample(rng)[0]) for i in range(5)}
        alarms += min(d.p for d in drifts(fields, (episode, episode), k)) < 0.05
    assert alarms <= 9  # binomial(60, 0.05): more than 9 in 1 of 1,000 seeds


def test_a_shift_of_the_mean_has_a_small_p_and_none_a_large_one() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=80), rng.normal(size=50)
    shift, p = mean_shift(a, b + 1.0, 0)
    assert shift == pytest.approx(1.0 + b.mean() - a.mean())
    assert p < 0.005
    assert mean_shift(a, b, 0)[1] > 0.05
