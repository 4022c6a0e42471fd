"""Equivalence: how far a function's own run, its graph and its kernel are apart on the same inputs."""

from __future__ import annotations

from tfcaf_forge.records.base import Plain, Record


class Leg(Plain, frozen=True, kw_only=True):
    """Two of them, compared.

    Attributes:
        one, other: `source`, `graph` or `kernel`.
        values, credits: the largest absolute differences; None where one is a number and the other is not.
        bound: what is allowed, in words.
        agree: whether it was kept.
    """

    one: str
    other: str
    values: float | None
    credits: float | None
    bound: str
    agree: bool


class Equivalence(Record, frozen=True, kw_only=True):
    """The legs, on inputs that the host chose. What the source gives is the sandbox's word.

    Attributes:
        graph, kernel: digest of the graph, SHA-256 of the kernel's file.
        batches: rows of each batch of inputs.
        replayed: how many of the rows are replayed states; the others are drawn over the declared ranges.
        legs: empty where the source could not be run again.
        fault: why it could not.
    """

    graph: str
    kernel: str
    batches: tuple[int, ...]
    replayed: int
    legs: tuple[Leg, ...] = ()
    fault: str = ""
