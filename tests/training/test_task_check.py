import msgspec
import numpy as np
import pytest

from tfcaf_forge.training.task_check import absent_elements, check_task

replace = msgspec.structs.replace


@pytest.mark.parametrize("name", ["lbf-8x8-2p-2f-coop", "lbf-10x10-3p-3f", "lbf-15x15-4p-3f", "matrix-climbing"])
def test_the_bundled_tasks_agree_with_their_environments(tasks, name):
    check = check_task(tasks[name], steps=4000)
    assert check.passed, [field for field in check.fields if field.faults]
    assert check.steps >= 4000
    assert min(field.share for field in check.fields) > 0.6


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("matrix-penalty", 100),
        ("mpe-adversary-2", 800),
        ("mpe-spread-3", 800),
        ("mpe-tag-3", 800),
        ("predator-prey-6x6-4a-2p", 3000),
        ("predator-prey-10x10-8a-8p", 3000),
        ("rware-tiny-2ag", 1000),
        ("rware-small-4ag", 500),
    ],
)
def test_the_other_bundled_tasks_do_so_in_a_short_check(tasks, name, steps):
    check = check_task(tasks[name], steps=steps)
    assert check.passed, [field for field in check.fields if field.faults]
    assert check.steps >= steps


def test_every_bundled_task_is_checked_here(tasks):
    assert len(tasks) == 12


def test_a_range_that_is_too_narrow_is_named_with_the_value_and_where_it_was_seen(coop):
    check = check_task(_with_field(coop, 1, 2, high=3), steps=4000)
    faulty = {field.name: field.faults for field in check.fields if field.faults}
    assert not check.passed
    assert set(faulty) == {"foods[0].level", "foods[1].level"}
    fault = faulty["foods[0].level"][0]
    assert fault.value == 4
    assert fault.count > 0
    assert "declared range [2, 3]" in fault.reason


def test_a_range_that_is_too_wide_passes_and_shows_how_much_of_it_was_seen(coop):
    check = check_task(_with_field(coop, 0, 2, high=20), steps=1000)
    level = next(field for field in check.fields if field.name == "agents[0].level")
    assert check.passed
    assert level.share == pytest.approx(2 / 20)


def test_an_undeclared_sentinel_is_a_value_outside_the_range(coop):
    check = check_task(_with_field(coop, 2, 0, absent=None), steps=1000)
    faults = next(field for field in check.fields if field.name == "last_action[1]").faults
    assert (faults[0].value, faults[0].step) == (-1, 0)


def test_wrong_sizes_are_named_and_nothing_is_played(coop):
    check = check_task(replace(coop, actions=coop.actions[:-1], episode_limit=25), steps=1000)
    assert [(size.what, size.declared, size.found) for size in check.sizes] == [
        ("actions", 5, 6),
        ("episode_limit", 25, 50),
    ]
    assert not check.passed
    assert check.steps == 0


def test_an_element_is_absent_only_where_all_its_sentinels_stand(coop):
    states = np.zeros((3, coop.state_size), np.float32)
    states[0, 6:9] = [-1, -1, 0]
    states[1, 6:9] = [-1, 2, 0]
    states[2, 6:9] = [1, 2, 2]
    absent = absent_elements(coop.layout, states)
    assert absent[:, 6:9].tolist() == [[True] * 3, [False] * 3, [False] * 3]
    assert not absent[:, :6].any()


def _with_field(task, block, field, **changes):
    blocks = list(task.state)
    fields = list(blocks[block].fields)
    fields[field] = replace(fields[field], **changes)
    blocks[block] = replace(blocks[block], fields=tuple(fields))
    return replace(task, state=tuple(blocks))
