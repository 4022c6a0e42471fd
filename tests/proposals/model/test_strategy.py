"""Which question stands at which place, what counts as the same text, and which function an answer holds."""

from __future__ import annotations

import pytest

from tfcaf_forge.pipeline.stability import wilson
from tfcaf_forge.proposals.answer import function_in
from tfcaf_forge.proposals.base import Attempt
from tfcaf_forge.proposals.exchange import Answered, Reply
from tfcaf_forge.proposals.faults import Fault, ModelError
from tfcaf_forge.proposals.normal import difference, normal_source
from tfcaf_forge.proposals.recorded import RecordedModel, read_sheet, recorded_names
from tfcaf_forge.proposals.strategy import POOL, pool_of, population, qllm, stuck
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Interval, Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.verdict import Evidence, Verdict

GOOD = "def tfcaf(local_q, state):\n    return local_q.sum(dim=1, keepdim=True)\n"


def attempt(id, round=0, index=0, score=None, rejection=None, refuted=False, duplicate=None, parent=None, source=None):
    proposal = Proposal(
        id=id, round=round, index=index, parent=parent, coder="m", source=source or f"def f{id}(a, b): return {id}"
    )
    evidence = None
    if rejection is None and duplicate is None:
        verdict = Verdict(property_id="monotone", status="REFUTED" if refuted else "PROVED", required=True)
        evidence = Evidence(candidate=id, task="", graph="", profile="fast", seed=0, verdicts=(verdict,))
    interval = Interval(value=score or 0.0, low=0.0, high=1.0)
    return Attempt(
        proposal=proposal,
        rejection=None if rejection is None else Rejection(stage=rejection, code="x", message="y"),
        evidence=evidence,
        score=Score(candidate=id, graph="", score=interval, gain=interval, starved=0.0) if score is not None else None,
        duplicate=duplicate,
    )


def test_the_first_round_proposes_in_different_directions():
    plans = [qllm(0, index, [], 0) for index in range(3)]
    assert {plan.purpose for plan in plans} == {"propose"}
    assert len({plan.direction for plan in plans}) == 3


def test_each_line_repairs_what_was_refused_and_improves_what_was_accepted():
    earlier = [
        attempt(1, index=0, score=0.5),
        attempt(2, index=1, rejection="trace"),
        attempt(3, index=2, refuted=True),
    ]
    plans = [qllm(1, index, earlier, 0) for index in range(3)]
    assert [plan.purpose for plan in plans] == ["improve", "repair", "repair"]
    assert [plan.parent.proposal.id for plan in plans if plan.parent] == [1, 2, 3]


def test_a_line_that_is_refused_again_and_again_is_given_up_for_the_best():
    earlier = [attempt(1, index=0, score=0.5), *(attempt(2 + r, round=r, index=1, refuted=True) for r in range(3))]
    plan = qllm(3, 1, earlier, 0)
    assert (plan.purpose, plan.parent.proposal.id if plan.parent else 0) == ("improve", 1)


def test_an_answer_without_a_function_is_not_repaired_but_asked_anew():
    assert qllm(1, 0, [attempt(1, rejection="extract")], 0).purpose == "propose"


def test_a_duplicate_is_not_continued():
    plan = qllm(1, 1, [attempt(1, index=0, score=0.2), attempt(2, index=1, duplicate=1)], 0)
    assert (plan.purpose, plan.parent.proposal.id if plan.parent else 0) == ("improve", 1)


def test_the_pool_keeps_the_best_and_the_most_unlike():
    same = [attempt(i, score=0.9 - i / 100, source=f"def f(a, b): return a + {i}") for i in range(1, 9)]
    odd = attempt(9, score=0.1, source="def g(x, y):\n    z = torch.softmax(y, dim=1)\n    return (x * z).sum(1)")
    pool = pool_of([*same, odd])
    assert len(pool) == POOL
    assert [a.proposal.id for a in pool[:3]] == [1, 2, 3]
    assert odd in pool


def test_a_population_restarts_when_its_best_is_old():
    earlier = [attempt(1, round=0, score=0.9), *(attempt(2 + r, round=1 + r, score=0.1) for r in range(3))]
    assert stuck(earlier, 4)
    assert population(4, 1, earlier, 0).purpose == "propose"
    assert population(4, 0, earlier, 0).parent is earlier[0]


def test_a_population_decides_the_same_again():
    earlier = [attempt(i, round=0, index=i, score=i / 10) for i in range(1, 6)]
    assert [population(1, i, earlier, 7) for i in range(5)] == [population(1, i, earlier, 7) for i in range(5)]
    parents = {plan.parent.proposal.id for i in range(12) if (plan := population(1, i, earlier, 7)).parent}
    assert len(parents) > 1


def test_comments_docstrings_blank_lines_and_spaces_mean_nothing():
    other = (
        '# why\ndef tfcaf( local_q,state ):\n    """Doc."""\n\n    return local_q.sum( dim = 1, keepdim=True )  # sum\n'
    )
    assert normal_source(GOOD) == normal_source(other)


def test_a_hash_in_a_string_is_no_comment_and_indentation_means_something():
    assert "'#'" in normal_source("x = '#'  # y")
    assert normal_source("if a:\n    b\nc") != normal_source("if a:\n    b\n    c")


def test_difference_is_nothing_for_the_same_and_large_for_others():
    assert difference(GOOD, GOOD + "\n# more\n") == 0.0
    assert difference(GOOD, "import math\nx = [1, 2, 3]\n") > 0.8


def read(text, finish="stop"):
    found = function_in(Answered(key="", reply=Reply(text=text, finish=finish), at_s=0.0))
    return found if isinstance(found, str) else found.code


def test_a_complete_function_survives_an_answer_that_is_cut_off_behind_it():
    assert read(f"```python\n{GOOD}```\nThis works because", "length") == GOOD


def test_a_model_that_spent_its_tokens_on_thinking_was_cut_off():
    assert read("", "length") == "truncated"


def test_the_same_function_twice_is_one_function():
    assert read(f"```python\n{GOOD}```\nAgain:\n```python\n{GOOD}```") == GOOD


def test_a_failed_call_is_no_answer():
    found = function_in(Answered(key="", fault=Fault(code="timeout", message="late"), at_s=0.0))
    assert isinstance(found, Rejection)
    assert found.code == "no-answer"
    assert "late" in found.message


@pytest.mark.parametrize("name", recorded_names())
def test_a_recorded_sheet_says_who_wrote_it_and_answers_each_place_once(name):
    sheet = read_sheet(name)
    assert "no model" in sheet.written
    places = [(a.purpose, a.round, a.index, a.turn) for a in sheet.answers]
    assert len(places) == len(set(places))
    RecordedModel(name, sheet.task)


def test_a_recorded_model_of_another_task_is_refused_with_the_task_to_give():
    with pytest.raises(ModelError, match="give --task lbf-8x8-2p-2f-coop"):
        RecordedModel("recorded/lbf-8x8", "matrix-climbing")
    with pytest.raises(ModelError, match="choose one of recorded/"):
        RecordedModel("recorded/nothing", "matrix-climbing")


def test_wilson_intervals_by_hand():
    found = wilson(8, 10)
    assert (round(found.value, 3), round(found.low, 3), round(found.high, 3)) == (0.8, 0.490, 0.943)
    assert wilson(0, 0).high == 1.0
