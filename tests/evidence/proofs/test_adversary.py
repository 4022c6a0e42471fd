"""An adversary's functions: corners of float32, of autograd and of indexing, each right or wrong by a hair.

The task has awkward ranges on purpose (subnormal numbers, up to 3e38, integers beyond 2^24, absent elements). What is
PROVED is held against real runs at the ends of the ranges and beside them, with subnormals kept and flushed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.records.task_spec import Agents, Credit, Environment, StateBlock, StateField, TaskSpec

from .soundness import check_proofs

BY_A_HAIR = {
    "sqrt of subnormal difference": "c = state[:, 2:3]\nw = torch.sqrt(c - c * 0.5)",
    "root shifted enough": "return torch.sqrt(local_q + 20.001).sum(dim=1, keepdim=True)",
    "clamp with min above max": "return torch.clamp(local_q, min=2.0, max=1.0).sum(dim=1, keepdim=True) + local_q.sum(dim=1, keepdim=True)",
    "clamp by state": "return torch.maximum(local_q, state[:, 3:4] * -1.0).sum(dim=1, keepdim=True)",
    "argmin of state gather": "i = state[:, [10, 12]].argmin(dim=1, keepdim=True)\nreturn torch.gather(local_q, 1, i)",
    "sorted, weighted by rank": "s, _ = torch.sort(local_q, dim=1, descending=True)\nreturn s[:, 0:1] + 0.5 * s[:, 1:2]",
    "topk values": "v, i = torch.topk(local_q, 1, dim=1)\nreturn v",
    "one hot shifted": "k = (state[:, 4] + 1).long()\nw = F.one_hot(k, 5).float()[:, :2]",
    "table by clamped sentinel": "t = torch.tensor([1.0, 2.0, 3.0, 4.0, -5.0])\nw = t[state[:, 4].long().clamp(min=0)].unsqueeze(1)",
    "integer division that reaches zero": "k = state[:, 4:5].long() // 2\nw = k.float() + 1.0",
    "softmax with -1e9": "m = state[:, [11, 13]] > 0\nx = state[:, [10, 12]].masked_fill(~m, -1e9)\nw = F.softmax(x, dim=1)",
    "minus log softmax": "w = -F.log_softmax(state[:, [0, 1]] * 100.0, dim=1)",
    "variance of a large offset": "h = state[:, [7, 0]] + 4096.0\nw = h.var(dim=1, keepdim=True)",
    "std plus eps below": "h = state[:, [0, 1]]\nw = 1.0 / (h.std(dim=1, keepdim=True) - h.std(dim=1, keepdim=True) + 1e-8)",
    "eps that covers": "g = state[:, 6:7]\nw = 1.0 / (g + 2e-8)",
    "normalised by max": "l = state[:, [11, 13]]\nw = l / l.max(dim=1, keepdim=True)[0].clamp(min=1.0)",
    "one minus share by float": "x = state[:, [0, 5]]\nw = 1.0 - x / (x.sum(dim=1, keepdim=True))",
    "remainder of a positive divisor": "e = state[:, 4:5]\nw = torch.remainder(e, 2.0)",
    "a distance below its bound": "x = state[:, [10, 12]]\nd = torch.abs(x - state[:, 5:6])\nw = 7.0 - d",
    "product of sigmoids": "s = torch.sigmoid(local_q)\nreturn s[:, 0:1] * s[:, 1:2]",
}
"""All of it holds, some of it barely: monotone, finite with its gradient, and rows apart are PROVED."""

BY_A_HAIR_UNROUNDED = {
    "power one and a half": "return (torch.relu(local_q) ** 1.5).sum(dim=1, keepdim=True)",
    "cumsum less half": "c = torch.cumsum(local_q, dim=1)\nreturn c[:, 1:2] - c[:, 0:1] * 0.5",
    "a hypernetwork's layer": "w = torch.abs(state[:, 0:2])\nh = F.elu(local_q * w + state[:, 1:2])\nreturn (h * torch.abs(state[:, 5:6])).sum(dim=1, keepdim=True)",
    "silu shifted enough": "return (F.silu(local_q) + 0.1 * local_q).sum(dim=1, keepdim=True)",
    "geometric mean": "s = torch.sigmoid(local_q)\nreturn torch.sqrt(s[:, 0:1] * s[:, 1:2])",
    "harmonic mean": "s = torch.sigmoid(local_q) + 1e-3\nreturn 2.0 / (1.0 / s).sum(dim=1, keepdim=True)",
}
"""All of it holds, but for rounding: curves and differences of numbers so large, or slopes so steep, that the bound of what
rounding may do is above what trials tolerate where Q_tot is 0. Monotone is TESTED; the rest is PROVED.
"""

FALLS = {
    "atan2 of minus zero, turned round": "z = state[:, 0:1] * -0.0\nw = torch.atan2(z, -state[:, 5:6]) + 3.0",
    "norm of negative values": "return torch.linalg.vector_norm(local_q, dim=1, keepdim=True)",
    "clamp turned around": "return (local_q.clamp(min=-1.0, max=1.0) - 0.5 * local_q).sum(dim=1, keepdim=True)",
    "ties in max": "return local_q.max(dim=1, keepdim=True)[0] * 2.0 - local_q.amax(dim=1, keepdim=True)",
    "max minus a little min": "return local_q.max(dim=1, keepdim=True)[0] - 1e-4 * local_q.min(dim=1, keepdim=True)[0]",
    "tie of max and mean": "return local_q.amax(dim=1, keepdim=True) - 0.5 * local_q.mean(dim=1, keepdim=True)",
    "gather by q rank": "i = local_q.argmin(dim=1, keepdim=True)\nreturn torch.gather(state[:, 0:2], 1, i) + local_q.sum(dim=1, keepdim=True)",
    "sorted weights": "s, _ = torch.sort(local_q, dim=1)\nreturn s[:, 1:2] - 0.1 * s[:, 0:1]",
    "topk index as weight": "v, i = torch.topk(local_q, 1, dim=1)\nreturn v * 0.0 - i.float() + local_q.sum(dim=1, keepdim=True) * 0.01",
    "cumsum credit": "c = torch.cumsum(local_q, dim=1)\nreturn c[:, 1:2] - c[:, 0:1] * 1.0001",
    "table by sentinel": "t = torch.tensor([1.0, 2.0, 3.0, -5.0])\nw = t[state[:, 4].long()].unsqueeze(1)",
    "integer division floors below": "k = state[:, 4:5].long() // 2\nw = k.float() + 0.999",
    "float to int of large": "k = state[:, 3:4].long()\nw = k.float().clamp(max=1.0)",
    "float to int of larger state": "k = state[:, 9:10].long()\nw = torch.abs(k).float()",
    "softmax less half": "w = F.softmax(state[:, [0, 1]] * 100.0, dim=1) - 1e-30",
    "log softmax as weight": "w = -F.log_softmax(state[:, [0, 1]] * 100.0, dim=1) - 1e-30",
    "cancellation in variance": "h = state[:, [7, 0]] + 4096.0\nw = (h * h).mean(dim=1, keepdim=True) - h.mean(dim=1, keepdim=True) ** 2",
    "two orders of a sum": "a, b, c = state[:, 0:1], state[:, 1:2], state[:, 5:6]\nw = ((a + b) + c) - (a + (b + c)) + 1e-8",
    "associative by luck": "a = state[:, 0:1]\nw = (a + 1.0) - 1.0 - a + 1e-8",
    "share above one": "x = state[:, [0, 5]]\nw = 1.0 - x / (x.sum(dim=1, keepdim=True) - 1e-7)",
    "share of product": "a, b = state[:, 0:1], state[:, 5:6]\nw = 1.0 - torch.sqrt(a) * torch.sqrt(a) / (a + 1e-30)",
    "cos sin one": "b = state[:, 1:2]\nw = 1.0 - (torch.sin(b) ** 2 + torch.cos(b) ** 2)",
    "tanh product": "b = state[:, 7:8]\nw = 1.0 - torch.tanh(b) * (torch.exp(-b) + 1.0)",
    "sigmoid symmetric": "b = state[:, 7:8]\nw = 1.0 - torch.sigmoid(b) - torch.sigmoid(-b)",
    "exp log back": "f = state[:, 5:6]\nw = torch.exp(torch.log(f)) - f + 1e-9",
    "square of root": "f = state[:, 5:6]\nw = f - torch.sqrt(f) ** 2",
    "round half to even": "e = state[:, 4:5] * 0.5\nw = torch.round(e) - e",
    "remainder negative": "e = state[:, 4:5]\nw = torch.fmod(e, 2.0)",
    "remainder equals divisor": "g = state[:, 6:7]\nw = 1.0 - torch.remainder(g * 1e-3, 1.0) - 1e-9",
    "absent distance": "x = state[:, [10, 12]]\nd = torch.abs(x - 6.0)\nw = 6.9 - d",
    "inplace slices": "w = torch.zeros(local_q.shape[0], 2)\nw[:, 0] = state[:, 0]\nw[:, 1] = state[:, 1]",
    "inplace alias": "x = state[:, 0:2].clone()\ny = x\ny[:, 1] = y[:, 1] - 1.0\nw = torch.relu(x) + x[:, 1:2]",
    "inplace add twice": "w = torch.ones_like(local_q)\nw[:, 0] += state[:, 1]\nw[:, 0] += state[:, 1] * 0.001",
    "inplace on q": "y = local_q.clone()\ny[:, 0] = y[:, 0] * state[:, 1]\nreturn y.sum(dim=1, keepdim=True)",
    "detach sign": "return (1.5 * local_q - local_q.detach() * 2.0).sum(dim=1, keepdim=True)",
    "no grad trick": "return (local_q.detach() * -1.0 + local_q * 0.5).sum(dim=1, keepdim=True)",
    "log mean exp minus": "return torch.logsumexp(local_q, dim=1, keepdim=True) - 0.01 * local_q.sum(dim=1, keepdim=True)",
    "gelu of q": "return F.gelu(local_q).sum(dim=1, keepdim=True)",
    "gelu shifted": "return (F.gelu(local_q) + 0.1289 * local_q).sum(dim=1, keepdim=True)",
    "silu shifted": "return (F.silu(local_q) + 0.0998 * local_q).sum(dim=1, keepdim=True)",
    "tanh of many": "return (torch.tanh(local_q) - 1e-9 * local_q).sum(dim=1, keepdim=True)",
    "share of q": "s = torch.exp(local_q * 0.1)\nreturn (s / s.sum(dim=1, keepdim=True))[:, 0:1] + local_q.sum(dim=1, keepdim=True)*0.01",
    "nan_to_num of overflow": "return torch.nan_to_num(torch.exp(local_q * 9.0).sum(dim=1, keepdim=True), posinf=0.0)",
}
"""Real inputs of the declared ranges show a negative credit, or a value that falls."""

NOT_FINITE = {
    "subnormal in a denominator": "w = 1.0 / state[:, 2:3].clamp(min=1e-45)",
    "overflow square root back": "d = state[:, 3:4]\nw = torch.sqrt(d * d)",
    "inf times mask": "x = torch.exp(state[:, 7:8])\nw = x * (state[:, 7:8] < 50.0).float()",
    "softmax with -inf rows": "m = state[:, [11, 13]] > 0\nx = state[:, [10, 12]].masked_fill(~m, float('-inf'))\nw = F.softmax(x, dim=1)",
    "eps just short": "g = state[:, 6:7]\nw = 1.0 / (g + 1e-8)",
    "normalised without eps": "l = state[:, [11, 13]]\nw = l / l.sum(dim=1, keepdim=True)",
    "exp of q overflow": "return torch.log(torch.exp(local_q * 5.0).sum(dim=1, keepdim=True))",
}
"""Some declared input gives an infinity or a NaN."""

NO_GRADIENT = {
    "root shifted": "return torch.sqrt(local_q + 20.0).sum(dim=1, keepdim=True)",
    "std of q": "return local_q.mean(dim=1, keepdim=True) + local_q.std(dim=1, keepdim=True)",
}
"""The value is finite, a gradient is not."""

ROWS_MEET = {
    "broadcast over the batch": "w = state[:, 0]\nreturn (local_q.sum(dim=1) * w).unsqueeze(1) + (local_q[:, :1] - local_q[:, 0]).mean(dim=1, keepdim=True)",
    "batch norm": "x = state[:, 0:1]\nw = x - x.mean() + 1.0\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "batch max": "w = state[:, 0:1] / (state[:, 0:1].max() + 1e-8)\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "row number as weight": "w = torch.arange(local_q.shape[0]).float().unsqueeze(1)\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "rows counted": "w = torch.ones(local_q.shape[0], 1).sum()\nreturn (local_q / w).sum(dim=1, keepdim=True)",
    "cumsum over rows": "w = torch.cumsum(state[:, 0:1], dim=0)\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "flip of rows": "w = torch.flip(state[:, 0:1], [0])\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "first row's state": "w = state[0, 0]\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "reshape across": "w = state[:, 0:2].reshape(2, -1).t()\nreturn (local_q * w).sum(dim=1, keepdim=True)",
    "product of the batch with itself": "m = local_q @ local_q.t()\nreturn local_q.sum(dim=1, keepdim=True) + 0.0 * m.sum()",
    "sort of rows": "w, _ = torch.sort(state[:, 0:1], dim=0)\nreturn (local_q * w).sum(dim=1, keepdim=True)",
}
"""A row depends on others, on its number, or on how many there are."""

UNDECIDED = {
    "safe root masked after": "m = local_q > 0\nr = torch.sqrt(torch.where(m, local_q, torch.ones_like(local_q)))\nreturn torch.where(m, r, torch.zeros_like(r)).sum(dim=1, keepdim=True)",
    "integers above 2^24": "i = state[:, 8:9]\nw = (i + 1.0) - i - 0.5",
    "odd integers above 2^24": "i = state[:, 8:9]\nw = 1.0 - torch.abs(torch.remainder(i + 1.0, 2.0) + torch.remainder(i, 2.0) - 1.0)",
    "share by reciprocal": "x = state[:, [0, 5]]\nw = 1.0 - x * (1.0 / x.sum(dim=1, keepdim=True))",
    "floor of almost": "f = state[:, 5:6]\nw = 1.0 + torch.floor(f * 0.1 * 10.0) - f",
    "big offset": "return ((local_q + 1e8) - 1e8).sum(dim=1, keepdim=True)",
    "hidden offset": "b = 1e9 * state[:, 5:6]\nreturn ((local_q * state[:, 0:1]).sum(dim=1, keepdim=True) * 2.0 - ((local_q * state[:, 0:1]).sum(dim=1, keepdim=True) + b) + b)",
    "ratio of subnormals": "c = state[:, 2:3]\nw = c / (c + 1e-45)",
    "nan behind a mask product": "x = torch.log(state[:, 1:2])\nw = torch.nan_to_num(x * (state[:, 1:2] > 0).float()).abs()",
    "eps lost": "g = state[:, 6:7]\nw = 1.0 / (1.0 + g - 1.0 + 1e-9)",
    "elu plus": "return (F.elu(local_q) + 1.0).log().sum(dim=1, keepdim=True)",
    "sqrt gradient at zero": "return torch.sqrt(torch.relu(local_q)).sum(dim=1, keepdim=True)",
    "power gradient at zero": "return (torch.relu(local_q) ** 0.9).sum(dim=1, keepdim=True)",
}
"""Nobody has shown what these break; what is PROVED of them has to survive."""


@cache
def corners() -> TaskSpec:
    """14 numbers; in brackets the columns."""

    def field(name: str, low: float, high: float, **more) -> StateField:
        return StateField(name=name, low=low, high=high, **more)

    plain = (
        field("unit", 0, 1),  # 0
        field("sign", -1, 1),  # 1
        field("subnormal", 0, 1e-38),  # 2
        field("huge", 0, 3e38),  # 3
        field("class", -1, 3, kind="integer"),  # 4
        field("above-one", 1, 2),  # 5
        field("tiny", -1e-8, 1e-8),  # 6
        field("hundred", 0, 100),  # 7
        field("count", 0, 16777220, kind="integer"),  # 8
        field("wide", -1e20, 1e20),  # 9
    )
    food = (field("x", 1, 6, kind="integer", absent=-1.0), field("level", 1, 3, kind="integer", absent=0.0))
    return TaskSpec(
        name="corners",
        title="corners of float32",
        environment=Environment(kind="none"),
        agents=Agents(count=2),
        actions=("a",),
        episode_limit=1,
        credit=Credit(q_low=-10.0, q_high=10.0, q_scale=2.0),
        state=(StateBlock(name="state", fields=plain), StateBlock(name="food", count=2, fields=food)),  # 10 to 13
    )


@pytest.fixture
def holds(traced):
    """What is PROVED of a function, after real runs that tried to refute it."""

    def run(body: str) -> set[str]:
        if "return" not in body:
            body += "\nreturn (local_q * w).sum(dim=1, keepdim=True)"
        source = "def tfcaf(local_q, state):\n    " + body.replace("\n", "\n    ") + "\n"
        graph = traced(source, corners())
        proofs = prove(graph, verify(graph), corners(), budget_s=0.3)
        with np.errstate(all="ignore"):
            for seed in range(6):
                torch.set_flush_denormal(seed % 2 == 1)
                check_proofs(graph, corners(), proofs, np.random.default_rng(seed), rows=32)
        return {name for name, proof in proofs.items() if proof.status == "PROVED"}

    yield run
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("name", BY_A_HAIR)
def test_what_holds_by_a_hair_is_proved(name, holds):
    assert holds(BY_A_HAIR[name]) >= {"monotone", "finite", "finite-gradient", "batch-independent"}


@pytest.mark.parametrize("name", BY_A_HAIR_UNROUNDED)
def test_what_rounding_may_undo_has_its_other_proofs(name, holds):
    found = holds(BY_A_HAIR_UNROUNDED[name])
    assert found >= {"finite", "finite-gradient", "batch-independent"}
    assert "monotone" not in found


@pytest.mark.parametrize("name", FALLS)
def test_what_falls_by_a_hair_is_not_proved_to_rise(name, holds):
    assert "monotone" not in holds(FALLS[name])


@pytest.mark.parametrize("name", NOT_FINITE)
def test_what_is_infinite_by_a_hair_is_not_proved_finite(name, holds):
    assert not holds(NOT_FINITE[name]) & {"finite", "bounded-credit"}


@pytest.mark.parametrize("name", NO_GRADIENT)
def test_an_infinite_gradient_is_not_proved_finite(name, holds):
    assert not holds(NO_GRADIENT[name]) & {"finite-gradient", "bounded-credit"}


@pytest.mark.parametrize("name", ROWS_MEET)
def test_rows_that_meet_are_not_proved_apart(name, holds):
    assert "batch-independent" not in holds(ROWS_MEET[name])


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_is_proved_of_the_undecided_survives(name, holds):
    assert "deterministic" in holds(UNDECIDED[name])
