from __future__ import annotations

from tfcaf_forge.records.verdict import Evidence, Verdict
from tfcaf_forge.reports.terminal import COLUMNS, candidate_row, column_status, what_happened
from tfcaf_forge.reports.view import RunRecords


def rows(run: RunRecords) -> dict[int, dict[str, str]]:
    scores = {score.candidate: score for score in run.ranking.scores} if run.ranking else {}
    return {
        p.id: candidate_row(
            p,
            rejection=run.rejections.get(p.id),
            duplicate=run.duplicates.get(p.id),
            evidence=run.evidence.get(p.id),
            score=scores.get(p.id),
            task=run.task,
        )
        for p in run.proposals
    }


def test_the_cells_are_the_columns_in_order(run: RunRecords) -> None:
    assert all(tuple(row) == COLUMNS for row in rows(run).values())


def test_an_accepted_candidate(run: RunRecords) -> None:
    assert rows(run)[11] == {
        "id": "11",
        "parent": "4",
        "verdict": "accepted",
        "monotone": "PROVED",
        "finite": "PROVED",
        "rows": "PROVED",
        "starved": "0.0 %",
        "predicted": "+0.336",
        "95 %": "[0.312, 0.360]",
        "what happened": "",
    }


def test_each_fate_says_what_happened(run: RunRecords) -> None:
    happened = {number: (row["verdict"], row["what happened"]) for number, row in rows(run).items()}
    assert happened[2] == ("rejected", "screen, line 7: `while` is not allowed; loop over range(2)")
    assert happened[3] == ("refuted", "monotone: agents[1].x = 0, foods[0].level = 3 → credit of agent 1 = -0.31")
    assert happened[5] == ("refuted", "finite: agents[0].level = 1, foods[1] absent → credit = (nan, nan)")
    assert happened[7] == ("duplicate", "same graph as candidate 4")
    assert happened[9] == ("errored", "igm: ERRORED, the examination ran out of memory")
    assert happened[12] == ("undecided", "monotone: UNKNOWN, stopped by its time limit")


def test_a_column_shows_the_worst_of_what_it_sums_up(run: RunRecords) -> None:
    assert column_status("monotone", run.evidence[3]) == "REFUTED"
    assert column_status("rows", None) == "-"


def test_an_advisory_property_does_not_colour_a_column_that_has_a_required_one() -> None:
    verdicts = (
        Verdict(property_id="finite", status="PROVED", required=True),
        Verdict(property_id="finite-gradient", status="UNKNOWN", required=False),
        Verdict(property_id="batch-independent", status="TESTED", required=False, trials=9),
    )
    evidence = Evidence(candidate=1, task="t", graph="g", profile="fast", seed=0, verdicts=verdicts)
    assert column_status("finite", evidence) == "PROVED"
    assert column_status("rows", evidence) == "TESTED"


def test_no_cell_of_a_hostile_run_can_move_the_cursor(hostile: RunRecords) -> None:
    for row in rows(hostile).values():
        for cell in row.values():
            assert cell.isprintable(), cell
            assert len(cell) < 600


def test_nothing_happened_to_a_candidate_in_flight() -> None:
    assert what_happened(None) == ""
