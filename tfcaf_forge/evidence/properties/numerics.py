"""Numerics: other element types, large inputs, and the gradient against finite differences."""

from __future__ import annotations

import numpy as np
import torch

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import HOLDS, Finding, Property, number
from tfcaf_forge.evidence.subject import RunFault, Subject

_DTYPE_TOLERANCE = 1e-3
_GRADIENT_TOLERANCE = 1e-4
_STEP = 1e-4
_LARGE = np.float32(1e6)
_MOST_ROWS = 64


def _dtype(subject: Subject, case: Case) -> Finding:
    single = subject.at(case).q_tot
    try:
        double = subject.values(case, torch.float64)
    except RunFault as fault:
        return Finding(1.0, f"in float64: {fault}")
    with np.errstate(invalid="ignore"):
        apart = np.abs(double - single) - _DTYPE_TOLERANCE * (1.0 + np.abs(double))
    over = np.nan_to_num(apart, nan=-1.0, posinf=-1.0)
    row = int(over.argmax())
    return Finding(float(over[row]), f"q_tot = {number(single[row])} in float32, {number(double[row])} in float64", row)


def _large(subject: Subject, case: Case) -> Finding:
    """The case with its local Q-values, and then its state, a million times as large."""
    for what, part in (
        ("local_q", Case(case.local_q * _LARGE, case.state)),
        ("the state", Case(case.local_q, case.state * _LARGE)),
    ):
        try:
            reading = subject.reading(part)
        except RunFault as fault:
            return Finding(1.0, f"with {what} a million times as large: {fault}")
        good = np.isfinite(reading.q_tot) & np.isfinite(reading.credit).all(1)
        if not good.all():
            row = int((~good).argmax())
            credit = ", ".join(number(c) for c in reading.credit[row])
            text = f"with {what} a million times as large: q_tot = {number(reading.q_tot[row])}, credit = ({credit})"
            return Finding(1.0, text, row)
    return Finding(-1.0)


def _gradient(subject: Subject, case: Case) -> Finding:
    """Every credit lies between the slopes on the two sides, in float64."""
    case = case.take(range(min(case.rows, _MOST_ROWS)))
    q, state = (torch.from_numpy(part).double() for part in (case.local_q, case.state))
    middle, credit = (part.numpy() for part in subject.q_tot_and_credit(q, state))
    worst = HOLDS
    for agent in range(q.shape[1]):
        step = torch.zeros_like(q)
        step[:, agent] = _STEP
        up, down = (subject.q_tot(q + sign * step, state).numpy() for sign in (1, -1))
        with np.errstate(all="ignore"):
            sides = np.stack([up - middle, middle - down])[..., 0] / _STEP
            allowed = _GRADIENT_TOLERANCE * (1.0 + np.abs(sides).max(0)) + 1e-11 * np.abs(middle[:, 0]) / _STEP
            over = np.maximum(credit[:, agent] - sides.max(0), sides.min(0) - credit[:, agent]) - allowed
        over = np.nan_to_num(over, nan=-np.inf, posinf=-np.inf)
        row = int(over.argmax())
        if over[row] > worst.amount:
            slopes = f"{number(sides[1, row])} and {number(sides[0, row])}"
            text = f"credit of agent {agent} = {number(credit[row, agent])}, but the slopes of q_tot are {slopes}"
            worst = Finding(float(over[row]), text, row)
    return worst


DTYPE_FOLLOWS = Property(
    id="dtype-follows",
    title="float64 in, float64 out, and the same value",
    formula="f(float64(q), float64(s)) is float64 and equals f(q, s)",
    tolerance=_DTYPE_TOLERANCE,
    why="float32 keeps seven digits; a few are lost where a function subtracts",
    hazard="the function's value is rounding noise in some states, or a kernel in double precision fails",
    required=False,
    measure=_dtype,
)

LARGE_INPUTS = Property(
    id="large-inputs",
    title="finite far outside the declared ranges",
    formula="q_tot and every credit are finite for |q| and for |s| a million times as large as declared",
    tolerance=0.0,
    why="nan and inf are exact",
    hazard="a diverging learner or an unscaled observation turns into nan instead of a large number that can be seen",
    required=False,
    measure=_large,
)

GRADIENT_CHECK = Property(
    id="gradient-check",
    title="credit is the slope of Q_tot",
    formula="∂q_tot/∂q_i lies between the slopes of q_tot on both sides of q_i (steps of 1e-4, float64)",
    tolerance=_GRADIENT_TOLERANCE,
    why="finite differences in float64 are good to some eight digits at this step",
    hazard="the agents are taught something else than what Q_tot says, as behind a detach or a rounding",
    required=False,
    measure=_gradient,
)
