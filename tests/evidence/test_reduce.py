import numpy as np

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.domain import domain_of
from tfcaf_forge.evidence.explain import explain
from tfcaf_forge.evidence.reduce import reduce
from tfcaf_forge.evidence.strategies import batch

LEVEL, X0, X1, ACTION0, ACTION1 = 8, 0, 3, 12, 13


def _violates(state):
    return (state[:, LEVEL] >= 3) & (state[:, X0] == state[:, X1])


def _reduced(task, fails, case, row, others=()):
    domain = domain_of(task)
    small = reduce(case, row, others, fails, domain)
    return explain(small, fails, domain)


def test_rows_and_fields_are_reduced_to_the_ones_that_matter(task):
    case = batch(task, 256, 0)
    row = int(_violates(case.state).argmax())
    small, fields = _reduced(task, lambda c: bool(_violates(c.state)[0]), case, row)
    assert small.rows == 1
    assert fields == {"foods[0].level": 3.0, "agents[0].x": 0.0, "agents[1].x": 0.0}
    assert (small.local_q == 0).all()
    plain = domain_of(task).simplest.copy()
    plain[LEVEL] = 3
    assert (small.state[0] == plain).all()


def test_two_rows_stay_where_two_are_needed(task):
    case = batch(task, 64, 1)

    def fails(part):
        return part.rows > 1 and len(set(part.state[:, LEVEL])) > 1 and part.state[0, LEVEL] == 4

    row = int((case.state[:, LEVEL] == 4).argmax())
    small, fields = _reduced(task, fails, case, row)
    assert small.rows == 2
    assert fields == {"foods[0].level": 4.0}


def test_of_two_sufficient_causes_one_is_named(task):
    case = batch(task, 256, 0)
    row = int(((case.state[:, ACTION0] == 0) & (case.state[:, ACTION1] == 0)).argmax())
    _, fields = _reduced(task, lambda c: bool((c.state[0, [ACTION0, ACTION1]] == 0).any()), case, row)
    assert len(fields) == 1
    assert set(fields) < {"last_action[0]", "last_action[1]"}


def test_what_fails_everywhere_names_no_field(task):
    _, fields = _reduced(task, lambda c: True, batch(task, 16, 0), 5)
    assert fields == {}


def test_an_absent_element_is_named_as_a_whole(task):
    case = batch(task, 64, 0)
    row = int((case.state[:, LEVEL] == 0).argmax())
    _, fields = _reduced(task, lambda c: bool(c.state[0, LEVEL] == 0), case, row)
    assert fields == {"foods[0].x": -1.0, "foods[0].y": -1.0, "foods[0].level": 0.0}


def test_local_q_is_rounded(task):
    case = Case(np.array([[3.14159, -7.77]], dtype=np.float32), domain_of(task).simplest[None])
    small, _ = _reduced(task, lambda c: bool(c.local_q[0, 0] > 2.5), case, 0)
    assert small.local_q.tolist() == [[3.0, 0.0]]


def test_a_violation_that_needs_many_rows_is_left_as_it_is_in_bounded_time(task):
    case, asked = batch(task, 256, 0), []

    def fails(part):
        asked.append(part.rows)
        return part.rows >= 200

    small, _ = _reduced(task, fails, case, 0)
    assert small.rows >= 200
    assert len(asked) < 2000
