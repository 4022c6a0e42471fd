"""Synthesize: the loop from a task to a ranked, exported kernel, with every step on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.export import write_kernel
from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.pipeline.report import write_report
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.proposals.base import Attempt, Coder
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking, Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import Dataset, load_dataset
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox
from tfcaf_forge.store import Store

if TYPE_CHECKING:
    from tfcaf_forge.kernels.kernel import Kernel

REPLAY = "replay"
KERNEL = "kernel.safetensors"


class Settings(Plain, frozen=True, kw_only=True):
    """What decides a run. A run can only be resumed with the same settings.

    Attributes:
        rounds, candidates: rounds of the loop, and proposals in each.
        episodes: of the replay dataset that the run collects.
        replay: digest of a dataset that the user gave; empty if the run collects its own.
        profile: trial profile.
        backend, limits: the sandbox's backend and profile.
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
    """One candidate is done: exactly one of `rejection`, `duplicate` and `evidence` is not None."""

    proposal: Proposal
    rejection: Rejection | None = None
    duplicate: int | None = None
    evidence: Evidence | None = None
    score: Score | None = None


Event = Began | Collecting | Collected | Judged
Notify = Callable[[Event], None]


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


def synthesize(
    task: str | Path | TaskSpec,
    *,
    coder: Coder | None = None,
    out: Path | None = None,
    seed: int = 0,
    rounds: int = 3,
    candidates: int = 6,
    episodes: int = 500,
    replay: Path | None = None,
    profile: str = "fast",
    backend: str = "local",
    limits: str = "default",
    notify: Notify | None = None,
) -> Synthesis:
    """Propose, vet and rank functions for a task, and export the best.

    A folder that holds a run with the same settings is resumed: nothing that is on the disk is done again. Two runs
    with the same settings have the same winner.

    Args:
        task: a bundled task's name, a path, or a TaskSpec.
        coder: who proposes; the offline search if None.
        out: the run's folder; `runs/TASK-SEED` if None.
        seed: of everything.
        rounds, candidates: rounds, and proposals in each.
        episodes: recorded for the ranking.
        replay: a dataset to rank on in place of a new one.
        profile: trial profile: `fast`, `search` or `audit`.
        backend, limits: the sandbox's backend and profile.
        notify: told what happens as it happens.

    Raises:
        TaskError, ConfigError, DatasetError, MissingExtra: what was given is wrong.
        StoreError: the folder is in use, or holds a run with other settings.
        SandboxError: the sandbox failed; the run can be resumed.
    """
    from tfcaf_forge.proposals.offline import OfflineCoder

    spec = load_task(task)
    if rounds < 1 or candidates < 1:
        raise InputError(f"{rounds} rounds of {candidates} candidates; both must be at least 1")
    writer: Coder = coder or OfflineCoder(seed=seed)
    given = None if replay is None else load_dataset(replay, spec)
    settings = Settings(
        task=spec.name,
        task_digest=spec.digest,
        coder=writer.name,
        seed=seed,
        rounds=rounds,
        candidates=candidates,
        episodes=episodes,
        replay="" if given is None else given.digest,
        profile=profile,
        backend=backend,
        limits=limits,
    )
    folder = out or Path("runs") / f"{spec.name}-{seed}"
    with Store(folder) as store, Sandbox(backend, load_profile(limits)) as sandbox:
        return _Run(store, sandbox, spec, settings, writer, given, notify or _ignore).go()


