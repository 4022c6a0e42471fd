"""Functions in the style that models write, of which everything that is true is PROVED."""

from __future__ import annotations

import msgspec
import pytest

from tfcaf_forge.evidence.proofs import PROPERTIES, prove
from tfcaf_forge.graph.verify import verify

from .conftest import task_named

HEAD = "def tfcaf(local_q, state):\n    "
OUT = "\n    return (local_q * w).sum(dim=1, keepdim=True)\n"

WEIGHTS = {
    "softmax of levels": "w = F.softmax(state[:, [2, 5]], dim=1)",
    "softmax with a temperature": "w = F.softmax(state[:, [0, 3]] * state[:, [1, 4]] / 0.5, dim=-1) * 2",
    "softmax by hand": "x = state[:, [0, 3]]\n    e = torch.exp(x - x.max(dim=1, keepdim=True)[0])\n    w = e / (e.sum(dim=1, keepdim=True) + 1e-8)",
    "normalised levels": "s = state[:, [2, 5]]\n    w = s / s.sum(dim=1, keepdim=True)",
    "normalised with epsilon": "s = torch.clamp(state[:, [8, 11]], min=0.0)\n    w = s / (s.sum(dim=1, keepdim=True) + 1e-8)",
    "normalised, then one less": "s = torch.clamp(state[:, [8, 11]], min=0.0)\n    w = 1.0 - s / (s.sum(dim=1, keepdim=True) + 1e-8)",
    "normalised by a clamped sum": "s = torch.relu(state[:, [6, 9]])\n    w = 1 - s / s.sum(dim=1, keepdim=True).clamp(min=1e-6)",
    "normalised by F.normalize": "w = 1.001 - F.normalize(state[:, [0, 3]], p=2.0, dim=1)",
    "minimum and maximum": "x = state[:, [0, 3]]\n    lo = x.min(dim=1, keepdim=True)[0]\n    hi = x.max(dim=1, keepdim=True)[0]\n    w = 1.0 - (x - lo) / (hi - lo + 1e-6)",
    "maximum less each": "x = state[:, [0, 3]]\n    w = x.max(dim=1, keepdim=True)[0] - x",
    "inverse distance with epsilon": "dx = state[:, [0, 3]] - state[:, [6]]\n    dy = state[:, [1, 4]] - state[:, [7]]\n    w = 1.0 / (torch.sqrt(dx ** 2 + dy ** 2) + 1e-6)",
    "inverse distance by norm": "d = torch.norm(state[:, 0:2] - state[:, 3:5], dim=1, keepdim=True)\n    w = torch.cat([1 / (1 + d), d / (d + 1)], dim=1)",
    "exponential of a distance": "d = torch.abs(state[:, [0, 3]] - state[:, [6]])\n    w = torch.exp(-d) + 0.1",
    "one less an exponential": "d = torch.abs(state[:, [0, 3]] - state[:, [6]])\n    w = 1.0 - torch.exp(-d)",
    "an absent food by where": "lvl = state[:, [8, 11]]\n    w = torch.where(lvl > 0, 1.0 / lvl, torch.ones_like(lvl))",
    "an absent food by mask": "lvl = state[:, [8, 11]]\n    there = (lvl > 0).float()\n    w = there / (lvl + (1.0 - there))",
    "a sentinel coordinate": "x = state[:, [6, 9]]\n    w = torch.where(x >= 0, torch.sqrt(x), torch.zeros_like(x))",
    "two conditions": "x, y = state[:, [6, 9]], state[:, [7, 10]]\n    w = torch.where((x >= 0) & (y > 0), x / y, torch.ones_like(x))",
    "guarded sum": "s = torch.relu(state[:, [6, 9]])\n    t = s.sum(dim=1, keepdim=True)\n    w = torch.where(t > 0, s / t, torch.full_like(s, 0.5))",
    "masked softmax with a large number": "m = state[:, [8, 11]] > 0\n    w = F.softmax(torch.where(m, state[:, [0, 3]], torch.full_like(state[:, [0, 3]], -1e9)), dim=1)",
    "sigmoid": "w = torch.sigmoid(state[:, [0, 3]] - state[:, [1, 4]])",
    "one plus tanh": "w = 1.0 + torch.tanh(state[:, [0, 3]] - state[:, [1, 4]])",
    "columns written one by one": "w = torch.zeros(local_q.shape[0], 2)\n    w[:, 0] = state[:, 2]\n    w[:, 1] = state[:, 5] * 0.5\n    w = w + 0.1",
    "loop and stack": "parts = []\n    for i in range(2):\n        a = state[:, 3 * i:3 * i + 3]\n        d = 0.0\n        for j in range(2):\n            f = state[:, 6 + 3 * j:9 + 3 * j]\n            gap = torch.abs(a[:, 0] - f[:, 0]) + torch.abs(a[:, 1] - f[:, 1])\n            d = d + torch.where(f[:, 2] > 0, 1.0 / (gap + 1.0), torch.zeros_like(gap))\n        parts.append(d)\n    s = torch.stack(parts, dim=1)\n    w = (s + 0.1) / (s + 0.1).sum(dim=1, keepdim=True)",
    "elements of a total": "a, b = state[:, 2], state[:, 5]\n    t = a + b + 1e-8\n    w = torch.stack([1.0 - a / t, 1.0 - b / t], dim=1)",
    "presence decides": "x, lvl = state[:, [6, 9]], state[:, [8, 11]]\n    w = torch.where(lvl > 0, x, torch.ones_like(x))",
    "one-hot of the last action": "a = state[:, [12, 13]].long().clamp(min=0)\n    w = 0.5 + (a == 5).float()",
    "table by level": "t = torch.tensor([0.2, 0.5, 1.0])\n    w = t[state[:, [2, 5]].long()]",
    "rank of distances": "d = state[:, [0, 3]]\n    w = 2.0 - torch.sort(d, dim=1)[0] / 7.0",
    "a matrix of distances": "p = torch.stack([state[:, 0:2], state[:, 3:5]], dim=1)\n    f = torch.stack([state[:, 6:8], state[:, 9:11]], dim=1)\n    d = ((p.unsqueeze(2) - f.unsqueeze(1)) ** 2).sum(dim=-1)\n    w = F.softmax(-d.min(dim=2)[0], dim=1)",
    "a linear layer": "x = torch.stack([state[:, 0:3], state[:, 3:6]], dim=1)\n    w = F.softplus(x @ torch.tensor([[0.1], [0.2], [0.3]])).squeeze(-1)",
    "variance": "x = state[:, 0:6]\n    w = torch.sqrt(x.var(dim=1, keepdim=True) + 1e-6) * torch.ones_like(local_q)",
}

