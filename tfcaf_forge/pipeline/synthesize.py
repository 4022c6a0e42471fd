"""Synthesize: the loop from a task to a ranked, exported kernel, with every step on the disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from pathlib import Path

import msgspec

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.asked import write_departures, write_model_report
from tfcaf_forge.pipeline.behaviour import Fingerprints
from tfcaf_forge.pipeline.candidates import Candidates
from tfcaf_forge.pipeline.command import Given, command_of, given_of, keep_given, next_command
from tfcaf_forge.pipeline.crowned import MUTANTS, Crowned
from tfcaf_forge.pipeline.executor import Executor
from tfcaf_forge.pipeline.export import write_kernel
from tfcaf_forge.pipeline.judge import Judge
from tfcaf_forge.pipeline.outcome import (
    Began,
    Brake,
    Calling,
    Checking,
    Collected,
    Collecting,
    Event,
    Judged,
    Notify,
    Settings,
    Staged,
    Synthesis,
    waiting_text,
)
from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.pipeline.report import KERNEL, REPLAY, write_report
from tfcaf_forge.pipeline.spread import Here, Spread, Station
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.proposals.base import Coder, Drafts
from tfcaf_forge.proposals.evaluator import Advice
from tfcaf_forge.proposals.faults import ModelError
from tfcaf_forge.proposals.session import Models, Session
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.records.equivalence import Equivalence
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking, Score
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset, load_dataset
from tfcaf_forge.reports.facts import KernelFile
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox
from tfcaf_forge.store import Store

__all__ = [
    "Began", "Brake", "Calling", "Checking", "Collected", "Collecting", "Event", "Judged", "Notify", "Settings", "Staged", "Synthesis",
    "synthesize",
]  # fmt: skip


def synthesize(
    task: str | Path | TaskSpec,
    *,
    coder: Coder | None = None,
    models: Models | None = None,
    out: Path | None = None,
    seed: int = 0,
    rounds: int = 3,
    candidates: int = 6,
    episodes: int = 500,
    replay: Path | None = None,
    profile: str = "fast",
    backend: str = "local",
    limits: str = "default",
    require: Sequence[str] = (),
    sandbox: Sandbox | None = None,
    mutants: int = MUTANTS,
    given: Given | None = None,
    notify: Notify | None = None,
    brake: Brake | None = None,
    executor: Executor | None = None,
) -> Synthesis:
    """Propose, vet and rank functions for a task, and export the best.

    A folder that holds a run with the same settings is resumed: nothing that is on the disk is done again. Two runs
    with the same settings have the same winner.

    Args:
        task: a bundled task's name, a path, or a TaskSpec.
        coder: who proposes; the offline search if None.
        models: models that propose in place of a coder, and how they are asked.
        out: the run's folder; `runs/TASK-SEED` or `runs/TASK-MODEL-SEED` if None.
        seed: of everything.
        rounds, candidates: rounds, and proposals in each.
        episodes: recorded for the ranking.
        replay: a dataset to rank on in place of a new one.
        profile: trial profile: `fast`, `search` or `audit`.
        backend, limits: the sandbox's backend and profile.
        require: layers of the sandbox without which nothing runs, besides those of the profile; `all` for every one.
        sandbox: one that was opened with these three and is to be used in place of a new one.
        mutants: deliberate faults that are tried on the winner, to see how many are noticed; 0 for none.
        given: the command line that this is, for the report to repeat it; None for a call in Python.
        notify: told what happens as it happens.
        brake: ends the run early, but in order, when it is pulled.
        executor: where the candidates of a round are judged, side by side; one by one in this process if None. It
            changes no record.

    Raises:
        ModelError: the model cannot be asked; nothing else was begun.
        TaskError, ConfigError, DatasetError, MissingExtra: what was given is wrong.
        StoreError: the folder is in use, or holds a run with other settings.
        SandboxError: the sandbox failed; the run can be resumed.
    """
    from tfcaf_forge.proposals.offline import OfflineCoder

    spec = load_task(task)
    if models is not None:
        models.check()  # before there is a folder, which would be pinned to settings that never ran
    if rounds < 1 or candidates < 1:
        raise InputError(f"{rounds} rounds of {candidates} candidates; both must be at least 1")
    writer: Coder = coder or OfflineCoder(seed=seed)
    dataset = None if replay is None else load_dataset(replay, spec)
    settings = Settings(
        task=spec.name,
        task_digest=spec.digest,
        coder=writer.name if models is None else models.asking.model,
        seed=seed,
        rounds=rounds,
        candidates=candidates,
        episodes=episodes,
        replay="" if dataset is None else dataset.digest,
        profile=profile,
        backend=backend,
        limits=limits,
        require=tuple(require),
        asking=None if models is None else models.asking,
        mutants=mutants,
    )
    folder = out or Path("runs") / default_name(spec, seed, models)
    with Store(folder) as store:
        run = _Run(store, spec, settings, writer, dataset, sandbox, notify or _ignore, brake or Brake(), executor)
        keep_given(store, given)
        return run.go() if models is None else run.go_with(models)


class _Run:
    """One run: the loop, and how it ended."""

    def __init__(
        self,
        store: Store,
        task: TaskSpec,
        settings: Settings,
        coder: Coder,
        replay: Dataset | None,
        opened: Sandbox | None,
        notify: Notify,
        brake: Brake,
        executor: Executor | None,
    ) -> None:
        self._store, self._task, self._settings, self._opened = store, task, settings, opened
        self._coder, self._replay, self._notify, self._brake = coder, replay, notify, brake
        self._executor = executor
        store.pin(settings.pinned)
        store.append("task", task)
        self._candidates = Candidates(store)
        self._found = len(self._candidates.finished)
        self._session: Session | None = None
        self._turn = 0
        self._ended = Drafts(by_index={})
        self._waiting: dict[int, str] = {}

    def go(self) -> Synthesis:
        """Run the loop to its end and write kernel and report."""
        with self._sandbox() as sandbox:
            ranker, work = self._begin(sandbox)
            judge = Judge(self._candidates, work, None, lambda: sandbox.isolation, self._notify)
            for turn in range(self._settings.rounds):
                places = range(turn * self._settings.candidates, (turn + 1) * self._settings.candidates)
                if isinstance(work, Spread):
                    work.expect(judge.untouched([self._proposal(place) for place in places]))
                for place in places:
                    self._notify(judge.of(self._proposal(place)))
            return self._finish(ranker, sandbox)

    def go_with(self, models: Models) -> Synthesis:
        """The same with models; they are asked first of all, so that a wrong key costs nothing but a second."""
        with models.open(self._store, self._task, self._called) as session:
            self._session = session
            self._brake.then(session.stop)
            self._draft(0, None)
            if not self._candidates.proposals and self._ended.stopped == "interrupted":
                raise KeyboardInterrupt
            if not self._candidates.proposals:
                remedy = "; raise it, and repeat the command" if self._ended.stopped == "budget" else ""
                kept = f"; {waiting_text(self._waiting)}" if self._waiting else ""
                raise ModelError(f"no candidate was proposed: {self._ended.detail}{remedy}{kept}")
            with self._sandbox() as sandbox:
                ranker, work = self._begin(sandbox)
                fingerprints = Fingerprints(self._task, ranker.states, self._settings.seed)
                judge = Judge(self._candidates, work, fingerprints, lambda: sandbox.isolation, self._notify)
                for turn in range(self._settings.rounds):
                    self._draft(turn, ranker.baseline)
                    self._judge_round(turn, judge, work)
                    if self._ended.stopped:
                        break
                return self._finish(ranker, sandbox)

    def _sandbox(self) -> AbstractContextManager[Sandbox]:
        if self._opened is not None:
            return nullcontext(self._opened)
        settings = self._settings
        return Sandbox(settings.backend, load_profile(settings.limits), require=settings.require)

    def _begin(self, sandbox: Sandbox) -> tuple[Ranker, Here | Spread]:
        """The replay dataset and what judges candidates on it."""
        settings = self._settings
        self._notify(Began(self._task, settings, sandbox.isolation, self._found, settings.rounds * settings.candidates))
        dataset = self._dataset()
        ranker = Ranker(dataset, self._task, settings.seed)
        self._notify(Collected(dataset, ranker.baseline))
        here = Here(Examiner(self._task, sandbox, settings.profile, settings.seed, ranker.states), ranker)
        if self._executor is None:
            return ranker, here
        return ranker, Spread(self._executor, Station(self._task, settings, dataset), here)

    def _dataset(self) -> Dataset:
        """The dataset that was given, the one that the run has collected, or a new one."""
        if self._replay is not None:
            self._store.append("dataset", self._replay.info)
            return self._replay
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

    def _draft(self, turn: int, baseline: Score | None) -> None:
        """Ask for the proposals of a round that are not on the disk yet."""
        assert self._session is not None  # noqa: S101 - only runs with models come here
        self._turn = turn
        first, known = turn * self._settings.candidates + 1, self._candidates
        ids = {i: first + i for i in range(self._settings.candidates) if first + i not in known.proposals}
        if not ids or self._brake.pulled:
            return
        drafts = self._session.coder.draft(self._task, round=turn, ids=ids, history=known.history(), baseline=baseline)
        for _, draft in sorted(drafts.by_index.items()):
            known.draft(draft)
        self._ended, self._waiting = drafts, {ids[index]: code for index, code in sorted(drafts.waiting.items())}

    def _judge_round(self, turn: int, judge: Judge, work: Here | Spread) -> None:
        """Judge the proposals of a round up to the first that is missing.

        What comes after it waits: which of two equal candidates is the duplicate depends on their order in the loop,
        and not on which of them was answered before the run was stopped.
        """
        first, known = turn * self._settings.candidates + 1, self._candidates.proposals
        numbers = range(first, first + self._settings.candidates)
        if isinstance(work, Spread):
            work.expect(judge.untouched([known[number] for number in takewhile(known.__contains__, numbers)]))
        for number in numbers:
            if self._brake.pulled:
                self._ended = Drafts(
                    by_index={}, stopped="interrupted", detail="stopped; what was asked is on the disk"
                )
                return
            if number not in known:
                return
            self._notify(judge.of(known[number]))

    def _called(self) -> None:
        """A call to a model has begun or ended."""
        session = self._session
        if session is None:
            return
        turn, rounds = self._turn, self._settings.rounds
        first = turn * self._settings.candidates + 1
        self._notify(Staged({first + index: state for index, state in session.places(turn).items()}))
        self._notify(
            Calling(
                turn, rounds, session.in_flight, session.spend, session.budget, session.left_s, self._candidates.best
            )
        )

    def _proposal(self, place: int) -> Proposal:
        turn, index = divmod(place, self._settings.candidates)
        number, known = place + 1, self._candidates
        if number not in known.proposals:
            known.propose(self._coder.propose(self._task, id=number, round=turn, index=index, history=known.history()))
        return known.proposals[number]

    def _finish(self, ranker: Ranker, sandbox: Sandbox) -> Synthesis:
        """Rank, export the winner, write the report. What is not final is written as a file, never as a record."""
        known = self._candidates
        ranking = ranker.rank(list(known.scores.values()), {i: known.traced[i].graph for i in known.scores})
        if not self._ended.stopped:
            if not known.isolations:  # nothing came as far as the sandbox
                known.held(sandbox.isolation)
            self._store.append("ranking", ranking)
        kernel: KernelFile | None = None
        if ranking.winner is not None:
            path = self._store.folder / KERNEL
            sha256 = write_kernel(self._store, ranking.winner, path)
            kernel = KernelFile(path=str(path), size=path.stat().st_size, sha256=sha256)
        if not (self._ended.stopped or self._brake.pulled):
            self._crown(ranking.winner, ranker.dataset, sandbox)
        if self._session is None:
            return self._synthesis(ranking, kernel, write_report(self._store))
        advice = self._advice(ranker.baseline)
        found = self._synthesis(ranking, kernel, write_model_report(self._store, ranking, kernel))
        return msgspec.structs.replace(
            found,
            stopped=self._ended.stopped,
            detail=self._detail(),
            waiting=self._waiting,
            spend=self._session.spend,
            advice=advice,
            reviewer_fault=self._session.coder.reviewer_fault,
            departures=write_departures(self._store),
        )

    def _crown(self, winner: int | None, dataset: Dataset, sandbox: Sandbox) -> None:
        """Record what is recorded of the winner alone. Its source runs for that once more, behind the layers of now."""
        if winner is not None and self._store.read("equivalence", Equivalence, winner) is None:
            self._candidates.held(sandbox.isolation)
        Crowned(
            store=self._store, sandbox=sandbox, task=self._task, candidate=winner, kernel=self._store.folder / KERNEL,
            dataset=dataset, mutants=self._settings.mutants,
        ).record(lambda text: self._notify(Checking(text)))  # fmt: skip

    def _detail(self) -> str:
        """Why the run ended early, and whose answers are there without having been judged."""
        known = self._candidates
        later = [str(number) for number in sorted(known.proposals) if not known.done(number)]
        if not self._ended.stopped or not later:
            return self._ended.detail
        return f"{self._ended.detail}; answered, and judged on resuming: candidate {', '.join(later)}"

    def _advice(self, baseline: Score) -> Advice | None:
        """The evaluator's choice, once the run has come to its end."""
        known = self._store.read("advice", Advice)
        if known is not None or self._session is None or self._ended.stopped:
            return known
        advice = self._session.coder.choose(
            self._task, rounds=self._settings.rounds, history=self._candidates.history(), baseline=baseline
        )
        if advice is not None:
            self._store.append("advice", advice)
        return advice

    def _synthesis(self, ranking: Ranking, kernel: KernelFile | None, report: Path) -> Synthesis:
        known, winner, given = self._candidates, ranking.winner, given_of(self._store)
        accepted = [e for e in known.evidence.values() if e.accepted]
        return Synthesis(
            folder=str(self._store.folder),
            ranking=ranking if winner is not None else None,
            winner=winner,
            winner_graph="" if winner is None else known.traced[winner].graph_digest,
            kernel_path="" if kernel is None else kernel.path,
            kernel_sha256="" if kernel is None else kernel.sha256,
            report_path=str(report),
            proposed=len(known.proposals),
            rejected=len(known.rejections),
            refuted=len(known.evidence) - len(accepted),
            duplicates=len(known.duplicates),
            accepted=len(accepted),
            evidence=None if winner is None else known.evidence[winner],
            resume=command_of(self._settings.pinned, self._store.folder, given),
            next="" if kernel is None else next_command(self._task.name, Path(kernel.path), given),
        )


def default_name(task: TaskSpec, seed: int, models: Models | None) -> str:
    """`TASK-SEED`, or `TASK-MODEL-SEED`: the folder of a run that was given none."""
    if models is None:
        return f"{task.name}-{seed}"
    return f"{task.name}-{slug(models.asking.model)}-{seed}"


def slug(model: str) -> str:
    """A model's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-.") or "model"


def _ignore(event: Event) -> None:
    """Nobody wants to know."""
