"""What common torch code is refused, what the refusal says, and that what it advises is accepted.

`docs/refused-idioms.md` is made from this list: FORGE_WRITE_DOCS=1 pytest tests/sandbox/test_refused_idioms.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tfcaf_forge.proposals.allowed import REFUSED, TAKEN
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

DOCS = Path(__file__).parents[2] / "docs" / "refused-idioms.md"


class Idiom(NamedTuple):
    """`refused` and `instead` are lines of a function of (q, s); why is the reason in one sentence."""

    refused: str
    instead: str
    why: str


DATA = "A graph has no branches and no shapes that depend on the data, so that it holds for every row."
STATE = "A credit function is evaluated anywhere, in any order, any number of times."
REACH = "What does not exist cannot be misused."
BATCH = "A row's credit must not depend on which other rows are in the batch."
WRITES = "The inputs belong to the trainer."
IDIOMS = {
    "Choice": [
        Idiom("if s.sum() > 0:\n    w = s[:, :2]\nelse:\n    w = -s[:, :2]", "w = torch.where(s.sum(dim=1, keepdim=True) > 0, s[:, :2], -s[:, :2])", DATA),
        Idiom("w = s[:, :2].clone()\nw[w < 0] = 0.0", "w = s[:, :2]\nw = torch.where(w < 0, torch.zeros_like(w), w)", DATA),
        Idiom("w = s[s[:, 0] > 0]", "w = s[:, :2] * (s[:, :1] > 0).float()", DATA),
        Idiom("w = max(s[:, 0], s[:, 1])", "w = torch.maximum(s[:, 0], s[:, 1]).unsqueeze(1)", DATA),
        Idiom("w = torch.where(s[:, 0] > 0)", "w = torch.where(s[:, :1] > 0, 1.0, 0.5)", DATA),
        Idiom("w = s.nonzero()", "w = (s[:, :2] != 0).float()", DATA),
        Idiom("w = s[:, :2].unique()", "w = (s[:, :1] == s[:, 1:2]).float()", DATA),
        Idiom("while s.sum() > 0:\n    s = s - 1", "for i in range(3):\n    s = s - 1\nw = s[:, :2]", DATA),
    ],
    "Numbers out of tensors": [
        Idiom("w = s[0, 0].item()", "w = s[:, :1]", DATA),
        Idiom("w = float(s.mean())", "w = s.mean(dim=1, keepdim=True)", DATA),
        Idiom("w = torch.tensor([s[0, 0], s[0, 1]])", "w = torch.stack([s[:, 0], s[:, 1]], dim=1)", DATA),
        Idiom("w = s.tolist()", "w = s[:, :2]", DATA),
        Idiom("w = s.numpy()", "w = s[:, :2]", DATA),
        Idiom("w = F.one_hot(s[:, :2].long())", "w = F.one_hot(s[:, 0].long().clamp(0, 1), num_classes=2)", DATA),
        Idiom("w = math.sqrt(s[0, 0])", "w = torch.sqrt(s[:, :1].abs())", DATA),
    ],
    "Rows and the batch": [
        Idiom("w = torch.stack([q[i].sum() for i in range(q.shape[0])])", "w = q.sum(dim=1, keepdim=True)", BATCH),
        Idiom("for row in s:\n    w = row", "for i in range(2):\n    w = s[:, i:i + 1]", BATCH),
        Idiom("return q.sum(dim=1, keepdim=True) / q.shape[0]", "return q.sum(dim=1, keepdim=True) / q.shape[1]", BATCH),
        Idiom("return q.sum(dim=1)", "return q.sum(dim=1, keepdim=True)", "Q_tot is [B, 1], one number a row."),
        Idiom("w = torch.ones(32, 2)\nreturn (w * q).sum(dim=1, keepdim=True)", "w = torch.ones(q.shape[0], 2)", BATCH),
    ],
    "Writing": [
        Idiom("q[:, 0] = 0.0", "x = q.clone()\nx[:, 0] = 0.0", WRITES),
        Idiom("q += 1.0", "x = q + 1.0", WRITES),
        Idiom("x = s[:, 0]\nx += 1.0", "x = s[:, 0] + 1.0", WRITES),
        Idiom("x = q.clone()\nx.clamp_(0.0, 1.0)", "x = q.clamp(0.0, 1.0)", "One way to write is enough: a slice of a tensor that the function made."),
        Idiom("x = torch.empty(q.shape[0], 2)", "x = torch.zeros(q.shape[0], 2)", "Uninitialised memory is not a function of the inputs."),
        Idiom("x = torch.relu(q, out=q)", "x = torch.relu(q)", WRITES),
        Idiom("x = F.relu(q, inplace=True)", "x = F.relu(q)", WRITES),
        Idiom("x = torch.zeros_like(q)\nx[:, torch.tensor([0, 1])] = 1.0", "x = torch.zeros_like(q)\nfor i in range(2):\n    x[:, i] = 1.0", DATA),
    ],
    "Python": [
        Idiom("f = lambda x: x * 2", "def f(x):\n    return x * 2", "One kind of function is enough."),
        Idiom("w = {'a': 1.0}", "w = [1.0]", "Names of variables are enough."),
        Idiom("try:\n    w = q\nexcept ValueError:\n    w = s", "w = torch.nan_to_num(q)", "An exception is a branch on the data, and holds the frame that it passed."),
        Idiom("raise ValueError", "w = torch.clamp(q, -10.0, 10.0)", STATE),
        Idiom("print(q.shape)", "w = q", "Nobody reads it."),
        Idiom("with torch.no_grad():\n    w = q", "w = q", "It is never trained, and its gradient is the credit."),
        Idiom("w = f'{q}'", "w = q", "There is no text."),
        Idiom("if isinstance(q, torch.Tensor):\n    w = q", "w = q", "It is always one."),
        Idiom("class Mixer:\n    pass", "def mix(x):\n    return x", STATE),
        Idiom("w = list(map(abs, [1.0, -1.0]))", "w = [abs(x) for x in [1.0, -1.0]]", "Comprehensions are enough."),
        Idiom("a, *rest = [1.0, 2.0]", "a, b = [1.0, 2.0]", "Sizes are constants."),
        Idiom("x = q.sum() if (n := 2) else s", "n = 2", "One way to assign is enough."),
        Idiom("def f(*xs):\n    return xs", "def f(a, b):\n    return a + b", "Positional-only and star parameters have let code past guards before."),
        Idiom("import numpy as np", "import torch", REACH),
        Idiom("w = np.zeros(2)", "w = torch.zeros(2)", REACH),
        Idiom("for i in range(10 ** 6):\n    w = i", "for i in range(100):\n    w = i", "A loop is unrolled into the graph."),
    ],
    "Types, devices, randomness, modules": [
        Idiom("w = q.double()", "w = q.float()", "A kernel follows its inputs' type; inside the sandbox that is float32."),
        Idiom("w = q.cuda()", "w = q.to(q.device)", "A kernel follows its inputs' device."),
        Idiom("w = torch.rand(2)", "w = torch.full((2,), 0.5)", STATE),
        Idiom("w = F.dropout(q)", "w = q", STATE),
        Idiom("w = torch.nn.Linear(2, 1)", "w = F.linear(q, torch.tensor([[0.5, 0.5]]))", "A TFCAF has no trained parameters."),
        Idiom("w = torch.linalg.inv(torch.eye(2))", "w = torch.tensor([[1.0, 0.0], [0.0, 1.0]])", "There is no proof rule for it."),
        Idiom("w = s.quantile(0.5, dim=1)", "w = s.median(dim=1)[0]", "There is no proof rule for it."),
        Idiom("w = torch.cummax(s, 1)", "w = torch.stack([s[:, :i + 1].amax(dim=1) for i in range(3)], dim=1)", "There is no proof rule for it."),
        Idiom("w = torch.scatter_add(q, 1, q.long(), q)", "w = (F.one_hot(q.long().clamp(0, 1), num_classes=2) * q.unsqueeze(-1)).sum(dim=1)", "There is no proof rule for it."),
        Idiom("w = torch.squeeze(s[:, :1])", "w = s[:, :1].squeeze(1)", "It has another shape for a single row."),
    ],
}  # fmt: skip
CASES = [idiom for group in IDIOMS.values() for idiom in group]


@pytest.fixture(scope="module")
def trace():
    rng = np.random.default_rng(0)
    probes = [
        (rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 6)).astype(np.float32))
        for rows in (1, 3, 8)
    ]
    with Sandbox() as sandbox:

        def run(body: str) -> Traced | Rejection:
            lines = [*body.splitlines(), *([] if "return q" in body else ["return q.sum(dim=1, keepdim=True)"])]
            source = "def tfcaf(q, s):\n" + "".join(f"    {line}\n" for line in lines)
            return sandbox.trace(
                Proposal(id=1, coder="file", source=source), Contract(n_agents=2, state_size=6), probes
            )

        yield run


@pytest.mark.parametrize("idiom", CASES, ids=lambda idiom: idiom.refused.splitlines()[0][:40])
def test_the_idiom_is_refused_and_what_is_advised_is_accepted(idiom, trace):
    refused, instead = trace(idiom.refused), trace(idiom.instead)
    assert isinstance(refused, Rejection)
    assert refused.code != "exception", str(refused)
    assert isinstance(instead, Traced), str(instead)


def test_the_page_says_what_the_sandbox_says(trace):
    text = _page(trace)
    if os.environ.get("FORGE_WRITE_DOCS"):
        DOCS.write_text(text, encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8") == text


def _page(trace) -> str:
    parts = [
        "# What the sandbox refuses, and what to write instead\n\n"
        "A credit function becomes a graph of tensor operations, the same for every row and every batch. Most of what\n"
        "models write passes as it is: loops over agents, slices, in-place writes to tensors that the function made,\n"
        "`torch.where`, softmax, norms, `einsum`, helper functions, comprehensions, constants. What does not is refused\n"
        "with a line number and a remedy. This page is made, and checked, by `tests/sandbox/test_refused_idioms.py`.\n"
    ]
    for title, idioms in IDIOMS.items():
        parts.append(f"\n## {title}\n")
        for idiom in idioms:
            told = trace(idiom.refused)
            assert isinstance(told, Rejection)
            said = f"{told.stage}/{told.code}: {told.message}"
            parts.append(
                f"\n```python\n{idiom.refused}\n```\n\n{idiom.why}\n\n> {said}\n\n```python\n{idiom.instead}\n```\n"
            )
    return "".join(parts)


@pytest.mark.parametrize("form", REFUSED, ids=lambda form: form.said[:40])
def test_what_a_prompt_says_is_refused_is_refused(form, trace):
    told = trace("local_q, state = q, s\n" + form.shown)
    assert isinstance(told, Rejection)
    assert told.code != "exception", str(told)


@pytest.mark.parametrize("form", TAKEN, ids=lambda form: form.said[:40])
def test_what_a_prompt_promises_is_taken(form, trace):
    told = trace("local_q, state = q, s\n" + form.shown)
    assert isinstance(told, Traced), str(told)
