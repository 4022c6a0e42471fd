"""Crowned: what is recorded of the winner alone, once it is known: its trials case by case, mutants, and equivalence.

Each is one record of the run's store and is made once: a run that was killed in between goes on where it was. None of
them decides anything; they say how far the verdicts can be trusted.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.kernels.emit.files import SUFFIXES, Format
from tfcaf_forge.pipeline.adequacy import adequacy
from tfcaf_forge.pipeline.export_as import export_as
from tfcaf_forge.pipeline.three_ways import three_ways
from tfcaf_forge.records.base import digest_bytes
from tfcaf_forge.records.equivalence import Equivalence, Export
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import Dataset
from tfcaf_forge.sandbox.sandbox import Sandbox
from tfcaf_forge.store import Store

FOLDER = "observations"
EXPORTS: tuple[Format, ...] = ("python", "numpy")
EXPORT_ROWS = 1024
MUTANTS = 24
"""Deliberate faults that are tried if the user does not say how many; about a third of a second each."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Crowned:
    """The winner, and what is needed to look at it once more.

    Attributes:
        store: the run's, open for writing.
        sandbox: where its source runs again.
        candidate: its id; None does nothing.
        kernel: its file.
        dataset: what was ranked on.
        mutants: how many faults are tried; 0 for none.
    """

    store: Store
    sandbox: Sandbox
    task: TaskSpec
    candidate: int | None
    kernel: Path
    dataset: Dataset
    mutants: int = MUTANTS

    def record(self, tell: Callable[[str], None]) -> None:
        """Make the records that are not there yet.

        Args:
            tell: told what is being done.

        Raises:
            SandboxError: the sandbox failed.
            StoreError: the disk is full.
        """
        if self.candidate is None:
            return
        steps: tuple[tuple[str, type[Any], str, Callable[[], object | None]], ...] = (
            ("equivalence", Equivalence, "source, graph and kernel on the same inputs", self._equivalence),
            ("observed", Observed, "a record of every case", self._observed),
            ("mutation", MutationScore, f"{self.mutants} deliberate faults", self._mutation),
        )
        for kind, record, text, make in steps:
            if self.store.read(kind, record, self.candidate) is None:
                tell(text)
                made = make()
                if made is not None:
                    self.store.append(kind, made, self.candidate)

    def _equivalence(self) -> Equivalence:
        proposal = self.store.read("proposal", Proposal, self.candidate or 0)
        assert proposal is not None  # noqa: S101 - a winner was proposed
        found = three_ways(self.sandbox, proposal, self._traced, self.task, self.kernel, self._states)
        return msgspec.structs.replace(found, exports=tuple(exported(self.kernel, self.task, kind) for kind in EXPORTS))

    def _observed(self) -> Observed:
        """Repeat the winner's examination with a record of every case."""
        from tfcaf_forge.evidence.examine import examine
        from tfcaf_forge.evidence.subject import Subject

        before = self.store.read("evidence", Evidence, self.candidate or 0)
        assert before is not None  # noqa: S101 - a winner was examined
        subject, folder = Subject(self._traced.graph, self.task), self.store.folder / FOLDER
        begin = time.perf_counter()
        after = examine(
            subject, candidate=before.candidate, profile=before.profile, seed=before.seed, replay_states=self._states, observe=folder
        )  # fmt: skip
        seconds = time.perf_counter() - begin
        path = folder / f"{subject.digest[:12]}-{before.profile}-{before.seed}.jsonl"
        return observed(path, before, after, seconds)

    def _mutation(self) -> MutationScore | None:
        if self.mutants < 1:
            return None
        seed = self.store.read("settings", dict[str, Any]) or {}
        return adequacy(
            self._traced.graph, self.task, dataset=self.dataset, seed=int(seed.get("seed", 0)), most=self.mutants
        )

    @property
    def _traced(self) -> Traced:
        traced = self.store.read("traced", Traced, self.candidate or 0)
        assert traced is not None  # noqa: S101 - a winner has a graph
        return traced

    @property
    def _states(self) -> Any:  # noqa: ANN401 - [M, S] float32
        return self.dataset.episodes.transitions().state


def exported(kernel: Path, task: TaskSpec, kind: Format) -> Export:
    """Write a kernel in another format, where nobody keeps it, and hold it against the kernel."""
    with tempfile.TemporaryDirectory(prefix="forge-export-") as folder:
        try:
            made = export_as(kernel, kind, Path(folder) / f"kernel{SUFFIXES[kind]}", task=task, rows=EXPORT_ROWS)
        except ForgeError as fault:
            return Export(format=kind, fault=str(fault))
    return Export(format=kind, rows=made.rows, same_rows=made.same_rows, max_error=made.max_error)


def observed(path: Path, before: Evidence, after: Evidence, seconds: float) -> Observed:
    """What a file of observations holds.

    Args:
        path: the file, in the folder `observations` of a run.
        before, after: the evidence on record, and that of the examination that wrote the file.
        seconds: how long it took.
    """
    body = path.read_bytes()
    lines = [msgspec.json.decode(line) for line in body.splitlines()]
    cases = [line for line in lines if line["type"] == "test_case"]
    known = {v.property_id: v.status for v in before.verdicts}
    return Observed(
        file=f"{FOLDER}/{path.name}",
        sha256=digest_bytes(body),
        size=len(body),
        graph=after.graph,
        profile=after.profile,
        seed=after.seed,
        cases=len(cases),
        by_way=_counted(cases, "how_generated"),
        by_status=_counted(cases, "status"),
        same=all(known.get(v.property_id) == v.status for v in after.verdicts),
        seconds=round(seconds, 3),
    )


def _counted(cases: list[dict[str, Any]], key: str) -> dict[str, int]:
    return dict(sorted(Counter(str(case[key]) for case in cases).items()))
