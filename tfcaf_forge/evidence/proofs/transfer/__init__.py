"""TRANSFER: for every operation of the table, its abstract outputs from its abstract arguments."""

from __future__ import annotations

from tfcaf_forge.evidence.proofs.site import Rule
from tfcaf_forge.evidence.proofs.transfer import arithmetic, choice, pick, reduce, shape, unary

TRANSFER: dict[str, Rule] = {
    **shape.RULES,
    **unary.RULES,
    **arithmetic.RULES,
    **choice.RULES,
    **reduce.RULES,
    **pick.RULES,
}
"""The rule of every operation, by name."""

WITHOUT_RULE: frozenset[str] = frozenset()
"""Operations that have no rule: their outputs are unknown."""