MIXES = {
    "equal": "return local_q.sum(dim=1, keepdim=True)",
    "mean with a bias": "return local_q.mean(dim=1, keepdim=True) + state[:, :1] * 0.1",
    "einsum": "w = F.softmax(state[:, [0, 3]], dim=1)\n    return torch.einsum('bn,bn->b', local_q, w).unsqueeze(1)",
    "bmm": "w = F.softmax(state[:, [0, 3]], dim=1)\n    return torch.bmm(local_q.unsqueeze(1), w.unsqueeze(2)).squeeze(2)",
    "by agent": "return local_q[:, 0:1] * state[:, 2:3] + local_q[:, 1:2] * state[:, 5:6]",
    "bounded": "return torch.tanh(local_q * 0.1).sum(dim=1, keepdim=True)",
    "rectified": "return F.leaky_relu(local_q, 0.1).sum(dim=1, keepdim=True)",
    "elu": "return F.elu(local_q).sum(dim=1, keepdim=True)",
    "largest": "return local_q.max(dim=1, keepdim=True)[0] + 0.1 * local_q.sum(dim=1, keepdim=True)",
    "soft maximum": "return torch.logsumexp(local_q, dim=1, keepdim=True)",
    "cube": "return (local_q ** 3).sum(dim=1, keepdim=True)",
}

REQUIRED = ("monotone", "finite", "finite-gradient", "batch-independent", "bounded-credit", "deterministic")


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_proved(name, proofs_of):
    proofs = proofs_of(HEAD + WEIGHTS[name] + OUT)
    assert {k: proofs[k].detail for k in REQUIRED if proofs[k].status != "PROVED"} == {}


@pytest.mark.parametrize("name", MIXES)
def test_ways_to_mix_are_proved(name, proofs_of):
    proofs = proofs_of(HEAD + MIXES[name] + "\n")
    assert {k: proofs[k].detail for k in REQUIRED if proofs[k].status != "PROVED"} == {}


@pytest.mark.parametrize(
    ("source", "constant"),
    [
        (WEIGHTS["softmax of levels"] + OUT, 1.0),
        (WEIGHTS["softmax with a temperature"] + OUT, 2.0),
        (WEIGHTS["normalised levels"] + OUT, 1.0),
        (MIXES["equal"], 2.0),
        (MIXES["mean with a bias"], 1.0),
    ],
)
def test_the_sum_of_the_credits_is_proved_with_its_constant(source, constant, proofs_of):
    proof = proofs_of(HEAD + source + "\n")["credit-sum"]
    assert proof.status == "PROVED"
    assert proof.detail.startswith(f"the credits sum to {constant:g}")


@pytest.mark.parametrize("source", [WEIGHTS["sigmoid"] + OUT, WEIGHTS["normalised with epsilon"] + OUT])
def test_a_sum_that_depends_on_the_state_is_not_proved_constant(source, proofs_of):
    assert proofs_of(HEAD + source)["credit-sum"].status == "UNKNOWN"


def test_the_bound_of_the_credit_is_told(proofs_of):
    proof = proofs_of(HEAD + "w = state[:, [2, 5]] * 1.5" + OUT)["bounded-credit"]
    assert proof.detail == "|credit| <= 3; by agent [1.5, 3], [1.5, 3]"


def test_fields_marked_irrelevant_are_told_apart(traced):
    task = task_named()
    blocks = [
        msgspec.structs.replace(b, fields=tuple(msgspec.structs.replace(f, irrelevant=True) for f in b.fields))
        if b.name == "last_action"
        else b
        for b in task.state
    ]
    marked = msgspec.structs.replace(task, state=tuple(blocks))
    for source, status in ((WEIGHTS["sigmoid"], "PROVED"), (WEIGHTS["one-hot of the last action"], "UNKNOWN")):
        graph = traced(HEAD + source + OUT)
        proof = prove(graph, verify(graph), marked)["irrelevant-fields"]
        assert proof.status == status
        assert ("last_action[0]" in proof.detail) == (status == "UNKNOWN")


def test_every_property_is_answered_and_a_graph_of_another_size_is_unknown(traced):
    graph = traced(HEAD + MIXES["equal"] + "\n")
    proofs = prove(graph, verify(graph), task_named("lbf-10x10-3p-3f"))
    assert tuple(proofs) == PROPERTIES
    assert all(proof.status == "UNKNOWN" for proof in proofs.values())


def test_a_spent_budget_ends_in_unknown(traced):
    graph = traced(HEAD + WEIGHTS["loop and stack"] + OUT)
    proofs = prove(graph, verify(graph), task_named(), budget_s=0.0)
    assert proofs["monotone"].status == "UNKNOWN"
    assert "time" in proofs["monotone"].detail
