"""Proofs: abstract interpretation of a graph over the whole domain that a task declares.

`prove` is the only verb. It never claims more than it can show: an operation without a rule, an index that may be
out of range, a budget that ran out, all end in UNKNOWN.

What a proof assumes: float32; inputs in the declared domain; sums in any order, fused or not; subnormals flushed or
kept; functions of one number within the margins stated beside their rules, which are measured on torch's CPU kernels
(`tests/evidence/proofs/test_margins.py`) and not on other devices.

    rows       no row sees another: what allows a graph to be run on many cells of the domain at once
    domains    the abstract value, and rounding          arith      interval arithmetic
    transfer   the rule of every operation               backward   the same for gradients
    relations  what intervals forget                     refine     what a condition says in its branches
    cells      the domain, and how to cut it             search     where to cut, within a budget
"""

from __future__ import annotations

from tfcaf_forge.evidence.proofs.prove import PROPERTIES, Proof, prove

__all__ = ["PROPERTIES", "Proof", "prove"]
