"""Proofs: abstract interpretation of a graph over the whole domain that a task declares.

`prove` is the only verb. It never claims more than it can show: an operation without a rule, an index that may be
out of range, a budget that ran out, all end in UNKNOWN.
"""

from __future__ import annotations

from tfcaf_forge.evidence.proofs.prove import PROPERTIES, Proof, prove

__all__ = ["PROPERTIES", "Proof", "prove"]
