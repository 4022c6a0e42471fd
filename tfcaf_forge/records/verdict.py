"""Verdict and Evidence: what is known about a graph, how it is known, and over which domain."""

from __future__ import annotations

from typing import Literal

import msgspec

from tfcaf_forge.records.base import Plain, Record, digest_of

Status = Literal["PROVED", "TESTED", "UNKNOWN", "REFUTED", "ERRORED"]
Origin = Literal["forge", "user"]
"""Who wrote a property: this package, or the user in a file of their own."""


class Counterexample(Plain, frozen=True, kw_only=True):
    """Inputs on which a property fails, as small as they could be made.

    Attributes:
        state: the rows of the state, [B][S].
        local_q: the rows of the local Q-values, [B][N].
        fields: the state's fields that matter, by name (`foods[1].level`), first violating row.
        observed: what happened there, in the task's words (`credit of agent 1 = -0.31`).
        line: source line that is most likely to blame, from the guest's claim; never evidence.
        remedy: what that line does there and what to write instead (`divides by 0; …`); empty where it is not known.
        case: 8 hexadecimal digits that name this input; `--case` repeats it.
    """

    state: tuple[tuple[float, ...], ...]
    local_q: tuple[tuple[float, ...], ...]
    fields: dict[str, float]
    observed: str
    line: int | None = None
    remedy: str = ""
    case: str


class Verdict(Plain, frozen=True, kw_only=True, rename={"property_id": "property"}):
    """What is known about one property of one graph.

    Attributes:
        property_id: the property's id, such as `monotone`.
        status: PROVED over the whole declared domain; TESTED in `trials` trials without a counterexample;
            UNKNOWN; REFUTED by `counterexample`; ERRORED where the examination itself failed.
        required: whether a candidate must hold it to be accepted.
        detail: a sentence: the bound that was proved, the reason for UNKNOWN, …
        origin: whether the property is the forge's or the user's own.
    """

    property_id: str
    status: Status
    required: bool
    trials: int = 0
    detail: str = ""
    counterexample: Counterexample | None = None
    seconds: float = 0.0
    origin: Origin = "forge"

    @property
    def holds(self) -> bool:
        """PROVED or TESTED."""
        return self.status in ("PROVED", "TESTED")


class Evidence(Record, frozen=True, kw_only=True):
    """All verdicts on one graph.

    Attributes:
        candidate: id of the proposal.
        task, graph: digests of the TaskSpec and of the graph.
        profile: name of the trial profile (`fast`, `search`, `audit`).
        seed: what the trials were seeded with.
    """

    candidate: int
    task: str
    graph: str
    profile: str
    seed: int
    verdicts: tuple[Verdict, ...]
    seconds: float = 0.0

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, the times left out: two runs with one seed agree in it."""
        verdicts = tuple(msgspec.structs.replace(verdict, seconds=0.0) for verdict in self.verdicts)
        return digest_of(msgspec.structs.replace(self, verdicts=verdicts, seconds=0.0))

    @property
    def accepted(self) -> bool:
        """True if every required property is PROVED or TESTED."""
        return all(verdict.holds for verdict in self.verdicts if verdict.required)

    def of(self, property_id: str) -> Verdict | None:
        """The verdict on one property, if it was examined."""
        return next((v for v in self.verdicts if v.property_id == property_id), None)
