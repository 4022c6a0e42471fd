"""Intervals: rounding outward, subnormals, signed zero, and the arithmetic of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import FMAX, FMIN, INF, Val, above, below, make, meet, raw

reals = st.floats(allow_nan=False, allow_infinity=True, width=64)
singles = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    with np.errstate(all="ignore"):
        yield


fast = settings(max_examples=200, derandomize=True, database=None, deadline=None)


def point(*xs: float) -> Val:
    return make(np.array(xs), np.array(xs), False)


def between(lo: float, hi: float) -> Val:
    return make(np.array([lo]), np.array([hi]), False)


@fast
@given(reals)
def test_below_and_above_are_the_neighbouring_floats(x):
    low, high = below(np.array([x]))[0], above(np.array([x]))[0]
    assert low <= x <= high
    assert np.float32(low) == low
    assert np.float32(high) == high
    assert high == low or np.nextafter(np.float32(low), np.float32(INF)) == np.float32(high)


@fast
@given(singles, singles)
def test_the_four_operations_hold_what_float32_computes(x, y):
    a, b = np.float32(x), np.float32(y)
    rules = {"add": arith.add, "sub": arith.sub, "mul": arith.mul, "div": arith.div}
    real = {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b}
    for name, rule in rules.items():
        out = rule(point(x), point(y))
        actual = float(real[name])
        if np.isnan(actual):
            assert out.nan[0]
            continue
        flushed = 0.0 if abs(actual) < FMIN else actual
        for value in (actual, flushed):
            assert out.lo[0] <= value <= out.hi[0], name


def test_an_epsilon_that_meets_its_negative_gives_a_zero():
    out = arith.add(between(-1e-8, 0.0), point(float(np.float32(1e-8))))
    assert out.lo[0] <= 0.0
    assert arith.div(point(1.0), out).hi[0] == INF


def test_subnormals_may_be_flushed_and_zero_has_both_signs():
    tiny = make(np.array([1e-40]), np.array([1.0]), False)
    assert tiny.lo[0] == 0.0
    out = arith.div(point(1.0), point(0.0))
    assert (out.lo[0], out.hi[0]) == (-INF, INF)


def test_overflow_and_undefined_forms_are_flagged():
    assert arith.mul(point(3e38), point(10.0)).hi[0] == INF
    assert arith.sub(point(INF), point(INF)).nan[0]
    assert arith.mul(point(0.0), point(INF)).nan[0]
    assert arith.div(point(0.0), point(0.0)).nan[0]
    assert arith.sqrt(between(-1e-3, 1.0)).nan[0]


def test_sums_of_integers_are_exact_and_sums_of_nonnegative_terms_stay_above_each():
    whole = raw(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]), False, True)
    assert arith.total(whole, (0,)).lo == arith.total(whole, (0,)).hi == 7.0
    part = make(np.array([0.1, 0.0]), np.array([0.2, 0.3]), False)
    assert arith.total(part, (0,)).lo >= part.lo[0]


def test_a_sum_that_may_overflow_on_the_way_is_unknown():
    out = arith.total(make(np.array([FMAX, FMAX, -FMAX]), np.array([FMAX, FMAX, -FMAX]), False), (0,))
    assert out.hi == INF


def test_a_product_that_may_overflow_on_the_way_is_unknown():
    out = arith.product(point(1e30, 1e30, 1e-30), (0,), keepdims=False)
    assert out.hi == INF
    assert out.nan


@fast
@given(st.lists(singles, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_sum_in_any_order_lies_in_the_abstract_sum(xs, order):
    out = arith.total(point(*xs), (0,))
    order.shuffle(xs)
    running = np.float32(0.0)
    for x in xs:
        running = np.float32(running + np.float32(x))
    if np.isnan(running):
        assert out.nan
    else:
        assert out.lo <= running <= out.hi


def test_meeting_a_contradiction_leaves_the_value_alone():
    out = meet(between(0.0, 1.0), 2.0, 3.0)
    assert (out.lo[0], out.hi[0]) == (0.0, 1.0)
