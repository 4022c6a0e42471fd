"""Runs with a model that are stopped and resumed: the records of one that was never stopped, and no better isolation than there was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.pipeline.timeless import timeless
from tfcaf_forge import Synthesis, synthesize
from tfcaf_forge.pipeline.bundle import bundle
from tfcaf_forge.pipeline.candidates import Candidates
from tfcaf_forge.pipeline.executor import LocalPool
from tfcaf_forge.pipeline.outcome import Brake, Calling, Event
from tfcaf_forge.pipeline.verify_bundle import Asked, verify
from tfcaf_forge.proposals.asker import Limits
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.exchange import Question, Reply
from tfcaf_forge.proposals.ledger import Budget, Price
from tfcaf_forge.proposals.prompts import prompts_digest
from tfcaf_forge.proposals.redact import Redactor
from tfcaf_forge.proposals.session import Models
from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.sandbox.sandbox import Sandbox
from tfcaf_forge.store import Store, restore

FINE = "```python\ndef tfcaf(local_q, state):\n    return local_q.sum(dim=1, keepdim=True)\n```"
OTHER = "```python\ndef tfcaf(local_q, state):\n    return (local_q * 2.5).sum(dim=1, keepdim=True)\n```"
REFUSED = "```python\ndef tfcaf(local_q, state):\n    if local_q.sum() > 1:\n        return local_q[:, :1]\n    return local_q[:, 1:]\n```"
Answers = Callable[[int, int, int], str]


class Scripted:
    """A model that answers by round, place and turn; `asked` counts its calls."""

    name, endpoint, leaves, price = "scripted/one", "scripted", False, Price(prompt=0.0, answer=0.0)

    def __init__(self, answers: Answers) -> None:
        self._answers, self.asked = answers, 0

    async def ask(self, question: Question, timeout_s: float) -> Reply:
        del timeout_s
        self.asked += 1
        await asyncio.sleep(0.1)  # every place's first question is under way before one is answered
        slot = question.slot
        return Reply(text=self._answers(slot.round, slot.index, slot.turn), tokens_in=10, tokens_out=10)

    async def close(self) -> None:
        """Nothing is open."""


def late(round: int, index: int, turn: int) -> str:
    """The first place's first answer holds no function; repaired, it is what the second place wrote."""
    if round == 0:
        return "Weigh them well." if (index, turn) == (0, 0) else FINE
    return OTHER


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


@pytest.fixture
def run(box: Sandbox) -> Callable[..., Synthesis]:
    def once(out: Path, model: Scripted, calls: int | None = None, **more: Any) -> Synthesis:
        models = Models(
            asking=Asking(model=model.name, endpoint=model.endpoint, prompts=prompts_digest()), writers=(model,), reviewer=None,
            budget=Budget(calls=calls), limits=Limits(), redactor=Redactor(),
        )  # fmt: skip
        settings: dict[str, Any] = {"rounds": 2, "candidates": 2, "episodes": 40, "mutants": 0, "sandbox": box, **more}
        return synthesize("matrix-climbing", models=models, out=out, **settings)

    return once


def fates(folder: Path) -> dict[tuple[str, int], Any]:
    """What became of the candidates, and the ranking: everything that timing must not decide."""
    with Store(folder, write=False) as store:
        bodies = store.bodies()
        kinds = ("proposal", "rejection", "duplicate", "traced", "evidence", "score", "ranking")
        return {
            (e.kind, e.candidate): timeless(json.loads(bodies[e.digest])) for e in store.entries() if e.kind in kinds
        }


def checked(folder: Path, into: Path) -> dict[str, str]:
    """The result of every check of the run's bundle."""
    bundle(folder, into)
    return {check.name: check.result for check in verify(Asked(path=into)).checks}


@pytest.mark.parametrize("stop", ["budget", "brake"])
@pytest.mark.parametrize("processes", [0, 2])
def test_a_run_that_stops_before_a_repair_ends_with_the_records_of_one_that_does_not(
    run: Callable[..., Synthesis], tmp_path: Path, stop: str, processes: int
) -> None:
    pool = LocalPool(processes) if processes else None
    never, model, brake = Scripted(late), Scripted(late), Brake()

    def pull(event: Event) -> None:
        if stop == "brake" and isinstance(event, Calling) and event.spend.calls == 2:
            brake.pull()

    whole = run(tmp_path / "whole", never, executor=pool)
    first = run(
        tmp_path / "parts", model, 2 if stop == "budget" else None, notify=pull, brake=brake, executor=pool
    )  # fmt: skip
    assert first.stopped == ("budget" if stop == "budget" else "interrupted")
    assert first.waiting == {1: "no-code"}
    assert (first.proposed, first.accepted) == (1, 0)
    assert "answered, and judged on resuming: candidate 2" in first.detail
    last = run(tmp_path / "parts", model, executor=pool)
    if pool is not None:
        pool.close()
    assert (last.stopped, last.winner_graph, last.accepted) == ("", whole.winner_graph, whole.accepted)
    assert fates(tmp_path / "parts") == fates(tmp_path / "whole")
    assert model.asked == never.asked
    assert "REFUSED" not in checked(tmp_path / "parts", tmp_path / "b.zip").values()


