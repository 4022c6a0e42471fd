import torch

from tfcaf_forge.training.targets import (
    greedy_actions,
    lambda_targets,
    n_step_targets,
    one_step_targets,
)

# Two episodes of three steps; the first terminates at its end, the second is truncated after two steps.
R = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 0.0]])
V = torch.tensor([[10.0, 20.0, 30.0], [10.0, 20.0, 0.0]])
TERMINATED = torch.tensor([[False, False, True], [False, False, False]])
VALID = torch.tensor([[True, True, True], [True, True, False]])


def real(targets):
    return [row[valid].tolist() for row, valid in zip(targets, VALID, strict=True)]


def test_one_step_targets_bootstrap_a_truncated_step_and_no_terminated_one():
    assert real(one_step_targets(R, V, TERMINATED, 0.5)) == [[6.0, 12.0, 3.0], [6.0, 12.0]]


def test_two_step_targets_are_those_computed_by_hand():
    # Episode 1: 1 + 2/2 + 20/4, 2 + 3/2, 3.  Episode 2: 1 + 2/2 + 20/4, then the cut: 2 + 20/2.
    assert real(n_step_targets(R, V, TERMINATED, VALID, 0.5, 2)) == [[7.0, 3.5, 3.0], [7.0, 12.0]]


def test_many_steps_are_the_monte_carlo_return_with_a_bootstrap_at_the_cut():
    # Episode 1: 1 + 2/2 + 3/4.  Episode 2: 1 + 2/2 + 20/4.
    assert real(n_step_targets(R, V, TERMINATED, VALID, 0.5, 9)) == [[2.75, 3.5, 3.0], [7.0, 12.0]]


def test_lambda_targets_are_those_computed_by_hand():
    # lambda 1/2, from the end. Episode 1: 3; 2 + (20 + 3)/4; 1 + (10 + 7.75)/4.  Episode 2: 12; 1 + (10 + 12)/4.
    assert real(lambda_targets(R, V, TERMINATED, VALID, 0.5, 0.5)) == [[5.4375, 7.75, 3.0], [6.5, 12.0]]


def test_lambda_zero_is_one_step_and_lambda_one_is_monte_carlo():
    assert real(lambda_targets(R, V, TERMINATED, VALID, 0.5, 0.0)) == real(one_step_targets(R, V, TERMINATED, 0.5))
    assert real(lambda_targets(R, V, TERMINATED, VALID, 0.5, 1.0)) == real(
        n_step_targets(R, V, TERMINATED, VALID, 0.5, 9)
    )


def test_the_best_action_is_the_best_available_one():
    values = torch.tensor([[0.0, 1.0, 2.0], [-1.0, -5.0, 3.0]])
    everything = torch.ones(2, 3, dtype=torch.bool)
    assert greedy_actions(values, everything).tolist() == [2, 2]
    assert greedy_actions(values, torch.tensor([[True, True, False]] * 2)).tolist() == [1, 0]
