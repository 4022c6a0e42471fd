"""The report's data for auditors: provenance, lineage's geometry, the winner's change, waivers, measurements, the log."""

from __future__ import annotations

import difflib
from collections import Counter
from itertools import islice
from typing import Any

from tfcaf_forge.records.base import digest_bytes
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.reports import words
from tfcaf_forge.reports.facts import Call, RunRecords
from tfcaf_forge.reports.text import clip, source_lines
from tfcaf_forge.reports.waivers import faults

_TEXT_LIMIT = 40_000
_DIFF_LINES = 400
_DIFF_SOURCE = 2_000
"""Lines of a source that are compared; `difflib` takes quadratic time."""
_LINE_LIMIT = 500
_SHADES = 9


def intended() -> dict[str, list[str]]:
    """What the kernel is for, and what it is not for."""
    from tfcaf_forge.reports.model_card import NOT_USES, USES

    return {"for": list(USES), "not_for": list(NOT_USES)}


def provenance(records: RunRecords) -> dict[str, Any]:
    """Who was asked what, what came back, what it cost."""
    calls = records.calls
    known = [call.usd for call in calls if call.usd is not None]
    return {
        "coders": sorted({proposal.coder for proposal in records.proposals}),
        "endpoints": sorted({call.endpoint for call in calls}),
        "calls": [_call(call) for call in calls],
        "left": sum(call.left for call in calls),
        "tokens_in": sum(call.tokens_in for call in calls),
        "tokens_out": sum(call.tokens_out for call in calls),
        "usd": sum(known) if known else None,
        "unpriced": len(calls) - len(known),
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "number": call.number,
        "purpose": call.purpose,
        "model": call.model,
        "endpoint": call.endpoint,
        "left": call.left,
        "key": call.key,
        "prompt": clip(call.prompt, _TEXT_LIMIT),
        "prompt_digest": digest_bytes(call.prompt.encode("utf-8", "surrogatepass")),
        "answer": clip(call.answer, _TEXT_LIMIT),
        "answer_digest": digest_bytes(call.answer.encode("utf-8", "surrogatepass")),
        "fault": call.fault,
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
        "usd": call.usd,
        "parameters": dict(call.parameters),
    }


def change(records: RunRecords) -> dict[str, Any] | None:
    """How the winner's source differs from its parent's; None where it has none."""
    by_id = {proposal.id: proposal for proposal in records.proposals}
    child = by_id.get(records.winner or 0)
    parent = None if child is None else by_id.get(child.parent or 0)
    if child is None or parent is None:
        return None
    lines = source_diff(parent, child)
    return {"parent": parent.id, "lines": lines[:_DIFF_LINES], "more": max(0, len(lines) - _DIFF_LINES)}


def source_diff(one: Proposal, other: Proposal) -> list[dict[str, str]]:
    """Lines with `kind` `same`, `gone`, `new` or `place`."""
    before, after = ([clip(line, _LINE_LIMIT) for line in source_lines(p.source)[:_DIFF_SOURCE]] for p in (one, other))
    kinds = {" ": "same", "-": "gone", "+": "new", "@": "place"}
    diff = islice(difflib.unified_diff(before, after, n=3, lineterm=""), 2, None)
    return [{"kind": kinds[line[:1]], "text": line[1:] if line[:1] in " -+" else line} for line in diff]


def operations(records: RunRecords) -> list[dict[str, Any]]:
    """The operations of the winner's graph, the most frequent first."""
    traced = records.traced.get(records.winner or 0)
    counts = Counter(node.op for node in traced.graph.nodes) if traced else Counter[str]()
    return [{"op": name, "count": count} for name, count in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))]


