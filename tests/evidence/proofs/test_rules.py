"""Every operation of the table has a rule, or is named as one that has none."""

from __future__ import annotations

from tfcaf_forge.evidence.proofs import backward, transfer
from tfcaf_forge.graph.ops import TABLE


def test_the_forward_rules_are_total_over_the_table():
    assert set(transfer.TRANSFER) | transfer.WITHOUT_RULE == set(TABLE)
    assert not set(transfer.TRANSFER) & transfer.WITHOUT_RULE
    assert len(transfer.WITHOUT_RULE) <= 2


def test_the_backward_rules_are_total_over_the_smooth_operations():
    made_from_nothing = {n for n, op in TABLE.items() if op.batch in ("factory", "rows", "const", "like")}
    smooth = {n for n, op in TABLE.items() if op.smooth} - made_from_nothing - {"detach"}
    missing = smooth - set(backward.BACKWARD)
    assert missing == backward.WITHOUT_RULE
    assert len(missing) <= 13
