"""Recheck: what follows from a run's records, computed anew: fates, graphs, kernel, proofs, counterexamples, reports.

Works on graphs alone. The sandbox is not imported, and no source text is compiled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tfcaf_forge.errors import GraphError
from tfcaf_forge.evidence.case import case_of
from tfcaf_forge.evidence.examine import FAITHFUL
from tfcaf_forge.evidence.proofs import PROPERTIES, prove
from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.proven import is_proved, proofs_of
from tfcaf_forge.evidence.subject import RunFault, Subject
from tfcaf_forge.graph import canonical, codec
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.artifact import read_kernel, save_kernel
from tfcaf_forge.pipeline.archive import BundleError
from tfcaf_forge.pipeline.bundle import FACTS, LOCK, MEASURED, WAIVERS, decoded, reports_of
from tfcaf_forge.pipeline.environment import forge_version
from tfcaf_forge.pipeline.equivalent import equivalence
from tfcaf_forge.pipeline.export import manifest_of
from tfcaf_forge.pipeline.facts import Facts
from tfcaf_forge.pipeline.report import KERNEL, REPLAY, begun
from tfcaf_forge.records.base import digest_bytes
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Interval, Ranking, Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Evidence, Verdict
from tfcaf_forge.replay.dataset import Dataset, DatasetInfo, load_dataset
from tfcaf_forge.store import Store

_ROUNDED = 1e-6
"""How far numbers that were rounded to nine digits may be apart."""
PROOF_S = 20.0
"""Seconds for a proof that was not found at once: this machine may be slower than the one that made the run."""


@dataclass(frozen=True)
class Shelf:
    """A bundle's files, and its records as a store of ours."""

    store: Store
    files: Mapping[str, bytes]

    @cached_property
    def task(self) -> TaskSpec:
        """The task."""
        return begun(self.store)[0]

    @cached_property
    def traced(self) -> dict[int, Traced]:
        """Graphs by candidate."""
        return self.store.read_all("traced", Traced)

    @cached_property
    def evidence(self) -> dict[int, Evidence]:
        """Evidence by candidate."""
        return self.store.read_all("evidence", Evidence)

    @cached_property
    def ranking(self) -> Ranking | None:
        """The order of the accepted, if the run came to its end."""
        return self.store.read("ranking", Ranking)

    def subjects(self) -> dict[int, Subject]:
        """Graphs that have evidence, bound to the task."""
        return {i: Subject(self.traced[i].graph, self.task) for i in self.evidence}


def records(shelf: Shelf) -> str:
    """Every candidate has one fate, and every record speaks about the one that it belongs to."""
    task, settings = begun(shelf.store)
    shelf.store.read("isolation", Isolation)
    if settings.get("task_digest") != task.digest:
        raise BundleError(f"the run's settings name another task than the one recorded ({task.name})")
    proposals = shelf.store.read_all("proposal", Proposal)
    rejections = shelf.store.read_all("rejection", Rejection)
    duplicates = shelf.store.read_all("duplicate", int)
    for number in sorted({*proposals, *rejections, *duplicates, *shelf.traced, *shelf.evidence}):
        fates = [name for name, held in (("rejection", rejections), ("duplicate", duplicates), ("evidence", shelf.evidence)) if number in held]  # fmt: skip
        _one_fate(number, fates, finished=shelf.ranking is not None)
        proposal, traced = proposals.get(number), shelf.traced.get(number)
        if proposal is None and "rejection" not in fates:
            raise BundleError(f"candidate {number} has records, but its proposal is missing")
        if proposal is not None and proposal.id != number:
            raise BundleError(
                f"the proposal of candidate {number} is that of candidate {proposal.id}: they were swapped"
            )
        if traced is not None and (
            proposal is None or traced.candidate != number or traced.proposal != proposal.digest
        ):
            raise BundleError(f"the graph of candidate {number} was traced from another source than its proposal's")
        if number in shelf.evidence:
            _about_its_graph(number, shelf.evidence[number], traced, task)
            _as_asked_for(number, shelf.evidence[number], settings)
    missing = sorted(set(range(1, max([*proposals, *rejections], default=0) + 1)) - {*proposals, *rejections})
    if missing:
        raise BundleError(f"candidate {missing[0]} is missing, although a later one was recorded")
    wanted = int(settings.get("rounds", 0)) * int(settings.get("candidates", 0))
    if shelf.ranking is not None and not settings.get("asking") and len(proposals) != wanted:
        raise BundleError(f"{len(proposals)} candidates are recorded, and the run's settings ask for {wanted}: some were removed or added")  # fmt: skip
    _ranked(shelf)
    return f"{len({*proposals, *rejections})} candidates, each with one fate; every record is about its own candidate"