def waivers(records: RunRecords) -> dict[str, Any]:
    """Waivers with their standing today, sign-offs, and what is wrong with them."""
    today = records.today
    given = records.waivers
    return {
        "held_against": None if today is None else today.isoformat(),
        "waivers": [
            {
                "property": waiver.property_id,
                "reason": waiver.reason,
                "who": waiver.who,
                "expires": waiver.expires.isoformat(),
                "expired": today is not None and waiver.expires < today,
            }
            for waiver in given.waivers
        ],
        "signoffs": [
            {"who": s.who, "role": s.role, "date": s.date.isoformat(), "statement": s.statement} for s in given.signoffs
        ],
        "faults": waiver_faults(records),
    }


def waiver_faults(records: RunRecords) -> list[str]:
    """What is wrong with the waivers on the report's day."""
    evidence = records.evidence.get(records.winner or 0)
    return [] if records.today is None else faults(records.waivers.waivers, evidence, records.today)


def waiver_text(records: RunRecords, property_id: str) -> str:
    """`waived by R. Auditor until 2026-12-31: …`; empty where no waiver stands."""
    for waiver in records.waivers.waivers:
        if waiver.property_id == property_id:
            over = records.today is not None and waiver.expires < records.today
            return f"{'waiver EXPIRED' if over else 'waived'} by {waiver.who} until {waiver.expires.isoformat()}: {waiver.reason}"  # fmt: skip
    return ""


def log(records: RunRecords) -> list[dict[str, Any]]:
    """The journal line by line with its chain."""
    return [
        {
            "seq": line.seq,
            "kind": line.kind,
            "candidate": line.candidate or None,
            "at": words.utc(line.at),
            "digest": line.digest,
            "link": line.link,
        }
        for line in records.log
    ]


def tree(lineage: list[dict[str, Any]], candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """Geometry of the lineage graph: a node a candidate, by round from left to right, and an edge to each parent."""
    by_id = {item["id"]: item for item in candidates}
    rounds = sorted({by_id[item["id"]]["round"] for item in lineage})
    at = {
        item["id"]: (40 + 110 * rounds.index(by_id[item["id"]]["round"]), 22 + 30 * row)
        for row, item in enumerate(lineage)
    }
    nodes = [
        {"id": n, "x": x, "y": y, "fate": by_id[n]["verdict"], "winner": by_id[n]["winner"]} for n, (x, y) in at.items()
    ]
    edges = [
        {"from": at[by_id[n]["parent"]], "to": at[n]}
        for n in at
        if by_id[n]["parent"] in at and by_id[n]["parent"] < n
    ]  # fmt: skip
    width = max((x for x, _ in at.values()), default=0) + 60
    return {"nodes": nodes, "edges": edges, "width": width, "height": 30 * len(at) + 20, "rounds": rounds}


def measured(records: RunRecords) -> dict[str, Any]:
    """What the winner does on replayed states, with a shade for every number of a map."""
    found = dict(records.measured)
    maps = [m for m in found.get("credit", []) if m["labels"]]
    grids = list(found.get("grid", []))
    values = [v for m in maps for row in m["agents"] for v in row] + [
        v for g in grids for row in g["means"] for v in row
    ]
    scale = _scale([v for v in values if v is not None])
    found["credit"] = [m | {"agents": [[_cell(v, scale) for v in row] for row in m["agents"]]} for m in maps]
    found["grid"] = [g | {"means": [[_cell(v, scale) for v in row] for row in g["means"]]} for g in grids]
    found["scale"] = {"low": scale[0], "high": scale[1]}
    return found


def _scale(values: list[float]) -> tuple[float, float]:
    finite = [v for v in values if abs(v) < float("inf")]
    return (min(finite), max(finite)) if finite else (0.0, 0.0)


def _cell(value: float | None, scale: tuple[float, float]) -> dict[str, Any]:
    """A mean credit as text and shade 0 to 8; where nothing was seen, neither."""
    if value is None:
        return {"text": "", "shade": None}
    low, high = scale
    share = (value - low) / (high - low) if high > low and abs(value) < float("inf") else 0.5
    return {"text": f"{value:.2f}", "shade": min(int(share * _SHADES), _SHADES - 1)}
