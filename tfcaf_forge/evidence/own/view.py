"""View: a batch of states by field name, with the credit that the function under test gives there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import InputError
from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.subject import Doubles, Reading, Subject
from tfcaf_forge.records.task_spec import TaskSpec

Mask = NDArray[np.bool_]
Values = float | NDArray[np.floating] | NDArray[np.integer] | NDArray[np.bool_]
_LOCAL_Q = re.compile(r"local_q\[(\d{1,4})\]")


class View:
    """B rows of inputs, read by name, and what the function makes of them.

    Attributes:
        case: the rows.
        kept: [B], the rows that count.
        strayed: whether a view made of this one left the declared domain in some row.
        read: names of the fields that were read.

    Args:
        subject: the graph under test and its task.
        case: the rows.
        kept: [B], the rows that count, for a view that `where` or `without` made.
    """

    def __init__(self, subject: Subject, case: Case, kept: Mask | None = None) -> None:
        """Look at a case."""
        self._subject, self.case, self._derived = subject, case, kept is not None
        self.kept: Mask = np.ones(case.rows, dtype=np.bool_) if kept is None else kept
        self.strayed = False
        self.read: set[str] = set()
        self._said: tuple[str, Mapping[str, Values]] | None = None

    def __repr__(self) -> str:
        """The fields of a single row; the number of rows of several."""
        if self.rows != 1:
            return f"<View of {self.rows} rows>"
        fields = ", ".join(f"{n} = {v:g}" for n, v in zip(self.task.names, self.case.state[0], strict=True))
        return f"<View: {fields}; local_q = ({', '.join(f'{q:g}' for q in self.case.local_q[0])})>"

    def __getitem__(self, name: str) -> Doubles:
        """The values of one field of the state, or of one agent's local Q-value (`local_q[0]`), [B].

        Raises:
            InputError: the task has no such field.
        """
        if (agent := self._agent(name)) is not None:
            return self.local_q[:, agent]
        index = self._index(name)
        self.read.add(name)
        return self.case.state[:, index].astype(np.float64)

    @property
    def task(self) -> TaskSpec:
        """The task."""
        return self._subject.task

    @property
    def rows(self) -> int:
        """B."""
        return self.case.rows

    @property
    def local_q(self) -> Doubles:
        """The local Q-values, [B, N]."""
        return self.case.local_q.astype(np.float64)

    @property
    def credit(self) -> Doubles:
        """∂q_tot/∂q_i, [B, N]; nan in the rows of a changed view that do not count."""
        return np.where(self.kept[:, None] | (not self._derived), self._reading.credit, np.nan)

    @property
    def q_tot(self) -> Doubles:
        """[B]; nan in the rows of a changed view that do not count."""
        return np.where(self.kept | (not self._derived), self._reading.q_tot, np.nan)

    @cached_property
    def _reading(self) -> Reading:
        return self._subject.reading(self.case) if self._derived else self._subject.at(self.case)

    def present(self, element: str) -> Mask:
        """Where an element, such as `foods[0]`, is there, [B]: where it does not hold the sentinels that it declares."""
        marks = self._marks(element)
        domain = self._subject.domain
        return ~(self.case.state[:, marks] == domain.absent[marks]).all(1)

    def assume(self, mask: Values) -> None:
        """Count only the rows where `mask` [B] is true; the others are neither violations nor trials."""
        self.kept &= np.asarray(mask, dtype=np.bool_)

    def where(self, fields: Mapping[str, Values]) -> View:
        """The same rows with some fields changed; in a row that leaves the declared domain, its credit is nan.

        Args:
            fields: by name (of the state, or `local_q[0]`), one value, or one for each row.
        """
        state, local_q = self.case.state.copy(), self.case.local_q.copy()
        for name, value in fields.items():
            if (agent := self._agent(name)) is not None:
                local_q[:, agent] = value
            else:
                state[:, self._index(name)] = value
        return self._changed(Case(local_q, state))

    def without(self, *elements: str) -> View:
        """The same rows with some elements, such as `foods[1]`, absent."""
        state = self.case.state.copy()
        for element in elements:
            marks = self._marks(element)
            state[:, marks] = self._subject.domain.absent[marks]
        return self._changed(Case(self.case.local_q, state))

    def say(self, text: str, **values: Values) -> None:
        """What to show of the row that breaks the property most: a format string, and its values (one, or one a row)."""
        self._said = (text, values)

    def said(self, row: int) -> str:
        """What was said about a row; empty if nothing was."""
        if self._said is None:
            return ""
        text, values = self._said
        return text.format(**{n: np.broadcast_to(np.asarray(v), (self.rows,))[row] for n, v in values.items()})

    def _changed(self, case: Case) -> View:
        kept = self.kept & self._subject.domain.rows_inside(case.state, case.local_q)
        made = View(self._subject, case, kept)
        self.strayed = made.strayed = self.strayed or not kept.all()
        return made

    def _agent(self, name: str) -> int | None:
        """Which agent's local Q-value a name means; None where it means a field of the state."""
        found = _LOCAL_Q.fullmatch(name)
        if found is None:
            return None
        if int(found[1]) >= self.task.n_agents:
            raise InputError(f"the task {self.task.name} has {self.task.n_agents} agents; there is no {name}")
        return int(found[1])

    def _index(self, name: str) -> int:
        names = self.task.names
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; its fields are {', '.join(names)}"
            raise InputError(f"the task {self.task.name} has no state field {name!r}{hint}")
        return names.index(name)

    def _marks(self, element: str) -> list[int]:
        """The fields of an element that have a sentinel."""
        inside = [s for s in self.task.layout if s.name == element or s.name.startswith(f"{element}.")]
        marks = [s.index for s in inside if s.absent is not None]
        if not marks:
            known = "is never absent" if inside else "does not exist"
            raise InputError(f"{element!r} {known} in the task {self.task.name}")
        return marks


def credit_of(view: View) -> Doubles:
    """The credits of a single row, [N]: for plain Hypothesis tests, which see one state at a time."""
    return view.credit[0]
