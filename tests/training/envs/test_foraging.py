import numpy as np
import pytest
import torch

from tests.training.envs import differential
from tfcaf_forge.errors import InputError, TaskError
from tfcaf_forge.training.envs import foraging_rules
from tfcaf_forge.training.envs.behaviour import ForagingBehaviour, RandomBehaviour
from tfcaf_forge.training.envs.foraging import ForagingBatch
from tfcaf_forge.training.envs.foraging_rules import read_rules
from tfcaf_forge.training.rollout import rollout

COOP = "Foraging-2s-8x8-2p-2f-coop-v3"
ALPHA = 1e-4  # of each of the comparisons of distributions; the seeds are fixed, so a failure is not by chance


def test_foraging_on_arrays_is_lbforaging_number_for_number():
    found = differential.run(5000, n_envs=10)
    assert found.steps >= 5000
    assert all(found.seen[what] > 0 for what in found.seen), found.seen
    assert found.seen["loads that were paid"] > 100
    assert found.seen["loads that were fined"] > 100
    assert found.seen["two agents in one cell"] > 10


def test_the_comparison_finds_a_planted_fault(monkeypatch):
    monkeypatch.setattr(differential.ForagingBatch, "_move", _move_without_collisions)
    with pytest.raises(AssertionError):
        differential.run(6000, n_envs=12, variants=[("Foraging-6x6-9p-2f-v3", {})])


def _move_without_collisions(self, chosen):
    to = self._at + self._moves.take(chosen)
    self._at = np.where(self._grid.take(to) != 0, self._at, to)
    self._agents[..., :2] = self._places.take(self._at - self._base, axis=0)


# The start of an episode: summaries of a layout that together pin its distribution down.
SUMMARIES = {
    "cell of the first agent": lambda agents, foods: tuple(agents[0, :2]),
    "where the second agent stands from the first": lambda agents, foods: tuple(agents[1, :2] - agents[0, :2]),
    "cells of all foods": lambda agents, foods: tuple(foods[:, :2].ravel()),
    "number of foods": lambda agents, foods: int((foods[:, 2] > 0).sum()),
    "levels": lambda agents, foods: (*agents[:, 2], *foods[:, 2]),
    "first food from the first agent": lambda agents, foods: tuple(foods[0, :2] - agents[0, :2]),
}


@pytest.mark.parametrize(
    ("env_id", "options", "number"),
    [
        ("Foraging-6x6-2p-2f-v3", {}, 4000),
        ("Foraging-5x5-3p-2f-coop-v3", {}, 800),  # lbforaging tries a thousand times where there is no place
        ("Foraging-7x7-2p-3f-v3", {"max_player_level": 3, "max_food_level": 2}, 3000),
    ],
)
def test_episodes_start_as_often_in_each_layout_as_in_lbforaging(env_id, options, number):
    ours, theirs = _drawn(env_id, options, number), _reset_by_lbforaging(env_id, options, number)
    for what, summary in SUMMARIES.items():
        p = _same_distribution([summary(*x) for x in ours], [summary(*x) for x in theirs])
        assert p > ALPHA, (what, p)


def test_the_comparison_of_starts_finds_a_missing_spacing_rule(monkeypatch):
    theirs = _reset_by_lbforaging("Foraging-6x6-2p-2f-v3", {}, 2000)
    square = np.array([r * 8 + c for r in (-1, 0, 1) for c in (-1, 0, 1)])
    monkeypatch.setattr(foraging_rules, "_too_near", lambda rules: square)
    ours = _drawn("Foraging-6x6-2p-2f-v3", {}, 2000)
    foods = SUMMARIES["cells of all foods"]
    assert _same_distribution([foods(*x) for x in ours], [foods(*x) for x in theirs]) < ALPHA


def _drawn(env_id, options, number):
    state = ForagingBatch(env_id, number, options).reset(0).state
    return list(zip(*_split(state, read_rules(env_id, options)), strict=True))


def _split(state, rules):
    n, f = 3 * rules.n_agents, 3 * rules.n_foods
    return state[:, :n].reshape(len(state), -1, 3), state[:, n : n + f].reshape(len(state), -1, 3)


