"""Case: one input on which properties are tried, as data that can be stored and run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.base import digest_of
from tfcaf_forge.records.verdict import Counterexample

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Case:
    """A batch of inputs.

    Attributes:
        local_q: [B, N] float32.
        state: [B, S] float32.
    """

    local_q: Floats
    state: Floats

    def __post_init__(self) -> None:
        """Refuse rows that do not belong together."""
        if self.local_q.ndim != 2 or self.state.ndim != 2 or len(self.local_q) != len(self.state):
            raise InputError(
                f"a case needs as many rows of local_q {self.local_q.shape} as of state {self.state.shape}"
            )

    @property
    def rows(self) -> int:
        """B."""
        return len(self.state)

    @cached_property
    def key(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 of the inputs."""
        return digest_of(self.data())[:8]

    def take(self, rows: Sequence[int]) -> Case:
        """The case of some rows, in the order given."""
        at = list(rows)
        return Case(self.local_q[at], self.state[at])

    def data(self) -> dict[str, list[list[float]]]:
        """The case as JSON holds it."""
        return {"local_q": self.local_q.tolist(), "state": self.state.tolist()}


def stack(cases: Sequence[Case]) -> Case:
    """The rows of several cases as one."""
    return Case(np.concatenate([c.local_q for c in cases]), np.concatenate([c.state for c in cases]))


def case_of(found: Counterexample) -> Case:
    """The inputs of a stored counterexample."""
    return from_data({"local_q": found.local_q, "state": found.state}, what=f"case {found.case}")


def from_data(data: Any, *, what: str) -> Case:  # noqa: ANN401 - decoded JSON
    """A case from decoded JSON.

    Raises:
        InputError: the data is no case.
    """
    try:
        given = cast("dict[str, Any]", data)
        with np.errstate(over="ignore"):  # what is too large for float32 is refused below
            made = [np.array(given[part]).astype(np.float32, casting="same_kind") for part in ("local_q", "state")]
        if not all(part.ndim == 2 and part.size for part in made):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{what}: a case is an object with the rows of `local_q` and of `state`, in numbers") from None
    if not all(np.isfinite(part).all() for part in made):
        raise InputError(f"{what}: a case holds finite numbers only")
    try:
        return Case(*made)
    except InputError as fault:
        raise InputError(f"{what}: {fault}") from None
