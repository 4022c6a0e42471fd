"""What a report is made from: a run's records, handed over by whoever has read the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tfcaf_forge.records.equivalence import Equivalence
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.reports.waivers import Waivers


@dataclass(frozen=True, kw_only=True)
class KernelFile:
    """The kernel that a run wrote: its path as shown to the user, its size in bytes, its SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of the journal: what was recorded about which candidate, when, and the hash chain's link after it."""

    seq: int
    kind: str
    candidate: int
    digest: str
    at: datetime
    link: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """One question to a model: where it went, its texts as they were sent and came back, what it cost."""

    number: int
    purpose: str
    model: str
    endpoint: str
    left: bool
    key: str
    prompt: str
    answer: str
    fault: str
    tokens_in: int
    tokens_out: int
    usd: float | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """Everything a report is made from. Records only: who fills it has read the disk, the report does not.

    Attributes:
        name: the run's name, such as its folder's.
        task, settings: what was asked for.
        proposals: every candidate, in the order of proposal.
        rejections, duplicates, traced, evidence: what is known of each, by candidate id; a duplicate maps to the
            id of the candidate whose source, graph or behaviour is the same.
        ranking, manifest, kernel: how it ended; None if it did not get there.
        graph_text: the winner's graph as `graph.printer.to_text` writes it.
        dataset: a summary of the replay dataset: `digest`, `episodes`, `transitions`, and whatever else is known.
        isolation: layers in force while candidates ran; active are those that held for every one of them.
        environment: versions and machine, by name.
        started, finished: when; `finished` is None for a run that was interrupted.
        command: the command line that repeats the run.
        next_command: what to do with the kernel.
        task_reference: how `--task` names the task; its name if empty.
        run_path: the run's folder as shown, from which `forge show --write` takes sources and cases; may be empty.
        files: by candidate id, what to give to `forge vet` in place of a file. Where it is missing,
            `candidate-3.py` stands for the source that the report shows.
        catalogue: by property id, texts such as `formula`, `tolerance`, `hazard`.
        log: the journal, in the order of writing.
        calls: what models were asked and answered.
        measured: what the winner does on replayed states, as `pipeline.measured` and `pipeline.equivalent` give it.
        mutation, equivalence, observed: of the winner; None where it was not recorded.
        waivers: waivers and sign-offs.
        today: the day that waivers are held against.
    """

    name: str
    task: TaskSpec
    settings: Mapping[str, Any]
    proposals: Sequence[Proposal]
    rejections: Mapping[int, Rejection] = field(default_factory=dict[int, Rejection])
    duplicates: Mapping[int, int] = field(default_factory=dict[int, int])
    traced: Mapping[int, Traced] = field(default_factory=dict[int, Traced])
    evidence: Mapping[int, Evidence] = field(default_factory=dict[int, Evidence])
    ranking: Ranking | None = None
    manifest: Manifest | None = None
    kernel: KernelFile | None = None
    graph_text: str = ""
    dataset: Mapping[str, Any] = field(default_factory=dict[str, Any])
    isolation: Isolation | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    started: datetime
    finished: datetime | None = None
    command: str
    next_command: str = ""
    task_reference: str = ""
    run_path: str = ""
    files: Mapping[int, str] = field(default_factory=dict[int, str])
    catalogue: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    log: Sequence[LogLine] = ()
    calls: Sequence[Call] = ()
    measured: Mapping[str, Any] = field(default_factory=dict[str, Any])
    mutation: MutationScore | None = None
    equivalence: Equivalence | None = None
    observed: Observed | None = None
    waivers: Waivers = field(default_factory=Waivers)
    today: date | None = None

    @property
    def winner(self) -> int | None:
        """The winner's id, if the ranking names one that was proposed."""
        winner = self.ranking.winner if self.ranking else None
        return winner if any(p.id == winner for p in self.proposals) else None
