import numpy as np
import pytest

from tfcaf_forge.errors import TaskError
from tfcaf_forge.training.envs.behaviour import RandomBehaviour
from tfcaf_forge.training.envs.predator_prey import CATCH, PredatorPreyBatch
from tfcaf_forge.training.rollout import rollout

STAY = 0


def _hunt(agents, prey, n_envs=1):
    """A 6x6 hunt with these places; those of agents and prey that are left out are gone."""
    env = PredatorPreyBatch("6x6-4a-2p", n_envs)
    env.reset(0)
    agents = [*agents, *[(-1, -1)] * (4 - len(agents))]
    prey = [*prey, *[(-1, -1)] * (2 - len(prey))]
    state = np.array([[*np.ravel(agents), *np.ravel(prey), -1, -1, -1, -1]] * n_envs, np.float32)
    return env, env.restore(state)


def test_two_that_catch_together_are_paid_and_leave_with_their_prey():
    env, _ = _hunt([(2, 1), (2, 3), (5, 5), (0, 5)], [(2, 2), (4, 0)])
    step = env.step(np.array([[CATCH, CATCH, STAY, STAY]]))
    assert step.reward.tolist() == [10.0]
    assert step.state[0, :4].tolist() == [-1] * 4
    assert step.state[0, 8:10].tolist() == [-1, -1]
    assert step.available[0, 0].tolist() == [True] + [False] * 5
    assert not step.obs[0, 0].any()
    assert not step.terminated[0]


def test_one_that_catches_alone_costs_the_team_the_penalty():
    env, _ = _hunt([(2, 1), (2, 3), (5, 5), (0, 5)], [(2, 2), (4, 0)])
    step = env.step(np.array([[CATCH, STAY, CATCH, STAY]]))
    assert step.reward.tolist() == [-2.0], "the third agent stands beside no prey"
    assert (step.state[0, :8] >= 0).all()


def test_the_grid_is_a_torus_for_moving_and_for_catching():
    env, _ = _hunt([(0, 0), (5, 1), (3, 3), (3, 4)], [(5, 0), (2, 2)])
    assert env.step(np.array([[CATCH, CATCH, STAY, STAY]])).reward.tolist() == [10.0]
    env, _ = _hunt([(0, 0), (3, 3), (2, 4), (4, 4)], [(2, 1), (4, 2)])
    step = env.step(np.array([[1, STAY, STAY, STAY]]))
    assert step.state[0, :2].tolist() == [5, 0]


def test_nobody_enters_a_taken_cell_and_of_two_one_arrives():
    env, _ = _hunt([(0, 0), (0, 1), (0, 3)], [(4, 4)], n_envs=200)
    step = env.step(np.tile([4, 4, 3, STAY], (200, 1)))  # the first follows the second, which meets the third at (0, 2)
    places = step.state[:, :6].reshape(200, 3, 2)
    assert all(len({tuple(place) for place in copy}) == 3 for copy in places)
    arrived = [tuple(copy[1]) == (0, 2) for copy in places.astype(int)]
    assert 60 < sum(arrived) < 140, "who moves first is drawn"


def test_three_catchers_lose_two_of_them_and_the_hunt_ends_without_a_pair():
    env, _ = _hunt([(2, 1), (2, 3), (1, 2)], [(2, 2), (4, 0)])
    step = env.step(np.array([[CATCH, CATCH, CATCH, STAY]]))
    assert step.reward.tolist() == [10.0]
    assert (step.state[0, :8].reshape(4, 2) >= 0).all(axis=1).sum() == 1
    assert step.terminated.tolist() == [True]
    after = env.step(np.array([[STAY, STAY, 1, STAY]]))
    assert np.array_equal(after.state, step.state)
    assert not after.reward.any()


def test_prey_moves_to_each_free_cell_beside_it_or_stays_as_often():
    env, _ = _hunt([(2, 1), (5, 5)], [(2, 2)], n_envs=4000)
    moved = env.step(np.zeros((4000, 4), np.int64)).state[:, 8:10]
    cells, counts = np.unique(moved, axis=0, return_counts=True)
    assert {tuple(cell) for cell in cells.astype(int)} == {(2, 2), (1, 2), (3, 2), (2, 3)}
    assert np.abs(counts / 4000 - 0.25).max() < 0.03


def test_one_seed_gives_one_episode_and_the_time_limit_truncates():
    env = PredatorPreyBatch("10x10-8a-8p", 4, {"episode_limit": 30})
    one, other = rollout(env, RandomBehaviour(), seed=1).check(), rollout(env, RandomBehaviour(), seed=1)
    assert all(np.array_equal(one.arrays()[name], other.arrays()[name]) for name in one.arrays())
    assert one.truncated[:, -1].any()
    assert one.reward.min() < 0


def test_an_agent_sees_who_is_near_and_where_it_stands():
    _, step = _hunt([(0, 0), (5, 0), (3, 3), (2, 5)], [(0, 1), (4, 4)])
    agents, prey, own = np.split(step.obs[0, 0], [25, 50])
    assert np.argwhere(agents.reshape(5, 5)).tolist() == [[1, 2], [2, 2], [4, 1]]
    assert np.argwhere(prey.reshape(5, 5)).tolist() == [[0, 0], [2, 3]]
    assert own.tolist() == [0, 0]


def test_unknown_hunts_and_options_are_refused():
    with pytest.raises(TaskError, match="known: 10x10-8a-8p, 6x6-4a-2p"):
        PredatorPreyBatch("chess", 1)
    with pytest.raises(TaskError, match="no option prey"):
        PredatorPreyBatch("6x6-4a-2p", 1, {"prey": 3})