def test_a_candidate_that_was_judged_out_of_turn_keeps_its_fate(run: Callable[..., Synthesis], tmp_path: Path) -> None:
    """As an earlier release left it: the second place is accepted, and the first is not there yet."""
    run(tmp_path / "run", Scripted(lambda round, index, turn: FINE if index == 0 else OTHER), rounds=1)
    with Store(tmp_path / "run", write=False) as store:
        second = [
            e for e in store.entries() if e.candidate == 2 and e.kind in ("proposal", "traced", "evidence", "score")
        ]
        kept = [*(e for e in store.entries() if e.kind in ("settings", "task", "isolation")), *second]
        numbered = [msgspec.structs.replace(entry, seq=seq) for seq, entry in enumerate(kept, 1)]
        restore(tmp_path / "again", numbered, store.bodies())
    last = run(tmp_path / "again", Scripted(lambda round, index, turn: OTHER), rounds=1)
    with Store(tmp_path / "again", write=False) as store:
        known = Candidates(store)
    assert (last.accepted, known.duplicates, sorted(known.evidence)) == (2, {}, [1, 2])
    assert "REFUSED" not in checked(tmp_path / "again", tmp_path / "b.zip").values()


def without(isolation: Isolation, layer: str, why: str) -> Isolation:
    """The same but for one layer."""
    return msgspec.structs.replace(
        isolation, active=tuple(name for name in isolation.active if name != layer), missing={**isolation.missing, layer: why}
    )  # fmt: skip


def plain(round: int, index: int, turn: int) -> str:
    return (REFUSED, FINE, OTHER)[index]


def stated(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())["isolation"]


@pytest.mark.parametrize("weak_first", [True, False])
def test_a_run_is_resumed_under_other_layers_and_its_report_names_what_did_not_always_hold(
    run: Callable[..., Synthesis], box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weak_first: bool
) -> None:
    good, layer = box.isolation, box.isolation.active[-1]
    weak = without(good, layer, "not on this kernel")
    model = Scripted(plain)
    monkeypatch.setattr(box, "_isolation", weak if weak_first else good)
    first = run(tmp_path / "run", model, 1, rounds=1, candidates=3)
    assert (first.stopped, first.rejected, first.accepted) == ("budget", 1, 0)
    assert (layer in stated(tmp_path / "run")["active"]) is not weak_first
    monkeypatch.setattr(box, "_isolation", good if weak_first else weak)
    last = run(tmp_path / "run", model, rounds=1, candidates=3)
    assert (last.stopped, last.accepted, model.asked) == ("", 2, 3)
    found = stated(tmp_path / "run")
    assert layer not in found["active"]
    assert found["missing"][layer] == "not for every candidate: not on this kernel"
    assert found["active"] == [name for name in good.active if name != layer]
    assert "REFUSED" not in checked(tmp_path / "run", tmp_path / "b.zip").values()


def test_another_text_for_a_missing_layer_ends_no_run(
    run: Callable[..., Synthesis], box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, layer = box.isolation, box.isolation.active[-1]
    model = Scripted(plain)
    monkeypatch.setattr(box, "_isolation", without(good, layer, "no such call"))
    assert run(tmp_path / "run", model, 1, rounds=1, candidates=3).stopped == "budget"
    monkeypatch.setattr(box, "_isolation", without(good, layer, "not permitted"))
    assert run(tmp_path / "run", model, rounds=1, candidates=3).stopped == ""
    assert stated(tmp_path / "run")["missing"][layer] == "no such call; not permitted"


def test_a_finished_run_opens_under_other_layers_and_gains_no_record(
    run: Callable[..., Synthesis], box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Scripted(plain)
    done = run(tmp_path / "run", model, rounds=1, candidates=3)
    before, said = Store(tmp_path / "run", write=False).entries(), stated(tmp_path / "run")
    assert [e.kind for e in before].count("isolation") == 1
    monkeypatch.setattr(box, "_isolation", without(box.isolation, box.isolation.active[-1], "not on this kernel"))
    assert run(tmp_path / "run", model, rounds=1, candidates=3).winner_graph == done.winner_graph
    assert Store(tmp_path / "run", write=False).entries() == before
    assert stated(tmp_path / "run") == said
