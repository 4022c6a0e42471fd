import pytest
import torch

from tfcaf_forge.training.measures import contribution_error


def test_the_error_is_the_distance_between_shares_where_somebody_was_paid():
    credit = torch.tensor([[1.0, 1.0], [3.0, 1.0], [9.0, 9.0]])
    reward = torch.tensor([[1.0, 0.0], [0.3, 0.1], [0.0, 0.0]])
    # (|1/2 - 1| + |1/2 - 0|) / 2 = 1/2; the second is right; the third paid nobody.
    assert contribution_error(credit, reward) == pytest.approx(0.25)


def test_nobody_paid_is_no_error():
    assert contribution_error(torch.ones(2, 2), torch.zeros(2, 2)) is None


def test_a_punishment_is_shared_like_a_reward_and_negative_credit_is_wrong():
    reward = torch.tensor([[-3.0, -1.0]])
    assert contribution_error(torch.tensor([[3.0, 1.0]]), reward) == pytest.approx(0.0)
    assert contribution_error(torch.tensor([[1.0, 1.0]]), reward) == pytest.approx(0.25)
    assert contribution_error(torch.tensor([[-3.0, 1.0]]), reward) == pytest.approx(0.75)
