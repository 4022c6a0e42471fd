import pytest

from tfcaf_forge.evidence.render import describe, describe_fields
from tfcaf_forge.records.verdict import Counterexample

GONE_0 = {"foods[0].x": -1.0, "foods[0].y": -1.0, "foods[0].level": 0.0}
GONE_1 = {"foods[1].x": -1.0, "foods[1].y": -1.0, "foods[1].level": 0.0}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, ""),
        ({"agents[0].level": 2.0}, "agents[0].level = 2"),
        ({"foods[1].x": 3.0, "agents[0].x": 1.0}, "agents[0].x = 1, foods[1].x = 3"),
        (GONE_1, "foods[1] absent"),
        (GONE_0 | GONE_1, "foods[*] absent"),
        (GONE_0 | {"foods[1].level": 2.0}, "foods[0] absent, foods[1].level = 2"),
        ({"last_action[1]": -1.0}, "last_action[1] = -1"),
        ({"agents[0].x": 0.25}, "agents[0].x = 0.25"),
    ],
)
def test_fields_read_in_the_tasks_words(task, fields, text):
    assert describe_fields(task, fields) == text


def test_a_violation_that_needs_no_field_is_anywhere(task):
    found = Counterexample(state=(), local_q=(), fields={}, observed="credit of agent 0 = -1", case="00000000")
    assert describe(task, found) == "anywhere → credit of agent 0 = -1"
