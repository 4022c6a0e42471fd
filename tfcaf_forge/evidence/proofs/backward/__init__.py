"""BACKWARD: for every operation, what autograd passes back to its arguments, on abstract values.

The rules follow torch's own formulas (derivatives.yaml), since a gradient is what autograd computes and not what
the mathematics says: a zero that meets an infinity on its way back is a NaN, wherever it came from.
"""

from __future__ import annotations

from tfcaf_forge.evidence.proofs.backward import gather, pointwise, reduce, shape
from tfcaf_forge.evidence.proofs.backward.site import BackRule

BACKWARD: dict[str, BackRule] = {**shape.RULES, **pointwise.RULES, **reduce.RULES, **gather.RULES}
"""The rule of every operation, by name."""

WITHOUT_RULE: frozenset[str] = frozenset(
    {
        "atan2",  # nobody mixes by angles of Q-values
        "copy",  # autograd has none either
        "cumprod",
        "lift_fresh",  # hands back its argument with another history; the canonical form has none
        "prod.dim_int",
        "remainder.Tensor",
        "fmod.Tensor",
        "div.Tensor_mode",
        "fmax",
        "fmin",
        "pow.Tensor_Tensor",
        "std.correction",
        "var.correction",
    }
)
"""Smooth operations that have none: a gradient through them is unknown."""
