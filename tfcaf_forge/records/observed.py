"""Observed: the file that holds a record of every case on which a graph was tried."""

from __future__ import annotations

from tfcaf_forge.records.base import Record


class Observed(Record, frozen=True, kw_only=True):
    """The observability records of one examination.

    Attributes:
        file: path in the run's folder.
        sha256, size: of the file; the size in bytes.
        graph: digest of the graph that was examined.
        profile, seed: of the trials.
        cases: records of a case that was tried.
        by_way: how many cases came about in each way, such as `from a seed`.
        by_status: how many ended in each status: `passed`, `failed`, `gave_up`.
        same: whether this examination came to the statuses on record.
        seconds: wall-clock time that it took.
    """

    file: str
    sha256: str
    size: int
    graph: str
    profile: str
    seed: int
    cases: int
    by_way: dict[str, int]
    by_status: dict[str, int]
    same: bool
    seconds: float
