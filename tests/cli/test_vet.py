"""`forge vet` on hand-written files: what is accepted, and the typed reason for what is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.conftest import Forge
from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.vet import vet as examined

TASK = "lbf-8x8-2p-2f-coop"
HEAD = "def tfcaf(local_q, state):\n"
PAPER = '''import torch
import torch.nn.functional as F

def QLLMNetwork(agents_q: torch.Tensor, global_state: torch.Tensor) -> torch.Tensor:
    """Weights by the distance of each agent to the nearest food that is there."""
    bsz = agents_q.shape[0]
    scores = torch.zeros(bsz, 2)
    for i in range(2):
        pos = global_state[:, 3 * i:3 * i + 2]
        nearest = torch.full((bsz,), 20.0)
        for j in range(2):
            food = global_state[:, 6 + 3 * j:8 + 3 * j]
            there = global_state[:, 8 + 3 * j] > 0
            distance = torch.abs(pos - food).sum(dim=1)
            nearest = torch.where(there, torch.minimum(nearest, distance), nearest)
        scores[:, i] += -0.2 * nearest
        scores[:, i] += 0.1 * global_state[:, 3 * i + 2]
    weights = F.softmax(scores, dim=1)
    return (agents_q * weights).sum(dim=1, keepdim=True)
'''


@pytest.fixture
def vet(forge: Forge, tmp_path: Path):
    def run(source: str, *more: str):
        file = tmp_path / "mine.py"
        file.write_text(source)
        return forge("vet", file, "--task", TASK, "--json", *more)

    return run


def test_a_softmax_weighted_function_in_the_papers_signature_is_accepted(vet) -> None:
    done = vet(PAPER)
    assert done.code == 0, done.out
    assert done.data["accepted"] is True
    assert done.data["rejection"] is None
    assert {v["status"] for v in done.data["evidence"]["verdicts"] if v["required"]} <= {"PROVED", "TESTED"}


@pytest.mark.parametrize(
    ("source", "stage", "codes"),
    [
        ("def tfcaf(local_q, state:\n    return local_q\n", "screen", {"syntax"}),
        (f"import os\n{HEAD}    return local_q.sum(dim=1, keepdim=True)\n", "screen", {"import"}),
        (f"{HEAD}    return ().__class__.__mro__[1].__subclasses__()\n", "screen", {"attribute"}),
        (f"{HEAD}    return open('/etc/passwd').read()\n", "screen", {"builtin", "string", "name"}),
        (f"{HEAD}    while True:\n        pass\n", "screen", {"construct"}),
        (f"{HEAD}    return (local_q * 2).sum(dim=1)\n", "trace", {"output-shape"}),
        (f"{HEAD}    if state.sum() > 0:\n        return local_q.sum(dim=1, keepdim=True)\n    return local_q.mean(dim=1, keepdim=True)\n", "trace", {"data-dependent-branch"}),
        ("", "extract", {"empty"}),
        ("x = 1\n", "extract", {"no-function", "no-code"}),
    ],
)  # fmt: skip
def test_a_bad_function_is_rejected_with_a_typed_reason(vet, source: str, stage: str, codes: set[str]) -> None:
    done = vet(source)
    assert done.code == 1
    assert done.data["rejection"]["stage"] == stage
    assert done.data["rejection"]["code"] in codes
    assert done.data["rejection"]["message"]


def test_a_file_of_5_megabytes_is_rejected_at_once(vet) -> None:
    begin = time.monotonic()
    done = vet("# " + "x" * 5_000_000)
    assert done.code == 1
    assert done.data["rejection"]["code"] == "too-large"
    assert time.monotonic() - begin < 30


def test_an_endless_computation_is_killed_in_its_time_limit(vet) -> None:
    spin = "    x = torch.ones(1900, 1900)\n    for i in range(1000):\n        x = x @ x\n    return local_q.sum(dim=1, keepdim=True)\n"
    begin = time.monotonic()
    done = vet(HEAD + spin, "--limits", "strict")
    assert done.code == 1
    assert done.data["rejection"]["code"] == "time-limit"
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        ("-local_q.sum(dim=1, keepdim=True)", "monotone"),
        ("local_q.sum(dim=1, keepdim=True) + 1 / (state[:, 0:1] - state[:, 0:1])", "finite"),
        ("local_q.sum(dim=1, keepdim=True) - local_q.mean()", "batch-independent"),
    ],
)
def test_a_broken_property_is_refuted_with_a_counterexample(vet, body: str, broken: str) -> None:
    done = vet(f"{HEAD}    return {body}\n")
    assert done.code == 1
    verdict = next(v for v in done.data["evidence"]["verdicts"] if v["property"] == broken)
    assert verdict["status"] == "REFUTED"
    assert verdict["counterexample"]["observed"]
    assert len(verdict["counterexample"]["case"]) == 8


def test_a_counterexample_is_found_again_by_its_case(vet, forge: Forge, tmp_path: Path) -> None:
    case = next(
        v
        for v in vet(f"{HEAD}    return -local_q.sum(dim=1, keepdim=True)\n").data["evidence"]["verdicts"]
        if v["property"] == "monotone"
    )["counterexample"]["case"]
    done = forge("vet", tmp_path / "mine.py", "--task", TASK, "--only", "monotone", "--case", case)
    assert done.code == 1
    assert "credit of agent" in done.out
    assert f"--only monotone --case {case}" in done.out


def test_a_missing_file_is_an_error_with_the_remedy(forge: Forge) -> None:
    done = forge("vet", "nowhere.py", "--task", TASK)
    assert done.code == 2
    assert "cannot read nowhere.py" in done.err


def test_an_unknown_property_is_an_error(vet) -> None:
    assert vet(PAPER, "--only", "beautiful").code == 2


def test_a_seed_below_zero_is_refused(vet) -> None:
    done = vet(PAPER, "--seed", "-1")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "--seed" in done.err
    with pytest.raises(InputError, match="seed -1; it must be 0 or more"):
        examined(PAPER, TASK, seed=-1)


def test_observations_that_cannot_be_kept_are_refused(vet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = vet(PAPER, "--observe", str(tmp_path / "file" / "seen"))
    assert done.code == 2
    assert done.err.startswith("error: cannot write ")
    assert "it would lie below a file; give another place" in done.err
