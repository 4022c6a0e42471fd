"""Functions that are nearly monotone, or nearly finite: none of them is ever PROVED to be what it is not.

Each breaks its property only in a corner of the default task's domain: two agents on an 8 x 8 grid (x, y in
0..7, level in 1..2), two foods (x, y in 1..6, level in 2..4, or -1, -1, 0), two last actions (-1..5).
"""

from __future__ import annotations

import pytest

HEAD = "def tfcaf(local_q, state):\n    "
OUT = "\n    return (local_q * w).sum(dim=1, keepdim=True)\n"

NEARLY_MONOTONE = {
    "zero only where all four numbers are at their ends": "w = torch.relu(state[:, [0, 3]] + 13.0) - state[:, [1, 4]] * 2.0 + 0.999",
    "one unit below zero at the far corner": "w = 13.999 - state[:, [0, 3]] - state[:, [1, 4]]",
    "negative for an absent food alone": "w = (state[:, [6, 9]] + 0.5)",
    "negative for an absent food by its level": "w = state[:, [8, 11]] - 0.01",
    "epsilon of the wrong sign": "s = state[:, [2, 5]]\n    w = s / s.sum(dim=1, keepdim=True) - 1e-7 - 1.0 / 3.0",
    "softmax less its own maximum": "p = F.softmax(state[:, [0, 3]], dim=1)\n    w = p - p.max(dim=1, keepdim=True)[0] * 0.001",
    "tanh that may fall just below": "w = 1.0 + 1.0000001 * torch.tanh(-state[:, [0, 3]] * 3.0) - 1e-7",
    "where that guards the wrong side": "x = state[:, [0, 3]]\n    w = torch.where(x >= 7.0, x - 7.5, x)",
    "cosine of an angle up to 7": "w = torch.cos(state[:, [0, 3]] * 0.2244) - 1e-4",
    "last action -1 before the first step": "w = state[:, [12, 13]] * 0.1 + 0.0999",
    "difference of two sums in another order": "a = state[:, [0, 3]] * 0.1\n    w = (a + 0.3) + 0.7 - (a + (0.3 + 0.70000005))",
    "distance minus its bound": "d = torch.abs(state[:, 0] - state[:, 3]) + torch.abs(state[:, 1] - state[:, 4])\n    w = torch.stack([13.9 - d, 14.0 - d], dim=1)",
    "nonnegative only without subnormal weights": "w = state[:, [0, 3]] - 1e-30 * state[:, [1, 4]]",
    "clamped before the last subtraction": "w = torch.clamp(state[:, [0, 3]], min=1.0) - 1.0000001",
    "square less a little": "w = (state[:, [0, 3]] - 3.5) ** 2 - 0.2500001",
}

NEARLY_FINITE = {
    "minus epsilon plus epsilon": "x = torch.clamp(state[:, [0, 3]], max=1.0) * -1e-8\n    w = 1.0 / (x + 1e-8)",
    "absent foods sum to zero": "f = state[:, [8, 11]]\n    w = f / f.sum(dim=1, keepdim=True)",
    "a distance that can be zero": "d = torch.abs(state[:, [0]] - state[:, [3]])\n    w = torch.cat([1.0 / d, 1.0 / (d + 1.0)], dim=1)",
    "last action one before": "w = 1.0 / (state[:, [12, 13]] + 1.0)",
    "exponential just too large": "w = torch.exp(state[:, [0, 3]] * 12.7)",
    "logarithm at the west edge": "w = torch.log(state[:, [1, 4]])",
    "root of a sentinel": "w = torch.sqrt(state[:, [6, 9]] + 0.999)",
    "inf less inf": "big = torch.exp(state[:, [0, 3]] * 20.0)\n    w = big - big + 1.0",
    "zero times inf": "x = state[:, [0, 3]]\n    w = (x - x) * torch.exp(x * 20.0) + 1.0",
    "masked softmax with nobody left": "m = state[:, [8, 11]] > 0\n    w = F.softmax(torch.where(m, state[:, [0, 3]], torch.full_like(state[:, [0, 3]], float('-inf'))), dim=1)",
    "range of equal numbers": "x = state[:, [0, 3]]\n    lo, hi = x.min(dim=1, keepdim=True)[0], x.max(dim=1, keepdim=True)[0]\n    w = (x - lo) / (hi - lo)",
    "deviation of equal numbers": "x = state[:, [0, 3]]\n    w = (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True)",
    "cube of a large square": "x = state[:, [0, 3]] * 1e7\n    w = (x ** 3) * (x ** 3) * 1e-30",
    "remainder by a level that can be zero": "w = torch.remainder(state[:, [0, 3]], state[:, [8, 11]])",
    "power of zero": "w = state[:, [0, 3]] ** -1.0",
    "guard one too low": "x = state[:, [12, 13]]\n    w = torch.where(x > -2.0, 1.0 / (x + 1.0), x)",
}

