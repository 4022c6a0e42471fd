import numpy as np

from tfcaf_forge.training.envs.behaviour import ForagingBehaviour, RandomBehaviour
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.rollout import rollout


def test_a_rollout_is_whole_episodes_whose_ends_are_marked(coop):
    batch = rollout(make_env(coop, 16), ForagingBehaviour(coop, epsilon=0.3), seed=0).check()
    assert batch.horizon == coop.episode_limit
    last = batch.lengths - 1
    rows = np.arange(16)
    assert (batch.terminated[rows, last] | batch.truncated[rows, last]).all()
    assert (batch.lengths[batch.truncated.any(axis=1)] == coop.episode_limit).all()
    assert batch.terminated.any()
    assert np.allclose(batch.agent_reward.sum(axis=2), batch.reward)


def test_the_state_after_a_step_remembers_the_action(coop):
    batch = rollout(make_env(coop, 4), RandomBehaviour(), seed=0)
    rows = batch.transitions()
    assert np.array_equal(rows.next_state[:, -2:], rows.actions)


def test_one_seed_gives_one_rollout(coop):
    env = make_env(coop, 3)
    one, two, other = (rollout(env, RandomBehaviour(), seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(array, two.arrays()[name]) for name, array in one.arrays().items())
    assert not np.array_equal(one.actions, other.actions)