def _one_fate(number: int, fates: list[str], *, finished: bool) -> None:
    if len(fates) > 1:
        raise BundleError(f"candidate {number} has {' and '.join(fates)} at once")
    if not fates and finished:
        raise BundleError(f"candidate {number} has no fate: its rejection, duplicate or evidence was removed")


def _about_its_graph(number: int, evidence: Evidence, traced: Traced | None, task: TaskSpec) -> None:
    if traced is None or evidence.candidate != number or evidence.graph != traced.graph_digest:
        raise BundleError(f"the evidence of candidate {number} is about another graph than the one traced from it")
    if evidence.task != task.digest:
        raise BundleError(f"the evidence of candidate {number} is about another task")
    known = {p.id: p.required for p in catalogue(task)} | {FAITHFUL: True}
    for verdict in evidence.verdicts:
        _known(number, verdict, known)
        _sound(number, verdict, known)
    given = [v.property_id for v in evidence.verdicts]
    for name in sorted({name for name, required in known.items() if required} - {*given}):
        raise BundleError(f"candidate {number}: the verdict on the required property {name} was removed")
    for name in sorted({name for name in given if given.count(name) > 1}):
        raise BundleError(f"candidate {number} has two verdicts on {name}: one was added")


def _as_asked_for(number: int, evidence: Evidence, settings: Mapping[str, Any]) -> None:
    """The trials were those of the run's profile and seed, which the report shows as the run's settings."""
    for name, used in (("profile", evidence.profile), ("seed", evidence.seed)):
        if settings.get(name, used) != used:
            raise BundleError(f"the evidence of candidate {number} is of the {name} {used}, and the run's settings ask for {settings[name]}")  # fmt: skip


def _known(number: int, verdict: Verdict, known: Mapping[str, bool]) -> None:
    """A verdict is about what this release examines: the catalogue, what the sandbox compares, what else is proved.

    A run records no property of the user's own: those are for `forge vet`.
    """
    name = verdict.property_id
    if verdict.origin != "forge" or (name not in known and name not in PROPERTIES):
        raise BundleError(f"candidate {number}: nothing that a run examines is called {name[:60]}: the verdict was added")  # fmt: skip
    if name not in known and verdict.status != "PROVED":
        raise BundleError(f"candidate {number}: {name} is {verdict.status}, and it is recorded only where it is PROVED")
    if (name not in known or name == FAITHFUL) and verdict.trials:
        raise BundleError(f"candidate {number}: {name} is recorded with {verdict.trials:,} trials, and it is never tried in any")  # fmt: skip


def _sound(number: int, verdict: Verdict, known: Mapping[str, bool]) -> None:
    where = f"candidate {number}: {verdict.property_id}"
    if (verdict.status == "REFUTED") != (verdict.counterexample is not None) and verdict.property_id != FAITHFUL:
        raise BundleError(f"{where} is {verdict.status}, which does not go with its counterexample or the lack of one")
    if verdict.required != known.get(verdict.property_id, False):
        raise BundleError(f"{where} is recorded as {'required' if verdict.required else 'advisory'}, which it is not")


