"""Finite: neither Q_tot nor any credit is nan or infinite in the declared domain."""

from __future__ import annotations

import numpy as np

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import Finding, Property, number
from tfcaf_forge.evidence.subject import Doubles, Subject

_LOG_LARGEST = float(np.log10(np.finfo(np.float32).max))


def _amount(values: Doubles) -> tuple[float, int]:
    """1 and the first row that is not finite; else how far (in decades, negative) the largest is from overflow."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(1)
    if bad.any():
        return 1.0, int(bad.argmax())
    largest = float(np.abs(values).max(initial=0.0))
    return min(float(np.log10(largest + 1e-30)) - _LOG_LARGEST, -1e-9), 0


def _output(subject: Subject, case: Case) -> Finding:
    q_tot = subject.at(case).q_tot
    amount, row = _amount(q_tot)
    return Finding(amount, f"q_tot = {number(q_tot[row])}", row)


def _gradient(subject: Subject, case: Case) -> Finding:
    credit = subject.at(case).credit
    amount, row = _amount(credit)
    return Finding(amount, f"credit = ({', '.join(number(c) for c in credit[row])})", row)


FINITE = Property(
    id="finite",
    title="Q_tot is finite",
    formula="|q_tot(q, s)| < ∞ for every declared s and q",
    tolerance=0.0,
    why="nan and inf are exact",
    hazard="one nan in a batch makes every weight of every agent nan, for good",
    required=True,
    measure=_output,
)

FINITE_GRADIENT = Property(
    id="finite-gradient",
    title="every credit is finite",
    formula="|∂q_tot/∂q_i| < ∞ for every agent i and every declared s and q",
    tolerance=0.0,
    why="nan and inf are exact",
    hazard="the backward pass writes nan into every agent's weights, although the loss looked healthy",
    required=True,
    measure=_gradient,
)
