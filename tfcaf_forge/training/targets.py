"""The mathematics of the targets, as pure functions.

Time runs along axis 1. `r_t` follows the action at t, `v_tp1` values what is seen after it. A terminated step has no
future; a truncated one has, and bootstraps; a padded one (`valid` False) counts nowhere.
"""

from __future__ import annotations

import torch
from torch import Tensor


def greedy_actions(values: Tensor, available: Tensor) -> Tensor:
    """The best available action: float32 [..., A], bool [..., A] with at least one True a row -> int64 [...].

    With the online network's values this is the choice of Double Q-learning (van Hasselt et al., 2016), which the
    target network then values; with the target network's own it is plain Q-learning.
    """
    return torch.where(available, values, -torch.inf).argmax(dim=-1)


def one_step_targets(r_t: Tensor, v_tp1: Tensor, terminated: Tensor, gamma: float) -> Tensor:
    """y_t = r_t + gamma * (1 - terminated_t) * V_{t+1}, all of one shape. Truncation bootstraps."""
    return r_t + gamma * v_tp1.masked_fill(terminated, 0.0)


def n_step_targets(r_t: Tensor, v_tp1: Tensor, terminated: Tensor, valid: Tensor, gamma: float, n: int) -> Tensor:
    """Sum of n discounted rewards plus the discounted value after them (Sutton and Barto, 2018, eq. 7.1).

    Where the episode ends sooner: nothing follows a terminated step, and a truncated one bootstraps there.
    By recursion: y^1 is the one-step target, and y^k_t = r_t + gamma * (1 - terminated_t) * y^{k-1}_{t+1}.

    Args:
        r_t, v_tp1: float32 [B, T].
        terminated, valid: bool [B, T].
        gamma: discount.
        n: number of rewards, at least 1.

    Returns:
        float32 [B, T].
    """
    targets = one_step_targets(r_t, v_tp1, terminated, gamma)
    for _ in range(n - 1):
        targets = one_step_targets(r_t, _following(targets, v_tp1, valid), terminated, gamma)
    return targets


def lambda_targets(r_t: Tensor, v_tp1: Tensor, terminated: Tensor, valid: Tensor, gamma: float, lam: float) -> Tensor:
    """TD(lambda) targets: y_t = r_t + gamma * (1 - terminated_t) * ((1 - lam) * V_{t+1} + lam * y_{t+1}).

    (Sutton and Barto, 2018, eq. 12.2 in recursive form.) At an episode's last step y_{t+1} is V_{t+1}.

    Args:
        r_t, v_tp1: float32 [B, T].
        terminated, valid: bool [B, T].
        gamma: discount.
        lam: in [0, 1].

    Returns:
        float32 [B, T].
    """
    horizon = r_t.shape[1]
    targets = torch.empty_like(r_t)
    for t in reversed(range(horizon)):
        v = v_tp1[:, t]
        following = v if t == horizon - 1 else torch.where(valid[:, t + 1], targets[:, t + 1], v)
        mixed = (1.0 - lam) * v + lam * following
        targets[:, t] = one_step_targets(r_t[:, t], mixed, terminated[:, t], gamma)
    return targets


def _following(targets: Tensor, v_tp1: Tensor, valid: Tensor) -> Tensor:
    """y_{t+1} where step t+1 is real, else V_{t+1}."""
    following = v_tp1.clone()
    following[:, :-1] = torch.where(valid[:, 1:], targets[:, 1:], v_tp1[:, :-1])
    return following
