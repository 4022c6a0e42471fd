"""What agents contributed: by hand, in foraging, and what the error of a mixer makes of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tfcaf_forge.errors import InputError
from tfcaf_forge.ranking.contribution import Situation, contributions, default_actions, situations
from tfcaf_forge.ranking.credit import contribution_errors
from tfcaf_forge.records.task_spec import load_task
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.simulate import simulator


def one_step(actions):
    """Situations without a state that matters."""
    rows = len(actions)
    empty = np.zeros((rows, 1), np.float32)
    return Situation(empty, empty, np.zeros(rows, np.int64), actions[:, None], np.ones((rows, 1), bool))


def game(worth):
    """A simulator that pays worth(which agents act [B, N])."""
    return lambda state, start, step, actions, alive: worth(actions[:, 0] == 1)[:, None].astype(np.float32)


def test_the_glove_game_has_its_textbook_values() -> None:
    # Agents 0 and 1 hold a left glove, agent 2 a right one; a pair is worth 1. Shapley: 1/6, 1/6, 4/6.
    simulate = game(lambda acts: (acts[:, :2].any(axis=1) & acts[:, 2]).astype(float))
    where, still = one_step(np.ones((1, 3), np.int64)), np.zeros((1, 3), np.int64)
    found = contributions(simulate, where, gamma=1.0, default=still)
    assert found.exact
    assert found.value[0] == pytest.approx([1 / 6, 1 / 6, 4 / 6])
    assert found.total[0] == 1.0
    without = contributions(simulate, where, gamma=1.0, default=still, method="difference")
    assert without.value[0].tolist() == [0.0, 0.0, 1.0]  # either left glove can be spared


def test_a_food_that_needs_both_is_shared_and_one_that_needs_one_is_not() -> None:
    task = load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])
    # Agents of levels 1 and 2 beside a food of level 3 at (2, 2); another food far away; both load.
    state = np.array([[2, 1, 1, 2, 3, 2, 2, 2, 3, 5, 5, 3, -1, -1]], np.float32)
    where = Situation(state, state, np.zeros(1, np.int64), np.full((1, 1, 2), 5), np.ones((1, 1), bool))
    both = contributions(simulator(task), where, gamma=0.99, default=np.zeros((1, 2), np.int64))
    assert both.value[0] == pytest.approx([0.25, 0.25])  # half of the reward for one of two foods, 0.5
    state[0, 8] = 2  # now the second agent could have done it alone
    alone = contributions(simulator(task), where, gamma=0.99, default=np.zeros((1, 2), np.int64))
    assert alone.value[0] == pytest.approx([0.0, alone.total[0]], abs=1e-6)
    assert alone.total[0] > 0


def test_simulated_totals_are_the_rewards_that_were_logged() -> None:
    task = load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])
    episodes = collect(task, 20, 0)
    rows = episodes.transitions()
    found = contributions(
        simulator(task), situations(episodes), gamma=task.gamma, default=default_actions(rows.available)
    )
    assert found.value.sum(axis=1) == pytest.approx(found.total, abs=1e-6)
    assert found.total == pytest.approx(rows.reward, abs=1e-6)  # who stands still earns nothing


def test_a_longer_horizon_follows_the_log_and_discounts() -> None:
    task = load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])
    episodes = collect(task, 10, 3)
    rows = episodes.transitions()
    paid = np.flatnonzero(rows.reward > 0)
    before = paid[(rows.step[paid] > 0)] - 1
    found = contributions(
        simulator(task), situations(episodes, before, horizon=2), gamma=0.5, default=rows.actions[before]
    )
    assert found.total == pytest.approx(np.zeros(len(before)))  # the default is what was done
    worth = simulator(task)(*vars(situations(episodes, before, horizon=2)).values())
    assert worth[:, 1] == pytest.approx(rows.reward[paid[rows.step[paid] > 0]])


def test_sampled_values_hold_the_exact_ones_in_their_intervals() -> None:
    rng = np.random.default_rng(0)
    weight = rng.random(8)

    def worth(acts):
        return (acts * weight).sum(axis=1) + 2.0 * (acts[:, 0] & acts[:, 1])

    where = one_step(np.ones((1, 8), np.int64))
    found = contributions(game(worth), where, gamma=1.0, default=np.zeros((1, 8), np.int64), orders=200)
    exact = weight + np.r_[1.0, 1.0, np.zeros(6)]
    assert not found.exact
    assert found.half_width[0, :2].min() > 0.05
    assert (np.abs(found.value[0] - exact) <= found.half_width[0] + 1e-6).all()
    with pytest.raises(InputError, match="at least 2"):
        contributions(game(worth), where, gamma=1.0, default=np.zeros((1, 8), np.int64), orders=1)


def test_the_error_is_zero_for_the_true_mixer_and_grows_with_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((500, 3)) * (rng.random((500, 1)) < 0.5)
    noise = rng.random((500, 3))

    def error(credit):
        wrong, weight = contribution_errors(credit.astype(np.float32), truth)
        return wrong.sum() / weight.sum()

    errors = [error(truth + scale * noise) for scale in (0.0, 0.1, 0.3, 1.0, 3.0)]
    assert errors[0] == pytest.approx(0.0, abs=1e-6)
    assert all(a < b for a, b in itertools.pairwise(errors))
    assert error(7.0 * truth) == pytest.approx(0.0, abs=1e-6)  # only shares count