class _Run:
    """One run: the loop, and what it has written so far."""

    def __init__(
        self, store: Store, sandbox: Sandbox, task: TaskSpec, settings: Settings, coder: Coder, given: Dataset | None, notify: Notify
    ) -> None:  # fmt: skip
        self._store, self._sandbox, self._task, self._settings = store, sandbox, task, settings
        self._coder, self._given, self._notify = coder, given, notify
        store.pin({"schema": 1, **{name: getattr(settings, name) for name in settings.__struct_fields__}})
        store.append("task", task)
        self._proposals = store.read_all("proposal", Proposal)
        self._rejections = store.read_all("rejection", Rejection)
        self._duplicates = store.read_all("duplicate", int)
        self._traced = store.read_all("traced", Traced)
        self._evidence = store.read_all("evidence", Evidence)
        self._scores = store.read_all("score", Score)

    def go(self) -> Synthesis:
        """Run the loop to its end and write kernel and report."""
        total = self._settings.rounds * self._settings.candidates
        self._notify(Began(self._task, self._settings, self._sandbox.isolation, self._finished(), total))
        dataset = self._dataset()
        ranker = Ranker(dataset, self._task, self._settings.seed)
        self._notify(Collected(dataset, ranker.baseline))
        examiner = Examiner(self._task, self._sandbox, self._settings.profile, self._settings.seed, ranker.states)
        for place in range(total):
            self._notify(self._candidate(place, examiner, ranker))
        return self._finish(ranker)

    def _finished(self) -> int:
        return len(self._rejections) + len(self._duplicates) + len(self._evidence)

    def _dataset(self) -> Dataset:
        """The dataset that was given, the one that the run has collected, or a new one."""
        if self._given is not None:
            self._store.append("dataset", self._given.info)
            return self._given
        folder = self._store.folder / REPLAY
        if folder.exists():
            dataset = load_dataset(folder, self._task)
        else:
            wanted, seed = self._settings.episodes, self._settings.seed
            dataset = collect(
                self._task, folder, episodes=wanted, seed=seed, progress=lambda d, t: self._notify(Collecting(d, t))
            )
        self._store.append("dataset", dataset.info)
        return dataset

    def _candidate(self, place: int, examiner: Examiner, ranker: Ranker) -> Judged:
        """Everything for one candidate that is not on the disk yet."""
        proposal = self._proposal(place)
        number = proposal.id
        if number in self._rejections:
            return Judged(proposal, rejection=self._rejections[number])
        if number in self._duplicates:
            return Judged(proposal, duplicate=self._duplicates[number])
        traced = self._traced.get(number) or self._trace(proposal, examiner)
        if isinstance(traced, Rejection):
            return Judged(proposal, rejection=traced)
        twin = self._twin(traced)
        if twin is not None:
            self._store.append("duplicate", twin, number)
            self._duplicates[number] = twin
            return Judged(proposal, duplicate=twin)
        evidence = self._evidence.get(number) or self._examine(traced, examiner)
        score = self._scores.get(number)
        if score is None and evidence.accepted:
            score = ranker.score(number, traced.graph)
            self._store.append("score", score, number)
            self._scores[number] = score
        return Judged(proposal, evidence=evidence, score=score)

    def _proposal(self, place: int) -> Proposal:
        turn, index = divmod(place, self._settings.candidates)
        number = place + 1
        if number not in self._proposals:
            proposal = self._coder.propose(self._task, id=number, round=turn, index=index, history=self._history())
            self._store.append("proposal", proposal, number)
            self._proposals[number] = proposal
        return self._proposals[number]

    def _history(self) -> list[Attempt]:
        """What is known of every candidate that is done."""
        return [
            Attempt(
                proposal=p, rejection=self._rejections.get(i), evidence=self._evidence.get(i), score=self._scores.get(i)
            )
            for i, p in self._proposals.items()
            if i in self._rejections or i in self._evidence or i in self._duplicates
        ]

    def _trace(self, proposal: Proposal, examiner: Examiner) -> Traced | Rejection:
        outcome = examiner.trace(proposal)
        if isinstance(outcome, Rejection):
            self._store.append("rejection", outcome, proposal.id)
            self._rejections[proposal.id] = outcome
        else:
            self._store.append("traced", outcome, proposal.id)
            self._traced[proposal.id] = outcome
        return outcome

    def _twin(self, traced: Traced) -> int | None:
        """An earlier candidate with the same graph."""
        return next(
            (i for i, other in self._traced.items() if i < traced.candidate and other.graph_digest == traced.graph_digest), None
        )  # fmt: skip

    def _examine(self, traced: Traced, examiner: Examiner) -> Evidence:
        evidence = examiner.examine(traced)
        self._store.append("evidence", evidence, traced.candidate)
        self._evidence[traced.candidate] = evidence
        return evidence

    def _finish(self, ranker: Ranker) -> Synthesis:
        """Rank, export the winner, write the report."""
        ranking = ranker.rank(list(self._scores.values()))
        self._store.append("ranking", ranking)
        self._store.append("isolation", self._sandbox.isolation)
        path, sha256 = "", ""
        if ranking.winner is not None:
            path = str(self._store.folder / KERNEL)
            sha256 = write_kernel(self._store, ranking.winner, Path(path))
        report = write_report(self._store)
        accepted = [e for e in self._evidence.values() if e.accepted]
        return Synthesis(
            folder=str(self._store.folder),
            ranking=ranking if ranking.winner is not None else None,
            winner=ranking.winner,
            winner_graph="" if ranking.winner is None else self._traced[ranking.winner].graph_digest,
            kernel_path=path,
            kernel_sha256=sha256,
            report_path=str(report),
            proposed=len(self._proposals),
            rejected=len(self._rejections),
            refuted=len(self._evidence) - len(accepted),
            duplicates=len(self._duplicates),
            accepted=len(accepted),
            evidence=None if ranking.winner is None else self._evidence[ranking.winner],
        )


def _ignore(event: Event) -> None:
    """Nobody wants to know."""
