"""What a run is asked for, what it tells while it goes, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tfcaf_forge.errors import InputError
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.evaluator import Advice
from tfcaf_forge.proposals.ledger import Budget, Spend
from tfcaf_forge.records.base import Plain, to_builtins
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking, Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import Dataset

if TYPE_CHECKING:
    from tfcaf_forge.kernels.kernel import Kernel


class Settings(Plain, frozen=True, kw_only=True):
    """What decides a run. A run can only be resumed with the same settings.

    Attributes:
        rounds, candidates: rounds of the loop, and proposals in each.
        episodes: of the replay dataset that the run collects.
        replay: digest of a dataset that the user gave; empty if the run collects its own.
        profile: trial profile.
        backend, limits, require: the sandbox's backend and profile, and layers without which nothing runs.
        asking: how models are asked; None for a coder that is none.
        mutants: deliberate faults that are tried on the winner; decides nothing, so a resumed run may have another.
    """

    task: str
    task_digest: str
    coder: str
    seed: int = 0
    rounds: int = 3
    candidates: int = 6
    episodes: int = 500
    replay: str = ""
    profile: str = "fast"
    backend: str = "local"
    limits: str = "default"
    require: tuple[str, ...] = ()
    asking: Asking | None = None
    mutants: int = 0

    @property
    def pinned(self) -> dict[str, Any]:
        """What the run's folder is pinned to."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("asking", "mutants")}
        asking = {} if self.asking is None else {"asking": to_builtins(self.asking)}
        return {"schema": 2, **fields, **asking}


@dataclass(frozen=True)
class Calling:
    """A call to a model has begun or ended, in the given round of `rounds`."""

    round: int
    rounds: int
    in_flight: int
    spend: Spend
    budget: Budget
    left_s: float
    best: float | None


Stage = Literal["asking", "waiting", "answered", "sandbox", "examining", "scoring"]
"""Where a candidate stands until it is judged: its question is in flight, is to be put again after a pause, or has its
answer; it is being traced in the sandbox, proved and tested, or scored on the replay dataset."""


@dataclass(frozen=True)
class Staged:
    """Candidates have come to another stage."""

    stages: Mapping[int, Stage]


@dataclass(frozen=True)
class Began:
    """The sandbox is up; `finished` candidates were found in the run's folder."""

    task: TaskSpec
    settings: Settings
    isolation: Isolation
    finished: int
    total: int


@dataclass(frozen=True)
class Collecting:
    """Episodes recorded so far."""

    done: int
    total: int


@dataclass(frozen=True)
class Collected:
    """The replay dataset is there, and the baseline is scored on it."""

    dataset: Dataset
    baseline: Score


@dataclass(frozen=True)
class Judged:
    """One candidate is done: exactly one of `rejection`, `duplicate` and `evidence` is not None.

    `same` says in what a duplicate is the same: `source`, `graph` or `behaviour`.
    """

    proposal: Proposal
    rejection: Rejection | None = None
    duplicate: int | None = None
    evidence: Evidence | None = None
    score: Score | None = None
    same: str = "graph"


@dataclass(frozen=True)
class Checking:
    """The winner is known, and something more is recorded of it: `what` in words."""

    what: str


Event = Calling | Staged | Began | Collecting | Collected | Judged | Checking
Notify = Callable[[Event], None]


class Brake:
    """Ends a run early but in order: what is begun is finished and saved. May be pulled from a signal handler."""

    def __init__(self) -> None:
        """Not pulled yet."""
        self.pulled = False
        self._then: list[Callable[[], None]] = []

    def pull(self) -> None:
        """Begin nothing new."""
        self.pulled = True
        for call in self._then:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Also call this when it is pulled; at once if it is already."""
        self._then.append(call)
        if self.pulled:
            call()


class Synthesis(Plain, frozen=True, kw_only=True):
    """How a run ended.

    Attributes:
        folder: the run's folder.
        ranking: the order; None if no candidate was accepted.
        winner: id of the best accepted candidate, or None.
        winner_graph: digest of its graph.
        kernel_path, kernel_sha256: the kernel's file; empty without a winner.
        report_path: the HTML report; the same facts lie beside it as `report.json`.
        proposed, rejected, refuted, duplicates, accepted: how many candidates met which fate.
        evidence: the verdicts on the winner.
        stopped, detail: why the run ended before its last round (`budget`, `breaker`, `interrupted`, `transcript`),
            and the same as a sentence, with those whose answers are there and are judged on resuming; empty if it did
            not. A stopped run can be resumed, also where other layers of the sandbox hold.
        waiting: by candidate, the code of an answer that held no function where the run stopped before its repair was
            asked for. The call is counted and its answer kept: resuming begins with the repair.
        resume: the command line that resumes or repeats it.
        next: the command line that trains with the kernel; empty without one.
        spend: what models have cost; None if none was asked.
        advice: the evaluator's choice, which decides nothing.
        reviewer_fault: why the evaluator was not heard, if it was not.
        departures: calls that left this machine; `departures.json` lists them.
    """

    folder: str
    ranking: Ranking | None
    winner: int | None
    winner_graph: str
    kernel_path: str
    kernel_sha256: str
    report_path: str
    proposed: int
    rejected: int
    refuted: int
    duplicates: int
    accepted: int
    evidence: Evidence | None
    stopped: str = ""
    detail: str = ""
    waiting: dict[int, str] = {}
    resume: str = ""
    next: str = ""
    spend: Spend | None = None
    advice: Advice | None = None
    reviewer_fault: str = ""
    departures: int = 0

    @property
    def kernel(self) -> Kernel:
        """The winner as a torch module.

        Raises:
            InputError: no candidate was accepted.
        """
        from tfcaf_forge.kernels.artifact import load_kernel

        if not self.kernel_path:
            raise InputError(f"no candidate was accepted, so there is no kernel; see {self.report_path}")
        return load_kernel(Path(self.kernel_path))


def waiting_text(waiting: Mapping[int, str]) -> str:
    """`candidate 2: its answer held no function (no-code); it is kept, and its repair comes first on resuming`."""
    return "; ".join(
        f"candidate {number}: its answer held no function ({code}); it is kept, and its repair comes first on resuming"
        for number, code in waiting.items()
    )
