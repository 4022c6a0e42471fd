import numpy as np
import pytest

from tfcaf_forge.errors import InputError, TaskError
from tfcaf_forge.training.envs.matrix import MatrixBatch


def test_every_pair_of_actions_pays_what_the_paper_says_and_ends_the_game():
    env = MatrixBatch("climbing", 9)
    start = env.reset(0)
    pairs = np.array([[i, j] for i in range(3) for j in range(3)])
    step = env.step(pairs)
    assert step.reward.tolist() == [11, -30, 0, -30, 7, 6, 0, 0, 5]
    assert step.terminated.all()
    assert not step.truncated.any()
    assert start.state[0].tolist() == [0, -1, -1]
    assert step.state[5].tolist() == [1, 1, 2]
    assert env.step(pairs).reward.tolist() == [0] * 9, "the game is over"


def test_the_penalty_game_pays_for_meeting_and_fines_for_mixing_up():
    env = MatrixBatch("penalty", 9)
    env.reset(0)
    pairs = np.array([[i, j] for i in range(3) for j in range(3)])
    assert env.step(pairs).reward.tolist() == [10, 0, -100, 0, 2, 0, -100, 0, 10]


def test_a_game_is_restored_before_or_after_it_was_played():
    env = MatrixBatch("climbing", 2)
    start = env.reset(0).state
    over = env.step(np.array([[0, 0], [1, 1]])).state
    assert env.restore(over).terminated.all()
    assert not env.restore(start).terminated.any()
    assert env.step(np.array([[0, 0], [1, 1]])).reward.tolist() == [11, 7]
    with pytest.raises(InputError, match="all before the game or all after it"):
        env.restore(np.stack([start[0], over[0]]))


def test_an_unknown_game_is_refused_naming_the_known():
    with pytest.raises(TaskError, match="known: climbing"):
        MatrixBatch("chess", 1)
