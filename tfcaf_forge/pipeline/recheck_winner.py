"""Recheck of the winner: what is recorded of it alone, and, with the replay data, ranking, measurements and mutants again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.pipeline.adequacy import adequacy
from tfcaf_forge.pipeline.archive import BundleError
from tfcaf_forge.pipeline.bundle import MEASURED, OBSERVATIONS, decoded
from tfcaf_forge.pipeline.measured import measured as measure
from tfcaf_forge.pipeline.recheck import Shelf, replayed
from tfcaf_forge.pipeline.report import KERNEL
from tfcaf_forge.ranking.order import standing
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.ranking.rule import load_rule
from tfcaf_forge.ranking.score import Doubles
from tfcaf_forge.records.base import canonical_json, digest_bytes, to_builtins
from tfcaf_forge.records.equivalence import Equivalence
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.records.ranking import Ranking

_NEAR = 1e-4


def winner(shelf: Shelf) -> str | None:
    """Every record of the winner alone is about the winner's graph; the observations and the kernel are those recorded."""
    number = _won(shelf)
    same = shelf.store.read_all("equivalence", Equivalence)
    score = shelf.store.read_all("mutation", MutationScore)
    seen = shelf.store.read_all("observed", Observed)
    for kind, found in (("equivalence", same), ("mutation", score), ("observed", seen)):
        for candidate, record in found.items():
            if candidate != number:
                raise BundleError(f"there is a record {kind} of candidate {candidate}, who did not win")
            if record.graph != shelf.traced[candidate].graph_digest:
                raise BundleError(f"the record {kind} is about another graph than candidate {candidate}'s, who won")
    _files(shelf, seen.get(number))
    if number in same and same[number].kernel != digest_bytes(shelf.files.get(KERNEL, b"")):
        raise BundleError(f"source, graph and kernel were compared with another {KERNEL}")
    told = [kind for kind, found in (("equivalence", same), ("mutation", score), ("observed", seen)) if found]
    return f"its records are about its graph, and its observations are there: {', '.join(told)}" if told else None


def _won(shelf: Shelf) -> int:
    """The winner's id; 0, which no candidate has, if there is none."""
    return 0 if shelf.ranking is None else shelf.ranking.winner or 0


def _files(shelf: Shelf, record: Observed | None) -> None:
    held = {name for name in shelf.files if name.startswith(f"{OBSERVATIONS}/")}
    for name in sorted(held - {record.file if record else ""}):
        raise BundleError(f"{name} is named by no record of the run")
    if record is None:
        return
    if record.file not in held:
        raise BundleError(f"{record.file} is missing, although it is recorded")
    body = shelf.files[record.file]
    if (digest_bytes(body), len(body)) != (record.sha256, record.size):
        raise BundleError(f"{record.file} is not the file that was recorded: it has another SHA-256")


def mutants(shelf: Shelf, replay: Path | None) -> str | None:
    """The same mutants of the winner again, each with the same fate; not done without the replay data."""
    before = shelf.store.read("mutation", MutationScore, _won(shelf))
    dataset, _ = replayed(shelf, replay)
    if before is None or dataset is None:
        return None
    graph, most = shelf.traced[_won(shelf)].graph, len(before.judged) + before.equivalent + before.invalid
    after = adequacy(graph, shelf.task, dataset=dataset, seed=before.seed, most=most)
    for one, other in zip(before.judged, after.judged, strict=False):
        if (one.node, one.change, one.fate) != (other.node, other.change, other.fate):
            raise BundleError(f"{one.change} at operation {one.node} is recorded as {one.fate}; repeated, {other.change} at {other.node} is {other.fate}")  # fmt: skip
    if (len(before.judged), before.equivalent, before.invalid) != (len(after.judged), after.equivalent, after.invalid):
        raise BundleError(f"{len(before.judged)} mutants are recorded, and repeated they are {len(after.judged)}")
    return f"{len(after.judged)} mutants were made again; {after.killed} were noticed, each as it is recorded"


def ranking(shelf: Shelf, replay: Path | None) -> str | None:
    """Every score again, the baseline's, and all else that the ranking says, on the run's replay data."""
    record, (dataset, _) = shelf.ranking, replayed(shelf, replay)
    if record is None or dataset is None:
        return None
    ranker = Ranker(dataset, shelf.task, record.seed)
    if record.baseline.predicted is not None and record.margin != load_rule().margin:
        raise BundleError(
            f"the ranking's margin is recorded as {record.margin:g}; the rule's is {load_rule().margin:g}"
        )
    for before in (record.baseline, *record.scores):
        known = before is record.baseline
        after = ranker.baseline if known else ranker.score(before.candidate, shelf.traced[before.candidate].graph)
        if not _near(to_builtins(before), to_builtins(after)):
            who = "equal weights" if known else f"candidate {before.candidate}"
            raise BundleError(f"the score of {who} is recorded as {before.score.value:.6f}; computed again it is {after.score.value:.6f}, or its interval differs")  # fmt: skip
    graphs = {s.candidate: shelf.traced[s.candidate].graph for s in record.scores}
    _follows(record, ranker.rank(record.scores, graphs))
    if graphs:
        _stands(record, ranker.predictions(graphs))
    return f"{len(record.scores)} scores and the baseline's were computed again on the replay data, the same within {_NEAR:g}; so were order, ties, shares and agreement"  # fmt: skip


