"""Declare: a user's function becomes a property like any other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.own.view import Values, View
from tfcaf_forge.evidence.properties.base import Finding, Property, number
from tfcaf_forge.evidence.subject import Doubles, Subject

Judge = Callable[[View], Values | None]
_ID = re.compile(r"[a-z][a-z0-9-]{0,59}")


@dataclass(frozen=True)
class OwnTest:
    """A declared function: callable as it was, and known to `load_own` as a property."""

    judge: Judge
    declared: Property

    def __call__(self, view: View) -> Values | None:
        """Judge a view."""
        return self.judge(view)


def property_test(
    *,
    id: str,
    formula: str = "",
    hazard: str = "",
    required: bool = False,
    tolerance: float = 1e-6,
    title: str = "",
) -> Callable[[Judge], OwnTest]:
    """Declare a property of one's own.

    The function receives a `View` and returns by how much each row breaks the property, [B] (at most `tolerance`
    where it holds; nan or -inf where it says nothing), or asserts what must hold of every row.

    Args:
        id: its name in verdicts and behind `--only`: lower case, digits and dashes.
        formula: what it says, exactly.
        hazard: what goes wrong in training where it breaks; shown when it is refuted.
        required: whether a candidate that breaks it is refused.
        tolerance: how large a violation rounding alone may cause.
        title: what it says, in a few words.

    Raises:
        ConfigError: the id is not of that form.
    """
    check_id(id)

    def declare(judge: Judge) -> OwnTest:
        says = title or (judge.__doc__ or id).strip().splitlines()[0]
        made = Property(
            id=id,
            title=says,
            formula=formula or says,
            tolerance=tolerance,
            why="as declared by its author",
            hazard=hazard or f"the property {id} does not hold: {says}",
            required=required,
            measure=lambda subject, case: measure(judge, tolerance, subject, case),
            origin="user",
        )
        return OwnTest(judge, made)

    return declare


def check_id(id: str) -> None:
    """Refuse an id that could not stand in a command or a file's name.

    Raises:
        ConfigError: naming it.
    """
    if not _ID.fullmatch(id):
        raise ConfigError(f"the property id {id!r} must be lower case letters, digits and dashes, such as 'near-first'")


def measure(judge: Judge, tolerance: float, subject: Subject, case: Case) -> Finding:
    """The worst row of a case, by what a user's function returns or asserts."""
    view = View(subject, case)
    try:
        given = judge(view)
    except AssertionError:
        return _asserted(judge, subject, case)
    if given is None:
        return Finding(-np.inf, judged=0 if view.strayed else int(view.kept.sum()))
    over = np.where(view.kept, np.nan_to_num(_amounts(given, case.rows), nan=-np.inf), -np.inf) - tolerance
    judged = int((over > -np.inf).sum())
    row = int(over.argmax())
    return Finding(float(over[row]), view.said(row) or _shown(view, row, over[row] + tolerance), row, judged=judged)


def _amounts(given: Values, rows: int) -> Doubles:
    """What the function returned as one number a row.

    Raises:
        ConfigError: it is something else; a mask could mean either.
    """
    found = np.asarray(given)
    if found.dtype == np.bool_ or found.shape != (rows,) or not np.issubdtype(found.dtype, np.number):
        raise ConfigError(
            f"returned {found.dtype} of shape {found.shape}; return by how much each of the {rows} rows breaks the "
            "property (more is worse, 0 or less where it holds), or assert"
        )
    return found.astype(np.float64)


def _asserted(judge: Judge, subject: Subject, case: Case) -> Finding:
    """An assertion names no row, so each is asked on its own: one that counts and fails is the violation."""
    judged = 0
    for row in range(case.rows):
        view = View(subject, case.take([row]))
        try:
            judge(view)
            judged += bool(view.kept.any() and not view.strayed)
        except AssertionError as fault:
            if view.kept.any() and not view.strayed:
                return Finding(1.0, _reason(fault, view), row, judged=judged + 1)
    return Finding(-np.inf, judged=judged)


def _reason(fault: AssertionError, view: View) -> str:
    lines = str(fault).strip().splitlines()
    return lines[0][:200] if lines else f"the assertion fails: {_credit(view, 0)}"


def _shown(view: View, row: int, amount: float) -> str:
    return f"broken by {number(amount)}: {_credit(view, row)}"


def _credit(view: View, row: int) -> str:
    return f"credit = ({', '.join(number(c) for c in view.credit[row])})"