def _reset_by_lbforaging(env_id, options, number):
    env = differential.original(env_id, options)
    env._make_gym_obs = lambda: ()
    env.reset(seed=1)
    made = []
    for _ in range(number):
        for player in env.players:
            player.position = None
        env.reset()
        foods = np.full((env.max_num_food, 3), [-1, -1, 0])
        cells = np.argwhere(env.field)
        foods[: len(cells)] = [(*cell, env.field[tuple(cell)]) for cell in cells]
        made.append((np.array([(*player.position, player.level) for player in env.players]), foods))
    return made


def _same_distribution(one, other):
    """p-value of the two-sample chi-square test; values seen fewer than ten times in all count as one."""
    names = {}
    for value in [*one, *other]:
        names[value] = names.get(value, 0) + 1
    common = {value: k + 1 for k, value in enumerate(v for v, count in names.items() if count >= 10)}
    counts = [np.bincount([common.get(v, 0) for v in sample], minlength=len(common) + 1) for sample in (one, other)]
    there = counts[0] + counts[1] > 0
    a, b = counts[0][there], counts[1][there]
    statistic = float(((a - b) ** 2 / (a + b)).sum())  # samples of one size
    freedom = max(len(a) - 1, 1)
    return float(torch.special.gammaincc(torch.tensor(freedom / 2.0), torch.tensor(statistic / 2.0)))


def test_a_start_depends_on_the_seed_and_the_copy_alone(coop):
    few, many = ForagingBatch(COOP, 3).reset(5).state, ForagingBatch(COOP, 50).reset(5).state
    assert np.array_equal(few, many[:3])
    assert len({tuple(row) for row in many}) == 50
    assert not np.array_equal(few, ForagingBatch(COOP, 3).reset(6).state)


def test_a_rollout_is_repeated_exactly_by_a_batch_that_was_used_before(tasks):
    task = tasks["lbf-10x10-3p-3f"]
    env, policy = ForagingBatch(task.environment.id, 16), ForagingBehaviour(task)
    first = rollout(env, policy, seed=3)
    rollout(env, policy, seed=4)
    again = rollout(env, policy, seed=3)
    assert all(np.array_equal(first.arrays()[name], again.arrays()[name]) for name in first.arrays())


def test_what_was_handed_out_does_not_change_afterwards(coop):
    env, policy = ForagingBatch(COOP, 32), ForagingBehaviour(coop, epsilon=0.1)
    policy.begin(32, np.random.default_rng(0))
    step = env.reset(0)
    kept = []
    for _ in range(50):
        kept.append((step, {name: np.copy(getattr(step, name)) for name in ("obs", "state", "reward", "terminated")}))
        step = env.step(policy.act(step))
    assert kept[-1][0].terminated.any()
    assert all(np.array_equal(getattr(step, name), was[name]) for step, was in kept for name in was)


@pytest.mark.parametrize("name", ["lbf-8x8-2p-2f-coop", "lbf-10x10-3p-3f", "lbf-15x15-4p-3f"])
def test_a_restored_episode_continues_exactly_as_the_first_time(tasks, name):
    task = tasks[name]
    episodes = rollout(ForagingBatch(task.environment.id, 64), ForagingBehaviour(task, epsilon=0.3), seed=0)
    rewarded = 0
    for t in (0, 7, 20):
        episode = np.flatnonzero(episodes.valid[:, t])
        env = ForagingBatch(task.environment.id, len(episode))
        steps = np.full(len(episode), t)
        step = env.restore(episodes.state[episode, t], steps, start=episodes.state[episode, 0])
        assert np.array_equal(step.obs, episodes.obs[episode, t])
        assert not step.reward.any()
        assert not step.ended.any()
        for k in range(t, episodes.horizon):
            step = env.step(episodes.actions[episode, k])
            live = episodes.valid[episode, k]
            for mine, stored in {"obs": episodes.obs[:, 1:], "state": episodes.state[:, 1:]}.items():
                assert np.array_equal(getattr(step, mine)[live], stored[episode[live], k])
            for field in ("reward", "agent_reward", "terminated", "truncated"):
                assert np.array_equal(getattr(step, field)[live], getattr(episodes, field)[episode[live], k]), field
            rewarded += int((step.reward > 0).sum())
    assert rewarded > 20


