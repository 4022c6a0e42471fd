"""Plain rows for the command line's tables, in the report's own words. Prints nothing.

The cells hold no control characters; whoever prints them through rich must still pass them as `Text`, not as markup.
"""

from __future__ import annotations

from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Evidence, Verdict
from tfcaf_forge.reports.counterexamples import counterexample_text
from tfcaf_forge.reports.text import one_line
from tfcaf_forge.reports.words import NONE, fate, interval_text, percent, signed_text, worst

COLUMNS = (
    "id", "parent", "verdict", "monotone", "finite", "rows", "starved", "predicted", "95 %", "what happened",
)  # fmt: skip
"""The candidate table's columns, in order; the keys of `candidate_row`."""
RIGHT_ALIGNED = ("id", "parent", "starved", "predicted")

PROPERTY_COLUMNS = {"monotone": ("monoton",), "finite": ("finite",), "rows": ("rows", "batch")}
"""Which properties a column sums up, by the beginning of their ids; the worst verdict among them is shown."""


def candidate_row(
    proposal: Proposal,
    *,
    rejection: Rejection | None = None,
    duplicate: int | None = None,
    same: str = "graph",
    evidence: Evidence | None = None,
    score: Score | None = None,
    task: TaskSpec | None = None,
    digits: int = 3,
) -> dict[str, str]:
    """One candidate as cells by column.

    Args:
        proposal: the candidate.
        rejection, duplicate, evidence: what is known of it; all None while it is being examined.
        same: in what a duplicate is the same: `source`, `graph` or `behaviour`.
        score: its line of the ranking.
        task: names absent elements in counterexamples.
        digits: decimals of the prediction; `words.digits_for(ranking)`.
    """
    predicted = None if score is None else score.predicted
    return {
        "id": str(proposal.id),
        "parent": NONE if proposal.parent is None else str(proposal.parent),
        "verdict": fate(rejection, duplicate, evidence),
        **{column: column_status(column, evidence) for column in PROPERTY_COLUMNS},
        "starved": NONE if score is None else percent(score.starved),
        "predicted": NONE if predicted is None else signed_text(predicted, digits),
        "95 %": NONE if predicted is None else interval_text(predicted, digits),
        "what happened": what_happened(rejection or duplicate or evidence, task, same=same),
    }


def column_status(column: str, evidence: Evidence | None) -> str:
    """The worst status among the properties that a column sums up, or `-`."""
    found = worst(column_verdicts(column, evidence))
    return NONE if found is None else found.status


def column_verdicts(column: str, evidence: Evidence | None) -> list[Verdict]:
    """The verdicts that a column sums up: the required ones, or the advisory ones where none is required."""
    named = [v for v in (evidence.verdicts if evidence else ()) if v.property_id.startswith(PROPERTY_COLUMNS[column])]
    return [v for v in named if v.required] or named


def what_happened(
    fault: Rejection | Evidence | int | None, task: TaskSpec | None = None, limit: int = 400, *, same: str = "graph"
) -> str:
    """A sentence on what befell a candidate; empty if nothing did.

    Args:
        fault: its rejection, its evidence, or the id of the candidate that it repeats.
        task: names absent elements in counterexamples.
        limit: characters after which the text is cut, with the count of what is missing.
        same: in what it repeats that candidate: `source`, `graph` or `behaviour`.
    """
    if isinstance(fault, Rejection):
        return one_line(str(fault), limit)
    if isinstance(fault, int):
        return f"same {same} as candidate {fault}"
    if fault is None:
        return ""
    failed = [v for v in fault.verdicts if v.required and not v.holds]
    if not failed:  # the report shows where an advisory property fails; here its name is enough
        names = [v.property_id for v in fault.verdicts if v.status in ("REFUTED", "ERRORED")]
        return f"advisory: not {', '.join(names)}" if names else ""
    failed.sort(key=lambda verdict: (verdict.status != "REFUTED", verdict.status != "ERRORED"))
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return one_line(verdict_text(failed[0], task), limit) + more


def verdict_text(verdict: Verdict, task: TaskSpec | None = None) -> str:
    """`monotone: agents[1].x = 0 → credit of agent 1 = -0.31`, or the status and its reason."""
    advisory = "" if verdict.required else "advisory, "
    if verdict.counterexample is not None:
        return f"{advisory}{verdict.property_id}: {counterexample_text(verdict.counterexample, task)}"
    return f"{advisory}{verdict.property_id}: {verdict.status}{', ' + verdict.detail if verdict.detail else ''}"
