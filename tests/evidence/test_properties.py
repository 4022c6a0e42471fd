import msgspec
import numpy as np
import pytest

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.properties.credit import starvation
from tfcaf_forge.evidence.strategies import batch
from tfcaf_forge.evidence.subject import RunFault
from tfcaf_forge.records.task_spec import StateField, load_task
from tfcaf_forge.resources import bundled_tasks

REQUIRED = {"contract", "finite", "finite-gradient", "monotone", "igm", "batch-independent", "starved"}
GOOD = ["equal-weights", "softmax-of-positions", "largest"]
PLAIN = [0, 0, 1, 0, 0, 1, 1, 1, 2, 1, 1, 2, 0, 0]


def _case(local_q, *changes):
    state = np.array([PLAIN] * len(local_q), dtype=np.float32)
    for row, index, value in changes:
        state[row, index] = value
    return Case(np.array(local_q, dtype=np.float32), state)


def _property(task, name):
    return next(p for p in catalogue(task) if p.id == name)


def test_every_property_says_what_it_is(task):
    ids = [p.id for p in catalogue(task)]
    assert len(set(ids)) == len(ids)
    for prop in catalogue(task):
        assert all((prop.id, prop.title, prop.formula, prop.why, prop.hazard))
        assert prop.tolerance >= 0


@pytest.mark.parametrize("name", sorted(bundled_tasks()))
def test_required_properties_are_required_for_every_task(name):
    assert {p.id for p in catalogue(load_task(bundled_tasks()[name])) if p.required} == REQUIRED


def test_a_relaxed_task_keeps_igm_and_makes_monotone_advice(relaxed):
    assert not _property(relaxed, "monotone").required
    assert _property(relaxed, "igm").required


@pytest.mark.parametrize("name", GOOD)
def test_no_required_property_complains_about_a_good_graph(task, subject, name):
    made = subject(name)
    for seed in range(5):
        case = batch(task, 64, seed)
        for prop in catalogue(task):
            if prop.required:
                assert prop.check(made, case) is None, prop.id


@pytest.mark.parametrize("rows", [1, 2, 64])
def test_every_property_judges_every_graph_or_says_that_it_cannot_run(task, subject, rows):
    for name in ("meeting", "guarded-division", "batch-mean", "table-too-short", "step-down", "detached"):
        made, case = subject(name), batch(task, rows, 3)
        for prop in catalogue(task):
            try:
                prop.check(made, case)
            except RunFault:
                assert prop.id != "contract"
                assert name == "table-too-short"


def test_a_credit_below_zero_is_told_by_how_much(task, subject):
    found = _property(task, "monotone").check(subject("level-slope"), _case([[1, 1], [1, 1]], (1, 8, 4)))
    assert found is not None
    assert found.amount == pytest.approx(1.0, abs=1e-5)
    assert (found.row, found.text) == (1, "credit of agent 0 = -1")


def test_a_step_down_is_not_monotone_although_no_slope_shows_it(task, subject):
    found = _property(task, "monotone").check(subject("step-down"), _case([[-0.5, 0.0]]))
    assert found is not None
    assert found.text.startswith("q_tot falls from 0.95 to ")


def test_igm_compares_the_greedy_joint_action_with_the_others(task, subject):
    found = _property(task, "igm").check(subject("negated"), _case([[0, 0], [1, 0]]))
    assert found is not None
    assert found.amount == pytest.approx(1.0, abs=1e-4)
    assert found.text == "the greedy joint action has q_tot -1, another one 0 (local_q (1, 0) and (0, 0))"
    assert _property(task, "igm").check(subject("equal-weights"), _case([[0, 0], [1, 0]])) is None


def test_a_gradient_can_be_nan_where_the_value_is_not(task, subject):
    made, case = subject("guarded-division"), _case([[1, 1]], (0, 6, -1), (0, 7, -1), (0, 8, 0))
    assert _property(task, "finite").check(made, case) is None
    found = _property(task, "finite-gradient").check(made, case)
    assert found is not None
    assert found.text == "credit = (nan, nan)"


def test_a_row_that_depends_on_the_batch_is_found(task, subject):
    found = _property(task, "batch-independent").check(subject("batch-mean"), _case([[1, 1], [1, 1]], (1, 11, 4)))
    assert found is not None
    assert "in a batch of 2, and alone" in found.text


def test_an_index_out_of_range_breaks_the_contract(task, subject):
    found = _property(task, "contract").check(subject("table-too-short"), _case([[0, 0]], (0, 8, 4)))
    assert found is not None
    assert "out of bounds" in found.text


def test_starvation_is_the_share_of_rows_without_credit():
    assert starvation(np.array([[1.0, 0.0], [1.0, 1e-9], [2.0, 0.5], [0.0, 1.0]])) == pytest.approx([0.25, 0.5])


def test_a_detached_value_differs_from_its_gradient(task, subject):
    found = _property(task, "gradient-check").check(subject("detached"), _case([[1, 1]]))
    assert found is not None
    assert found.text == "credit of agent 0 = 0, but the slopes of q_tot are 1 and 1"


def test_an_order_of_foods_that_matters_is_told(task, subject):
    prop = _property(task, "element-symmetry")
    assert prop.check(subject("level-slope"), _case([[1, 1]])) is None
    found = prop.check(subject("level-slope"), _case([[1, 1]], (0, 8, 3)))
    assert found is not None
    assert found.text == "q_tot goes from 0 to 2 when foods[0] and foods[1] swap places"


def test_a_jump_of_credit_names_the_field_and_its_step(task, subject):
    found = _property(task, "continuous").check(subject("level-slope"), _case([[1, 1]]))
    assert found is not None
    assert found.text == "credit of agent 0 goes from 1 to 0 as foods[0].level goes from 2 to 3"


def test_padding_that_matters_is_required_not_to(task, subject):
    block = task.state[1]
    level = msgspec.structs.replace(block.fields[2], irrelevant=True)
    padded = msgspec.structs.replace(
        task, state=(task.state[0], msgspec.structs.replace(block, fields=(*block.fields[:2], level)), task.state[2])
    )
    prop = _property(padded, "irrelevant-fields")
    assert isinstance(level, StateField)
    assert prop.required
    found = prop.check(subject("level-slope", padded), _case([[1, 1]]))
    assert found is not None
    assert found.text == "q_tot goes from 2 to -2 when foods[0].level is set to 4"
    assert prop.check(subject("equal-weights", padded), _case([[1, 1]])) is None
