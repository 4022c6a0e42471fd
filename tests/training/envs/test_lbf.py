import msgspec
import numpy as np
import pytest

from tfcaf_forge.errors import MissingExtra, TaskError
from tfcaf_forge.training.envs.base import copy_seeds
from tfcaf_forge.training.envs.behaviour import ForagingBehaviour
from tfcaf_forge.training.envs.lbf import LbforagingCopies

IDS = ["Foraging-2s-8x8-2p-2f-coop-v3", "Foraging-2s-15x15-4p-3f-v3", "Foraging-5x5-3p-2f-v3"]


@pytest.mark.parametrize("env_id", IDS)
def test_a_copy_shows_exactly_what_lbforaging_shows(env_id, tasks):
    import gymnasium

    n_envs, seed = 4, 11
    batch = LbforagingCopies(env_id, n_envs)
    step = batch.reset(seed)
    originals = [gymnasium.make(env_id).unwrapped for _ in range(n_envs)]
    shown = [env.reset(seed=s)[0] for env, s in zip(originals, copy_seeds(seed, n_envs), strict=True)]
    assert np.array_equal(step.obs, np.array(shown))
    rng = np.random.default_rng(0)
    forager = _forager(tasks, env_id)
    rewarded = 0
    for _ in range(60):
        actions = forager(step, rng) if forager else rng.integers(0, 6, (n_envs, batch.n_agents))
        before, step = step, batch.step(actions)
        for b, env in enumerate(originals):
            if before.ended[b]:
                assert np.array_equal(step.obs[b], before.obs[b])
                assert step.reward[b] == 0
                continue
            obs, rewards, done, _, _ = env.step(actions[b].tolist())
            rewarded += any(rewards)
            assert np.array_equal(step.obs[b], np.array(obs))
            assert step.agent_reward[b] == pytest.approx(rewards)
            assert step.reward[b] == pytest.approx(sum(rewards))
            assert done == step.ended[b]
            assert step.terminated[b] == (not env.field.any())
            assert _positions(step.state[b], env) == sorted(zip(*np.nonzero(env.field), strict=True))
    assert rewarded > 0 or forager is None


def _forager(tasks, env_id):
    task = next((task for task in tasks.values() if task.environment.id == env_id), None)
    if task is None:
        return None
    behaviour = ForagingBehaviour(task, epsilon=0.2)

    def act(step, rng):
        behaviour.begin(len(step.reward), rng)
        return behaviour.act(step)

    return act


def _positions(state, env):
    foods = state[3 * env.n_agents :][: 3 * env.max_num_food].reshape(-1, 3)
    assert [tuple(p) for p in state[: 3 * env.n_agents].reshape(-1, 3)] == [(*p.position, p.level) for p in env.players]
    return sorted((int(row), int(column)) for row, column, level in foods if level > 0)


def test_the_state_is_laid_out_as_the_task_says(coop):
    env = LbforagingCopies(coop.environment.id, 1)
    start = env.reset(3).state[0]
    after = env.step(np.array([[0, 5]])).state[0]
    names = coop.names
    assert len(start) == coop.state_size
    assert [start[names.index(f"last_action[{i}]")] for i in range(2)] == [-1, -1]
    assert [after[names.index(f"last_action[{i}]")] for i in range(2)] == [0, 5]
    rows = [start[names.index(f"foods[{k}].x")] for k in range(2)]
    assert rows == sorted(rows), "foods stand in row-major order at reset"


def test_an_eaten_food_becomes_absent_and_the_others_keep_their_slots(coop):
    env = LbforagingCopies(coop.environment.id, 32)
    behaviour = ForagingBehaviour(coop, epsilon=0.1)
    behaviour.begin(32, np.random.default_rng(0))
    step = env.reset(0)
    eaten_first = 0
    for _ in range(env.episode_limit):
        before = step.state[:, 6:12].reshape(32, 2, 3)
        step = env.step(behaviour.act(step))
        foods = step.state[:, 6:12].reshape(32, 2, 3)
        changed = (foods != before).any(axis=2)
        assert (foods[changed] == [-1, -1, 0]).all()
        assert (step.reward > 0).tolist() == changed.any(axis=1).tolist()
        eaten_first += int((changed[:, 0] & (foods[:, 1, 2] > 0)).sum())
    assert eaten_first > 0, "the first slot was emptied while the second one held its food"


def test_the_time_limit_truncates_and_the_last_food_terminates(coop):
    env = LbforagingCopies(coop.environment.id, 16)
    behaviour = ForagingBehaviour(coop, epsilon=0.3)
    behaviour.begin(16, np.random.default_rng(1))
    step = env.reset(1)
    for t in range(1, env.episode_limit + 1):
        step = env.step(behaviour.act(step))
        assert not (step.truncated.any() and t < env.episode_limit)
        assert not (step.terminated & step.truncated).any()
    assert step.ended.all()
    no_food = (step.state[:, [8, 11]] == 0).all(axis=1)
    assert np.array_equal(step.terminated, no_food)


def test_one_seed_gives_one_episode_and_copies_differ(coop):
    env = LbforagingCopies(coop.environment.id, 4)
    first, again, other = env.reset(5).state, env.reset(5).state, env.reset(6).state
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({tuple(row) for row in first}) == 4


def test_masks_allow_exactly_what_lbforaging_carries_out(coop):
    env = LbforagingCopies(coop.environment.id, 8, {"mask_invalid": True})
    step = env.reset(0)
    assert step.available[..., 0].all(), "standing still is always possible"
    assert not step.available.all()
    rows = step.state[:, [0, 3]]
    assert not step.available[..., 1][rows == 0].any(), "no way north at the north edge"
    assert LbforagingCopies(coop.environment.id, 2).reset(0).available.all()


def test_unknown_ids_and_options_are_refused_with_their_name():
    with pytest.raises(TaskError, match="Foraging-9x9"):
        LbforagingCopies("Foraging-9x9-v7", 1)
    with pytest.raises(TaskError, match="no_such"):
        LbforagingCopies(IDS[0], 1, {"no_such": 1})
    with pytest.raises(TaskError, match="grid_observation"):
        LbforagingCopies(IDS[0], 1, {"grid_observation": True})
    with pytest.raises(TaskError, match="is not level-based foraging"):
        LbforagingCopies("CartPole-v1", 1)


def test_options_reach_the_environment(coop):
    env = LbforagingCopies(coop.environment.id, 1, {"max_episode_steps": 7})
    assert env.episode_limit == 7


def test_without_lbforaging_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lbforaging", None)
    with pytest.raises(MissingExtra, match=r"tfcaf-forge\[lbf\]"):
        LbforagingCopies(IDS[0], 1)


def test_a_task_that_its_environment_contradicts_is_refused(coop):
    from tfcaf_forge.training.envs.make import make_env

    with pytest.raises(TaskError, match="declares episode_limit = 25, its environment has 50"):
        make_env(msgspec.structs.replace(coop, episode_limit=25), 1)
    kind = msgspec.structs.replace(coop.environment, kind="chess")
    with pytest.raises(TaskError, match="'chess' is unknown; known: gymnasium, lbforaging, matrix"):
        make_env(msgspec.structs.replace(coop, environment=kind), 1)
