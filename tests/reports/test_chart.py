from __future__ import annotations

import pytest

from tfcaf_forge.records.ranking import Interval
from tfcaf_forge.reports import chart


@pytest.mark.parametrize("shift", [0.0, -5.0, 1e6])
@pytest.mark.parametrize("width", [1e-6, 0.04, 1.0, 3e4])
def test_marks_and_ticks_lie_on_the_axis(shift: float, width: float) -> None:
    intervals = [Interval(value=shift, low=shift - width, high=shift + width)]
    ends = chart.axis(intervals)
    mark = chart.mark(intervals[0], ends)
    assert mark is not None
    assert 0 <= mark["from"] <= mark["at"] <= mark["to"] <= 100
    ticks = chart.ticks(ends)
    assert 2 <= len(ticks) <= 6
    assert all(0 <= tick["at"] <= 100 for tick in ticks)
    assert len({tick["label"] for tick in ticks}) == len(ticks)


def test_a_score_that_is_no_number_is_not_drawn() -> None:
    bad = Interval(value=float("nan"), low=0.0, high=float("inf"))
    assert chart.mark(bad, (0.0, 1.0)) is None
    assert chart.axis([bad]) == (-0.5, 0.5)
    assert chart.axis([]) == (0.0, 1.0)


def test_one_single_value_has_an_axis() -> None:
    low, high = chart.axis([Interval(value=2.0, low=2.0, high=2.0)])
    assert low < 2.0 < high