def _ranked(shelf: Shelf) -> None:
    """The ranking is the order of the accepted candidates by their recorded scores."""
    ranking, scores = shelf.ranking, shelf.store.read_all("score", Score)
    if ranking is None:
        return
    accepted = {i for i, evidence in shelf.evidence.items() if evidence.accepted}
    for number in sorted(set(scores) ^ accepted):
        raise BundleError(f"candidate {number} {'has a score, but was not accepted' if number in scores else 'was accepted, but its score is missing'}")  # fmt: skip
    if {s.candidate: s for s in ranking.scores} != scores:
        raise BundleError("the ranking shows other scores than those recorded when they were computed")
    for score in ranking.scores:
        if score.graph != shelf.traced[score.candidate].graph_digest:
            raise BundleError(f"the score of candidate {score.candidate} is about another graph")
    best = max((s.decides.value for s in ranking.scores), default=None)
    won = next((s for s in ranking.scores if s.candidate == ranking.winner), None)
    defined = [s for s in ranking.scores if "undefined_rows" not in s.components]  # others stand last and never win
    if (ranking.winner is None) != (not defined) or (won is not None and best is not None and won.decides.value < best):
        raise BundleError(f"the ranking's winner, {ranking.winner}, is not the accepted candidate that stands first")
    base = ranking.baseline
    known = {s.predicted is not None for s in (base, *ranking.scores)}
    if len(known) > 1 or base.predicted not in (None, Interval(value=0.0, low=0.0, high=0.0)):
        raise BundleError("the predictions of candidates and baseline do not go together")
    for score in ranking.scores:
        apart = score.score.value - base.score.value - score.gain.value
        if abs(apart) > _ROUNDED or any(
            not i.low <= i.value <= i.high for i in (score.score, score.gain, score.decides)
        ):
            raise BundleError(f"the score of candidate {score.candidate}, its gain and the baseline do not go together")
    if ranking.better_than_baseline != (won is not None and won.ahead.low > ranking.margin):
        raise BundleError("the ranking says that the winner is better than equal weights, or that it is not, against its own interval")  # fmt: skip
    dataset = shelf.store.read("dataset", DatasetInfo)
    if dataset is None or dataset.digest != ranking.dataset:
        raise BundleError("the ranking was made on another replay dataset than the one recorded")


def graphs(shelf: Shelf) -> str:
    """Every graph keeps the op table's rules, is canonical, and has the digest that is recorded."""
    for number, traced in shelf.traced.items():
        try:
            types = verify(traced.graph)
        except GraphError as fault:
            raise BundleError(f"the graph of candidate {number} breaks the rules ({fault.code}): {fault}") from None
        if codec.digest(traced.graph) != traced.graph_digest:
            raise BundleError(f"the graph of candidate {number} was changed: its digest is not the one recorded")
        if canonical.canonical(traced.graph, types)[0] != traced.graph:
            raise BundleError(f"the graph of candidate {number} is not in canonical form")
    return f"{len(shelf.traced)} graphs keep the op table's rules, are canonical and have their recorded digests"


def kernel(shelf: Shelf) -> str | None:
    """The kernel's file is what the winner's graph and records give, byte for byte."""
    ranking, path = shelf.ranking, shelf.store.folder / KERNEL
    if ranking is None or ranking.winner is None:
        if KERNEL in shelf.files:
            raise BundleError(f"{KERNEL} is in the bundle although the run has no winner")
        return None
    if KERNEL not in shelf.files:
        raise BundleError(f"{KERNEL} is missing, although candidate {ranking.winner} won")
    found, manifest = read_kernel(path)
    wanted = manifest_of(shelf.store, ranking.winner)
    wanted = msgspec.structs.replace(wanted, forge_version=manifest.forge_version, torch_version=manifest.torch_version)
    if codec.digest(found) != wanted.graph_digest:
        raise BundleError(f"{KERNEL} holds another graph than candidate {ranking.winner}'s, who won")
    if manifest != wanted:
        wrong = [name for name in manifest.__struct_fields__ if getattr(manifest, name) != getattr(wanted, name)]
        raise BundleError(f"{KERNEL}: its manifest differs from the records in {', '.join(wrong)}")
    with tempfile.TemporaryDirectory(prefix="forge-kernel-") as folder:
        sha256 = save_kernel(Path(folder) / KERNEL, shelf.traced[ranking.winner].graph, wanted)
        if (Path(folder) / KERNEL).read_bytes() != shelf.files[KERNEL]:
            raise BundleError(f"{KERNEL} is not what its own graph and manifest give: it was written by something else")
    same = equivalence(Subject(shelf.traced[ranking.winner].graph, shelf.task), path)
    if not same["same"]:
        raise BundleError(f"{KERNEL} does not compute what its graph does: {same}")
    return f"rebuilt from the winner's graph to the same bytes, sha256 {sha256[:16]}…; same values on {same['rows']:,} inputs"  # fmt: skip