NOT_MONOTONE_IN_Q = {
    "a jump down": "return torch.where(local_q > 0, local_q - 1.0, local_q).sum(dim=1, keepdim=True)",
    "a product of values": "return (local_q[:, :1] * local_q[:, 1:]) + local_q.sum(dim=1, keepdim=True) * 9.0",
    "values that are detached": "return (local_q * 2.0 - local_q.detach() * 3.0).sum(dim=1, keepdim=True)",
    "rounded values": "return (local_q - 2.0 * torch.round(local_q)).sum(dim=1, keepdim=True)",
    "softmax attention": "return (F.softmax(local_q, dim=1) * local_q).sum(dim=1, keepdim=True)",
    "a sine that nearly rises": "return (local_q + 1.0001 * torch.sin(local_q)).sum(dim=1, keepdim=True)",
    "greedy choice": "i = local_q.argmax(dim=1, keepdim=True)\n    return -i.float() + local_q.sum(dim=1, keepdim=True) * 0.0",
    "a pole": "return (-1.0 / local_q).sum(dim=1, keepdim=True)",
    "a pole that is squashed": "return torch.tanh(-1.0 / local_q).sum(dim=1, keepdim=True)",
    "a softplus that jumps": "return F.softplus(local_q, beta=1, threshold=2).sum(dim=1, keepdim=True)",
    "a cubic with a dip": "return (local_q ** 3 - 0.001 * local_q).sum(dim=1, keepdim=True)",
}


@pytest.mark.parametrize("name", NEARLY_MONOTONE)
def test_a_nearly_monotone_function_is_not_proved_monotone(name, proofs_of):
    assert proofs_of(HEAD + NEARLY_MONOTONE[name] + OUT, budget_s=0.3)["monotone"].status == "UNKNOWN"


@pytest.mark.parametrize("name", NOT_MONOTONE_IN_Q)
def test_what_is_not_monotone_in_the_values_is_not_proved_monotone(name, proofs_of):
    assert proofs_of(HEAD + NOT_MONOTONE_IN_Q[name] + "\n", budget_s=0.3)["monotone"].status == "UNKNOWN"


@pytest.mark.parametrize("name", NEARLY_FINITE)
def test_a_nearly_finite_function_is_not_proved_finite(name, proofs_of):
    proofs = proofs_of(HEAD + NEARLY_FINITE[name] + OUT, budget_s=0.3)
    assert proofs["finite"].status == "UNKNOWN"
    assert proofs["finite-gradient"].status == "UNKNOWN"
    assert "line" in proofs["finite"].detail


def test_the_gradient_through_an_untaken_branch_is_not_proved_finite(proofs_of):
    source = HEAD + (
        "x = state[:, [8, 11]]\n"
        "    w = torch.where(x > 0, local_q / x, local_q)\n"
        "    return w.sum(dim=1, keepdim=True)\n"
    )
    proofs = proofs_of(source)
    assert proofs["finite"].status == "PROVED"
    assert proofs["finite-gradient"].status == "UNKNOWN"
