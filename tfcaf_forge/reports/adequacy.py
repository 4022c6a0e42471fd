"""The report's data on how far the winner's verdicts can be trusted: mutants, equivalence, the record of its trials."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tfcaf_forge.records.base import to_builtins
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.reports import words
from tfcaf_forge.reports.facts import RunRecords


def mutation(records: RunRecords) -> dict[str, Any] | None:
    """The mutation score: who noticed how many, by kind of fault, and every survivor; None where it was not measured."""
    found = records.mutation
    if found is None:
        return None
    return {
        "text": mutation_text(found),
        "share": found.share,
        "killed": found.killed,
        "judged": len(found.judged),
        "refuted": sum(m.fate == "refuted" for m in found.judged),
        "noticed": sum(m.fate == "noticed" for m in found.judged),
        "equivalent": found.equivalent,
        "invalid": found.invalid,
        "seed": found.seed,
        "checks": list(found.checks),
        "kinds": _kinds(found),
        "ways": [{"by": way, "count": count} for way, count in found.by_way.items()],
        "survivors": [
            {"kind": m.kind, "change": m.change, "node": m.node, "line": m.line, "why": m.why} for m in found.survivors
        ],
    }


def mutation_text(found: MutationScore) -> str:
    """`17 of 40 deliberate faults were noticed (42.5 %)`."""
    if not found.judged:
        return "no deliberate fault changed what the graph does"
    return f"{found.killed} of {len(found.judged)} deliberate faults were noticed ({words.percent(found.share)})"


def _kinds(found: MutationScore) -> list[dict[str, Any]]:
    kinds = Counter(m.kind for m in found.judged)
    fates = Counter((m.kind, m.fate) for m in found.judged)
    return [
        {"kind": kind, "judged": count, **{fate: fates[kind, fate] for fate in ("refuted", "noticed", "survived")}}
        for kind, count in sorted(kinds.items())
    ]


def equivalence(records: RunRecords) -> dict[str, Any] | None:
    """How far source, graph and kernel are apart on the same inputs; None where it was not measured."""
    found = records.equivalence
    if found is None:
        return None
    drawn = sum(found.batches) - found.replayed
    return {
        "inputs": f"{drawn:,} drawn and {found.replayed:,} replayed states, in batches of {', '.join(map(str, found.batches))}",
        "legs": [to_builtins(leg) for leg in found.legs],
        "fault": found.fault,
        "exports": [to_builtins(export) for export in found.exports],
    }


def observations(records: RunRecords) -> dict[str, Any] | None:
    """The file with a record of every case that the winner was tried on; None where none is kept."""
    return None if records.observed is None else to_builtins(records.observed)


def faults(records: RunRecords) -> list[str]:
    """What the records above say against the run."""
    found: list[str] = []
    traced = records.traced.get(records.winner or 0)
    for name, record in (("mutants", records.mutation), ("observations", records.observed), ("equivalence", records.equivalence)):  # fmt: skip
        if record is not None and (traced is None or record.graph != traced.graph_digest):
            found.append(f"the {name} on record are about another graph than the winner's")
    if records.observed is not None and not records.observed.same:
        found.append("the winner's trials, repeated with a record of every case, came to other verdicts")
    same = records.equivalence
    if same is not None:
        found += [f"{leg.one} and {leg.other} of the winner do not agree" for leg in same.legs if not leg.agree]
        found += [f"the export {export.format}: {export.fault}" for export in same.exports if export.fault]
        found += [f"source, graph and kernel could not be compared: {same.fault}"] if same.fault else []
        if records.kernel is not None and same.kernel != records.kernel.sha256:
            found.append("source, graph and kernel were compared with another kernel's file")
    return found
