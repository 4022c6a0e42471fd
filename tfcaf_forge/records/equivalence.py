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


class Export(Plain, frozen=True, kw_only=True):
    """The kernel in another format, held against the kernel.

    Attributes:
        format: its name.
        rows, same_rows: inputs, and on how many the bits are the same.
        max_error: the largest difference, relative to the larger of 1 and Q_tot.
        fault: why it could not be compared, or in what it differs; empty if it agrees.
    """

    format: str
    rows: int = 0
    same_rows: int = 0
    max_error: float = 0.0
    fault: str = ""


class Equivalence(Record, frozen=True, kw_only=True):
    """The legs, on inputs that the host chose. What the source gives is the sandbox's word.

    Attributes:
        graph, kernel: digest of the graph, SHA-256 of the kernel's file.
        batches: rows of each batch of inputs.
        replayed: how many of the rows are replayed states; the others are drawn over the declared ranges.
        legs: empty where the source could not be run again.
        fault: why it could not.
        exports: the kernel in the formats that need nothing but what is installed anyway.
    """

    graph: str
    kernel: str
    batches: tuple[int, ...]
    replayed: int
    legs: tuple[Leg, ...] = ()
    fault: str = ""
    exports: tuple[Export, ...] = ()
