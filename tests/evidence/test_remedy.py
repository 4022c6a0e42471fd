"""The sentence beside a blamed line says what it does there, and what to write instead."""

from __future__ import annotations

import pytest

from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.profiles import Profile

TINY = Profile(name="tiny", small=20, batches=4, rows=64, derandomize=True)

SAID = [
    ("meeting", "finite", "divides by 0; add an epsilon"),
    ("food-share", "finite", "divides by 0; add an epsilon"),
    ("guarded-division", "finite-gradient", "torch.where does not stop the gradient"),
    ("level-slope", "monotone", "a negative weight turns the sign of a credit; map it to at least 0"),
    ("negated", "monotone", "a negative weight turns the sign"),
    ("masked-softmax", "finite", "takes a softmax over nothing but -inf; mask with a large finite number"),
    ("attention", "monotone", "takes a softmax of the local Q-values"),
    ("batch-mean", "batch-independent", "dimension 0 is the batch, so give dim=1"),
]


@pytest.mark.parametrize(("name", "prop", "said"), SAID, ids=[s[0] for s in SAID])
def test_a_refuted_property_comes_with_a_remedy(subject, name, prop, said):
    (verdict,) = examine(subject(name), only=[prop], profile=TINY).verdicts
    assert said in verdict.counterexample.remedy


def test_where_nothing_is_known_nothing_is_said(subject):
    (verdict,) = examine(subject("one-agent"), only=["starved"], profile=TINY).verdicts
    assert verdict.counterexample.remedy == ""


def test_relaxed_monotonicity_is_measured(subject, relaxed):
    (verdict,) = examine(subject("level-slope", relaxed), only=["monotone"], profile=TINY).verdicts
    assert not verdict.required
    assert "a credit is negative in" in verdict.detail
    assert "of 2,048 states" in verdict.detail
