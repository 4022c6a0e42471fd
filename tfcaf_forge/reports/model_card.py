"""A model card in Markdown (Mitchell et al., 2019): what the kernel is for, what is known of it, and what is not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tfcaf_forge.reports.text import one_line
from tfcaf_forge.reports.view import View

USES = (
    "Mixing local Q-values into a joint value while cooperative agents are trained (QMIX and VDN style learners), on the task "
    "and state layout that are named here.",
    "Comparing hand-written, generated and learned mixers on recorded transitions.",
)
NOT_USES = (
    "Acting: agents act on their local Q-values alone, and nothing of this is needed or tested at execution.",
    "Another task, another order of state fields, other units, or another number of agents.",
    "A safety function, or evidence that a trained policy is safe.",
)
LIMITS = ("It is no trained model: it holds no weights and learns nothing.",)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~&:])")


def to_markdown(view: View) -> bytes:
    """The card; every text that is not ours is escaped, so that it is text in Markdown too."""
    verdict, task = view["verdict"], view["task"]
    lines = [f"# {_safe(verdict['headline'])}", "", _safe(verdict["comparison"] or "Nothing was ranked."), ""]
    lines += _section("Kernel", _kernel(view))
    lines += _section("Intended use", [f"- {_safe(text)}" for text in USES])
    lines += _section("Not intended", [f"- {_safe(text)}" for text in NOT_USES])
    rows = [
        (v["property"] + ("" if v["required"] else " (advisory)"), v["text"], v["waiver"] or v["detail"]) for v in verdict["properties"]
    ]  # fmt: skip
    lines += _section(f"Verdicts, over {_safe(task['domain'])}", _table(("property", "verdict", "basis"), rows))
    lines += _section("How far the verdicts can be trusted", _adequacy(view))
    ranking = view["ranking"]
    if ranking:
        scores = [(r["label"], r["predicted"], r["predicted_interval"], r["score"], r["gain"]) for r in ranking["rows"]]
        lines += _section("Ranking", [_safe(ranking["method"]), "", *_table(("candidate", "predicted", "95 %", "score", "gain"), scores)])  # fmt: skip
    lines += _section("Data", [f"- {_safe(name)}: {_safe(str(value))}" for name, value in view["dataset"].items()])
    lines += _section("Isolation", [_isolation(view)])
    lines += _section("Discrepancies", [f"- {_safe(text)}" for text in view["discrepancies"]] or ["None was found."])
    lines += _section("Not claimed", [f"- {_safe(text)}" for text in view["not_claimed"]])
    lines += _section("Reproduce", [f"    {one_line(view['reproduce']['command'], 2000)}"])
    return ("\n".join(lines).rstrip() + "\n").encode("utf-8")


def _kernel(view: View) -> list[str]:
    kernel, task = view["verdict"]["kernel"], view["task"]
    about = [f"- task: {_safe(task['name'])}, {task['agents']} agents, {task['state_size']} state fields"]
    about += [f"- written by: {_safe(', '.join(view['run']['coders']))}"]
    if kernel is None:
        return [*about, "- no kernel was written"]
    return [*about, f"- file: {_safe(kernel['path'])}, {kernel['size_text']}", f"- sha256: {_safe(kernel['sha256'])}"]


def _adequacy(view: View) -> list[str]:
    """Mutants, equivalence and the cases on record, a line each."""
    mutation, same, seen = view["mutation"], view["equivalence"], view["observations"]
    legs = [f"{_safe(leg['one'])} and {_safe(leg['other'])} {'agree' if leg['agree'] else 'do not agree'}" for leg in (same or {"legs": ()})["legs"]]  # fmt: skip
    return [
        f"- mutants: {_safe(mutation['text']) if mutation else 'not recorded'}",
        f"- equivalence: {', '.join(legs) + ' on ' + _safe(same['inputs']) if legs else 'not recorded'}",
        f"- cases on record: {seen['cases']:,} in {_safe(seen['file'])}" if seen else "- cases on record: none",
    ]


def _isolation(view: View) -> str:
    isolation = view["isolation"]
    if isolation is None:
        return "Not recorded."
    missing = "; ".join(f"{name} ({why})" for name, why in isolation["missing"].items()) or "none"
    return _safe(f"{isolation['backend']}: {', '.join(isolation['active'])}. Not in force: {missing}.")


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    body = [f"| {' | '.join(_safe(cell) for cell in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *body]


def _safe(text: str) -> str:
    """Text on one line, with everything that Markdown would act on escaped; links too."""
    return _SPECIAL.sub(r"\\\1", one_line(text, 1000))