def test_restoring_keeps_slots_and_lists_foods_by_row_for_the_agents():
    env = ForagingBatch("Foraging-8x8-2p-2f-v3", 1)
    state = np.array([[3, 3, 1, 6, 6, 2, 5, 3, 1, 2, 3, 2, -1, -1]], np.float32)  # the lower food stands first
    step = env.restore(state)
    assert step.obs[0, 0].tolist() == [2, 3, 2, 5, 3, 1, 3, 3, 1, 6, 6, 2]
    step = env.step(np.array([[2, 0]]))  # the first agent walks south and stands above the food at 5, 3
    step = env.step(np.array([[5, 0]]))
    assert step.state[0, 6:12].tolist() == [-1, -1, 0, 2, 3, 2]
    assert step.reward[0] == np.float32(1 / 3)


def test_restoring_counts_the_steps_and_knows_the_end():
    env = ForagingBatch(COOP, 3)
    state = np.tile(np.array([0, 0, 1, 7, 7, 1, 2, 2, 2, -1, -1, 0, -1, -1], np.float32), (3, 1))
    state[2, 6:9] = [-1, -1, 0]
    step = env.restore(state, np.array([0, 50, 50]))
    assert step.truncated.tolist() == [False, True, False]
    assert step.terminated.tolist() == [False, False, True]
    assert env.step(np.full((3, 2), 2)).state[:, 0].tolist() == [1, 0, 0], "copies that have ended stay"


@pytest.mark.parametrize(
    ("where", "value"),
    [(0, 8), (0, -1), (2, 0), (6, 0), (6, 2.5), (8, 0), (12, 6), (13, float("nan"))],
)
def test_a_state_that_cannot_be_is_refused_naming_the_copy(where, value):
    env = ForagingBatch(COOP, 2)
    state = np.tile(np.array([0, 0, 1, 7, 7, 1, 2, 2, 2, -1, -1, 0, -1, -1], np.float32), (2, 1))
    state[1, where] = value
    with pytest.raises(InputError, match="the state of copy 1 is none"):
        env.restore(state)
    state[1] = state[0]
    state[1, :2] = [2, 2]
    with pytest.raises(InputError, match="copy 1"):
        env.restore(state)  # an agent on a food
    with pytest.raises(InputError, match="shape"):
        env.restore(state[:1])


def test_masks_allow_only_what_is_carried_out(coop):
    env = ForagingBatch(COOP, 8, {"mask_invalid": True})
    step = env.reset(0)
    assert step.available[..., 0].all(), "standing still is always possible"
    assert not step.available.all()
    assert not step.available[..., 1][step.state[:, [0, 3]] == 0].any(), "no way north at the north edge"
    policy = RandomBehaviour()
    policy.begin(8, np.random.default_rng(0))
    assert env.step(policy.act(step)).reward.shape == (8,)


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("Foraging-9x9-v7", {}, "Foraging-9x9-v7"),
        ("Foraging-8x9-2p-2f-v3", {}, "Foraging-8x9"),
        ("CartPole-v1", {}, "is not level-based foraging"),
        ("Foraging-4x4-2p-2f-v3", {}, "side must be 5 to 30"),
        ("Foraging-8x8-12p-2f-v3", {}, "1 to 9 agents"),
        ("Foraging-8x8-2p-9f-v3", {}, "1 to 4 foods"),
        (COOP, {"no_such": 1}, "no option no_such"),
        (COOP, {"sight": "far"}, "sight = 'far'; it must be of type int"),
        (COOP, {"sight": True}, "must be of type int"),
        (COOP, {"min_food_level": 3}, "levels must be"),
    ],
)
def test_unknown_ids_and_options_are_refused_with_their_name(env_id, options, message):
    with pytest.raises(TaskError, match=message):
        ForagingBatch(env_id, 1, options)


def test_names_and_options_mean_what_lbforaging_makes_of_them():
    rules = read_rules("Foraging-2s-8x8-2p-2f-coop-v3", {"max_episode_steps": 7, "penalty": 1})
    assert (rules.size, rules.n_agents, rules.n_foods, rules.sight, rules.force_coop) == (8, 2, 2, 2, True)
    assert (rules.episode_limit, rules.penalty) == (7, 1.0)
    assert read_rules("Foraging-8x8-2p-2f-v3").sight == 8
    assert read_rules("Foraging-8x8-2p-2f-ind-pen-v3").max_food_level == 1
