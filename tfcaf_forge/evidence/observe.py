"""Observe: keep a record of every case that was tried, as JSON lines.

The records are Hypothesis' own observations (its documented observability callback), cut to the parts that say
something about the case, and with the amount by which each property was off in `features`. Batches that a
derandomised profile draws from seeds, without Hypothesis, have records of the same form.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import msgspec
from hypothesis import event
from hypothesis.internal import observability
from hypothesis.internal.observability import InfoObservation, Observation, with_observability_callback

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.folders import writing

_KEPT = ("type", "property", "run_start", "status", "status_reason", "representation", "arguments", "how_generated",
         "features", "timing", "title", "content")  # fmt: skip
_LONGEST = 20_000
"""Characters of a record's representation; the seed says the rest."""

Visit = Callable[[Case], dict[str, float]]


class Observer:
    """Writes the records of one examination.

    Args:
        file: where to; None writes nothing.
    """

    def __init__(self, file: IO[bytes] | None = None) -> None:
        """Start now."""
        self._file, self._start = file, time.time()

    @property
    def active(self) -> bool:
        """Whether records are kept."""
        return self._file is not None

    def visiting(self, visit: Visit) -> Visit:
        """The same visit, with its amounts among the features of Hypothesis' record."""
        if not self.active:
            return visit

        def noted(case: Case) -> dict[str, float]:
            amounts = visit(case)
            for name, amount in amounts.items():
                event(f"amount:{name}", amount)
            return amounts

        return noted

    def seeded(self, visit: Visit, case: Case, seed: int) -> None:
        """Visit a case that was drawn from a seed, and keep a record of it."""
        begin = time.perf_counter()
        amounts = visit(case)
        broken = [name for name, amount in amounts.items() if amount > 0]
        self._write(
            {
                "type": "test_case",
                "property": "batches",
                "run_start": self._start,
                "status": "failed" if broken else "passed",
                "status_reason": ", ".join(broken),
                "representation": f"batch(rows={case.rows}, seed={seed})",
                "arguments": {"rows": case.rows, "seed": seed},
                "how_generated": "from a seed",
                "features": {f"amount:{name}": amount for name, amount in amounts.items()},
                "timing": {"execute:test": time.perf_counter() - begin},
            }
        )

    def receive(self, observation: Observation) -> None:
        """What Hypothesis calls."""
        known = {f.name for f in fields(observation)}
        record = {name: getattr(observation, name) for name in _KEPT if name in known}
        if not isinstance(observation, InfoObservation):
            record["representation"] = str(record["representation"])[:_LONGEST]
            record["phase"] = observation.metadata.phase
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(msgspec.json.encode(record, enc_hook=str) + b"\n")


@contextmanager
def observing(folder: Path | None, name: str) -> Generator[Observer]:
    """An observer that writes to `folder/name.jsonl` while the block runs; one that does nothing without a folder.

    Raises:
        InputError: the file cannot be written there.
    """
    if folder is None:
        yield Observer()
        return
    path = folder / f"{name}.jsonl"
    with writing(path):
        opened = path.open("wb")
    with opened as file:
        observer = Observer(file)
        with without_coverage(), with_observability_callback(observer.receive):
            yield observer


@contextmanager
def without_coverage() -> Generator[None]:
    """Without tracing every line of every test case: the records keep no coverage, and it takes most of the time."""
    before = observability.OBSERVABILITY_COLLECT_COVERAGE
    observability.OBSERVABILITY_COLLECT_COVERAGE = False
    try:
        yield
    finally:
        observability.OBSERVABILITY_COLLECT_COVERAGE = before