def proofs(shelf: Shelf) -> str:
    """Everything that is recorded as PROVED is proved again."""
    count = 0
    for number, subject in shelf.subjects().items():
        claimed = [v for v in shelf.evidence[number].verdicts if v.status == "PROVED"]
        again = proofs_of(subject)
        if not all(is_proved(again, v.property_id) for v in claimed):
            again = {**again, **prove(subject.graph, subject.types, shelf.task, budget_s=PROOF_S)}
        for verdict in claimed:
            follows = verdict.property_id == "igm" and subject.affine and is_proved(again, "monotone")
            if not is_proved(again, verdict.property_id) and not follows:
                raise BundleError(f"candidate {number}: {verdict.property_id} is recorded as PROVED, but the prover cannot prove it")  # fmt: skip
            count += 1
    return f"{count} verdicts PROVED were proved again"


def counterexamples(shelf: Shelf) -> str:
    """Every stored counterexample still breaks its property."""
    properties = {p.id: p for p in catalogue(shelf.task)}
    count = pooled = 0
    for number, subject in shelf.subjects().items():
        for verdict in shelf.evidence[number].verdicts:
            found = verdict.counterexample
            if found is None:
                continue
            case, prop = case_of(found), properties[verdict.property_id]
            if case.key != found.case:
                raise BundleError(f"candidate {number}: the counterexample to {prop.id} was changed: it is no longer case {found.case}")  # fmt: skip
            if prop.pooled:  # it speaks about all states together; one row shows it and cannot repeat it
                pooled += 1
                continue
            try:
                broken = prop.check(subject, case) is not None
            except RunFault:
                broken = False
            if not broken:
                raise BundleError(f"candidate {number}: the counterexample to {prop.id} (case {found.case}) breaks nothing")  # fmt: skip
            count += 1
    return f"{count} counterexamples were replayed, and each still breaks its property" + (f"; {pooled} speak about many states together" if pooled else "")  # fmt: skip


def report(shelf: Shelf, *, other_release: bool = False) -> str | None:
    """Every report is what the records give, byte for byte.

    Args:
        shelf: the bundle.
        other_release: leave reports that another release wrote unchecked; else they are refused, since whoever edits a
            report could also edit the release's name.
    """
    facts = decoded(shelf.files, FACTS, Facts)
    measured = decoded(shelf.files, MEASURED, dict[str, Any])
    if facts.environment.get("lock") != f"sha256 {digest_bytes(shelf.files[LOCK])}":
        raise BundleError(f"{LOCK} is not the list of versions that {FACTS} names")
    if facts.forge_version != forge_version():
        if other_release:
            return None
        raise BundleError(f"release {facts.forge_version[:20]} wrote the reports, and this is {forge_version()}: verify with that release, or leave them out with --other-release")  # fmt: skip
    made = reports_of(shelf.store, facts, measured, shelf.files.get(WAIVERS, b""))
    for name, body in made.items():
        if shelf.files[name] != body:
            raise BundleError(f"{name} says something else than the records: it was edited, or made from other records")
    return f"{len(made)} reports were made again from the records, each the same byte for byte"


def replayed(shelf: Shelf, replay: Path | None) -> tuple[Dataset | None, str]:
    """The run's replay data, from a folder or from the bundle, and a phrase on whether it is there.

    Raises:
        BundleError: it is other data than the run's.
    """
    folder = replay or shelf.store.folder / REPLAY
    if not folder.is_dir():
        return None, "without replayed states (give --replay, or bundle them)"
    dataset, ranking = load_dataset(folder, shelf.task), shelf.ranking
    if ranking is not None and dataset.digest != ranking.dataset:
        raise BundleError(f"{folder.name} is another replay dataset than the run's")
    return dataset, "replayed states among them"


STEPS: Mapping[str, Callable[[Shelf], str | None]] = {
    "kernel": kernel,
    "proofs": proofs,
    "counterexamples": counterexamples,
}
