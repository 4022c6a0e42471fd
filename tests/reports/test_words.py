from __future__ import annotations

import shlex

import msgspec
import pytest

from tfcaf_forge.records.ranking import Interval, Ranking
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.verdict import Evidence, Status, Verdict
from tfcaf_forge.reports import words
from tfcaf_forge.reports.view import RunRecords


def evidence(*statuses: Status, required: bool = True) -> Evidence:
    verdicts = tuple(Verdict(property_id=f"p{i}", status=s, required=required) for i, s in enumerate(statuses))
    return Evidence(candidate=1, task="t", graph="g", profile="fast", seed=0, verdicts=verdicts)


def with_gain(run: RunRecords, low: float, value: float, high: float, better: bool) -> Ranking:
    assert run.ranking is not None
    best, *rest = run.ranking.scores
    best = msgspec.structs.replace(best, gain=Interval(value=value, low=low, high=high), predicted=None)
    return msgspec.structs.replace(run.ranking, scores=(best, *rest), better_than_baseline=better)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("PROVED", "TESTED"), "accepted"),
        (("PROVED", "UNKNOWN"), "undecided"),
        (("UNKNOWN", "ERRORED"), "errored"),
        (("ERRORED", "REFUTED"), "refuted"),
    ],
)
def test_the_fate_is_that_of_the_worst_required_property(statuses: tuple[Status, ...], expected: str) -> None:
    assert words.fate(evidence=evidence(*statuses)) == expected
    assert words.fate(evidence=evidence(*statuses, required=False)) == "accepted"


def test_fates_without_evidence() -> None:
    rejection = Rejection(stage="screen", code="x", message="y")
    assert words.fate(rejection=rejection) == "rejected"
    assert words.fate(duplicate=3) == "duplicate"
    assert words.fate() == "unfinished"


def test_only_tested_carries_a_number() -> None:
    assert words.status_text("TESTED", 2000) == "TESTED 2,000"
    assert words.status_text("PROVED", 2000) == "PROVED"


def test_better_is_said_of_a_prediction_and_only_where_the_ranking_says_so(run: RunRecords) -> None:
    assert run.ranking is not None
    assert words.comparison(run.ranking) == (
        "predicted to train better than equal weights (VDN) by +0.336 [0.312, 0.360]"
    )
    best, *rest = run.ranking.scores
    best = msgspec.structs.replace(best, predicted=Interval(value=0.032, low=-0.003, high=0.061))
    even = msgspec.structs.replace(run.ranking, scores=(best, *rest), better_than_baseline=False)
    assert words.comparison(even) == (
        "predicted to train no better than equal weights (VDN): +0.032 [-0.003, 0.061]; the interval contains 0"
    )


def test_a_lead_within_the_rules_margin_is_none(run: RunRecords) -> None:
    assert run.ranking is not None
    near = msgspec.structs.replace(run.ranking, better_than_baseline=False, margin=0.35)
    assert words.comparison(near) == (
        "predicted to train no better than equal weights (VDN): +0.336 [0.312, 0.360]; the interval reaches under 0.35, where the rule has been wrong too often"
    )


def test_a_ranking_of_before_there_was_a_prediction_is_told_by_its_score(run: RunRecords) -> None:
    assert words.comparison(with_gain(run, 0.05, 0.084, 0.12, True)) == (
        "better than equal weights (VDN, 0.604) by +0.084 [0.050, 0.120]"
    )
    assert words.comparison(with_gain(run, -0.01, 0.084, 0.12, False)) == (
        "no better than equal weights (VDN, 0.604): gain +0.084 [-0.010, 0.120]; the interval contains 0"
    )
    assert words.comparison(with_gain(run, -0.2, -0.1, -0.05, False)).startswith("worse than equal weights")


def test_without_a_winner_nothing_is_compared(run: RunRecords) -> None:
    assert run.ranking is not None
    lost = msgspec.structs.replace(run.ranking, winner=None, better_than_baseline=False)
    assert "no candidate was accepted" in words.comparison(lost)


def test_decimals_follow_the_width_of_the_intervals(run: RunRecords) -> None:
    assert run.ranking is not None
    narrow = Interval(value=0.5, low=0.49996, high=0.50004)
    fine = msgspec.structs.replace(
        run.ranking, baseline=msgspec.structs.replace(run.ranking.baseline, predicted=narrow)
    )
    assert words.digits_for(run.ranking) == 3
    assert words.digits_for(fine) == 6
    assert words.digits_for(None) == 3


def test_numbers_read_as_a_person_writes_them() -> None:
    assert [words.number(x) for x in (3.0, -1.0, 0.25, 1e-9, float("nan"), float("-inf"))] == [
        "3", "-1", "0.25", "1e-09", "nan", "-inf",
    ]  # fmt: skip
    assert [words.size_text(n) for n in (12, 2112, 3_400_000)] == ["12 B", "2.1 kB", "3.4 MB"]


def test_a_command_survives_the_shell() -> None:
    command = words.repeat_command("my file.py; rm -rf /", "t\x1b", "finite", "7c1e")
    assert shlex.split(command)[2] == "my file.py; rm -rf /"
    assert "\x1b" not in command
