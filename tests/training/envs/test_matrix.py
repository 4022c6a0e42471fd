import numpy as np
import pytest

from tfcaf_forge.errors import TaskError
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


def test_an_unknown_game_is_refused_naming_the_known():
    with pytest.raises(TaskError, match="known: climbing"):
        MatrixBatch("chess", 1)