_RESAMPLED = ("tied", "best_share", "agreement")
"""What a ranking says about its bootstrap samples."""


def _follows(record: Ranking, again: Ranking) -> None:
    """All but what is resampled follows from the scores as they are recorded, and from the data."""
    for name in record.__struct_fields__:
        if name not in (*_RESAMPLED, "baseline") and getattr(record, name) != getattr(again, name):
            raise BundleError(f"the ranking's {name} is not what its scores and the replay data give: it was edited")


def _stands(record: Ranking, samples: Mapping[int, Doubles]) -> None:
    """Ties, shares and agreement; where two are apart by less than rounding in a sample, either may be the better there."""
    ids, table = list(samples), np.stack(list(samples.values()))
    gaps = dict(zip(ids, np.quantile(table[0] - table, 0.025, axis=1), strict=True))
    for number, gap in gaps.items():
        if number not in (ids[0], record.winner) and abs(gap) > _NEAR and (gap <= 0) != (number in record.tied):
            raise BundleError(f"candidate {number} is recorded as {'tied with' if gap > 0 else 'apart from'} the winner, which it is not on the replay data")  # fmt: skip
    _only_once(record, ids)
    leads = table >= table.max(axis=0) - _NEAR
    low, high = (leads & (leads.sum(axis=0) == 1)).mean(axis=1), leads.mean(axis=1)
    for number, least, most in zip(ids, low, high, strict=True):
        share = record.best_share.get(str(number), -1.0)
        if not least - _NEAR <= share <= most + _NEAR:
            raise BundleError(f"candidate {number} is recorded as the best in {share:.2%} of the resamples; computed again, it is in {most:.2%}")  # fmt: skip
    _agrees(record, standing(samples).agreement, table)


def _only_once(record: Ranking, ids: list[int]) -> None:
    """Those that are tied, and those that have a share, are candidates of the ranking, and each is named once."""
    rivals = [number for number in record.tied if number in ids and number != record.winner]
    if len(set(rivals)) != len(record.tied) or record.best_share.keys() != {str(number) for number in ids}:
        raise BundleError(
            "the ranking says who is tied, or how often each is the best, of other candidates than its own"
        )


def _agrees(record: Ranking, again: float | None, table: Doubles) -> None:
    """The agreement, but for the pairs that a sample cannot tell apart."""
    if record.agreement is None or again is None:
        same = record.agreement is again
    else:
        pairs = [np.abs(one - other) <= _NEAR for i, one in enumerate(table) for other in table[i + 1 :]]
        same = abs(record.agreement - again) <= _NEAR + 3 * float(np.mean(pairs))
    if not same:
        raise BundleError(f"the ranking's agreement is recorded as {record.agreement}; computed again it is {again}")


def measured(shelf: Shelf, replay: Path | None) -> str | None:
    """Reach, branches, credit maps again, on the run's replay data."""
    number, (dataset, _) = _won(shelf), replayed(shelf, replay)
    before = decoded(shelf.files, MEASURED, dict[str, Any])
    if not number or dataset is None or "states" not in before:
        return None
    again = measure(Subject(shelf.traced[number].graph, shelf.task), dataset.episodes.transitions().state)
    for name, value in msgspec.json.decode(canonical_json(again)).items():
        if not _near(before.get(name), value):
            raise BundleError(f"{MEASURED}: {name} is not what it is when it is measured again")
    return f"{', '.join(again)} were measured again on {again['states']:,} replayed states, the same within {_NEAR:g}"


def _near(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON is dynamically typed
    """The same data, but for the last digits of its numbers: another processor may add in another order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_near, one, other))
    if isinstance(one, float) and isinstance(other, (float, int)):
        return math.isclose(one, other, rel_tol=_NEAR, abs_tol=_NEAR)
    return one == other


AGAIN: Mapping[str, Callable[[Shelf, Path | None], str | None]] = {
    "ranking": ranking,
    "measured": measured,
    "mutants": mutants,
}
"""What `--full` repeats besides the trials; nothing of it is done without the replay data."""
