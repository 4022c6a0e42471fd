"""The catalogue as a page: `python -m tfcaf_forge.evidence.properties.page > docs/properties.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tfcaf_forge.evidence.properties import (
    BATCH_INDEPENDENT,
    BOUNDED_CREDIT,
    CONTINUOUS,
    CONTRACT,
    DTYPE_FOLLOWS,
    FINITE,
    FINITE_GRADIENT,
    GRADIENT_CHECK,
    IGM,
    LARGE_INPUTS,
    STARVED,
    STATE_SENSITIVE,
    Property,
    monotone,
)
from tfcaf_forge.evidence.properties.symmetry import AGENT_SYMMETRY, ELEMENT_SYMMETRY, IRRELEVANT_FIELDS

_HEAD = """# Properties

What every graph is held against, in the order in which verdicts are shown. This page is written by
`python -m tfcaf_forge.evidence.properties.page`, and a test compares the two.

A verdict is PROVED (by abstract interpretation, over the whole domain that the task declares), TESTED (no
counterexample in so many trials), UNKNOWN, REFUTED (with a counterexample, made small, in the task's own words) or
ERRORED (the examination itself failed). TESTED is never shown as PROVED. A candidate is accepted if every *required*
property is PROVED or TESTED; an *advisory* one is reported and refuses nothing.

Local Q-values reach from the declared range to `q_scale` times it, since a kernel multiplies before the function sees
them; what a counterexample shows is what the function saw.

Trials have two tiers: small inputs that Hypothesis draws field by field, and large batches drawn from seeds with
corner values, coincidences and, where a replay dataset is given, replayed states. The profiles `fast`, `search` and
`audit` try about 50, 250 and 600 small cases and 5,000, 15,000 and 50,000 rows. Counterexamples are kept, and tried
first the next time that `forge vet` sees the same task (`--fresh` leaves them out).

What is proved beyond this list is shown as well and never required: `credit-sum` (the credits sum to a constant),
`deterministic` (by construction). `trace-faithful` is judged in the sandbox: the graph does what the function did.
Your own properties come after these: [own-properties.md](own-properties.md).
"""
_WHEN = {
    "agent-symmetry": "tasks that declare interchangeable agents",
    "element-symmetry": "tasks that declare interchangeable elements of a block",
    "irrelevant-fields": "tasks that declare irrelevant fields",
}
_NOTES = {
    "starved": "the column `starved` of tables and rankings is another number: the share of replayed steps in which some agent has less "
    "than 1 % of the credit"
}
_KIND = {
    "monotone": 'required; advisory, and measured as a share of states, where the task says `monotonicity = "relaxed"`'
}


def every() -> tuple[Property, ...]:
    """Every property that a task can have."""
    return (
        CONTRACT, FINITE, FINITE_GRADIENT, monotone(required=True), IGM, BATCH_INDEPENDENT, STARVED, AGENT_SYMMETRY,
        ELEMENT_SYMMETRY, IRRELEVANT_FIELDS, BOUNDED_CREDIT, STATE_SENSITIVE, CONTINUOUS, GRADIENT_CHECK,
        DTYPE_FOLLOWS, LARGE_INPUTS,
    )  # fmt: skip


def page() -> str:
    """The page's text."""
    return "\n".join([_HEAD, *(line for prop in every() for line in _section(prop))])


def _section(prop: Property) -> Iterator[str]:
    yield f"## `{prop.id}`"
    yield ""
    yield f"{prop.title[0].upper()}{prop.title[1:]}."
    yield ""
    yield f"- **Formula:** {prop.formula}"
    yield f"- **Tolerance:** {prop.tolerance:g}; {prop.why}"
    yield f"- **Hazard:** {prop.hazard}"
    yield f"- **Kind:** {_KIND.get(prop.id, 'required' if prop.required else 'advisory')}"
    if prop.id in _WHEN:
        yield f"- **Applies to:** {_WHEN[prop.id]}"
    if prop.id in _NOTES:
        yield f"- **Not to be confused:** {_NOTES[prop.id]}"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
