from __future__ import annotations

from pathlib import Path

import pytest

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.resources import bundled_tasks

GOOD = """
name = "plant"
title = "A plant"
actions = ["wait", "go"]
episode_limit = 10
[environment]
kind = "matrix"
[agents]
count = 2
[[state]]
name = "robots"
count = 2
per_agent = true
[[state.field]]
name = "x"
low = 0.0
high = 5.0
[[state]]
name = "clock"
[[state.field]]
low = 0
high = 10
kind = "integer"
irrelevant = true
"""


def load(tmp_path: Path, text: str) -> TaskSpec:
    path = tmp_path / "plant.toml"
    path.write_text(text)
    return load_task(path)


def test_the_layout_goes_block_by_block_element_by_element(tmp_path: Path) -> None:
    task = load(tmp_path, GOOD)
    assert task.names == ("robots[0].x", "robots[1].x", "clock")
    assert [slot.agent for slot in task.layout] == [0, 1, None]
    assert [slot.irrelevant for slot in task.layout] == [False, False, True]


def test_the_foraging_state_is_laid_out_as_the_paper_prompts_it() -> None:
    task = load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])
    assert task.names == (
        "agents[0].x", "agents[0].y", "agents[0].level", "agents[1].x", "agents[1].y", "agents[1].level",
        "foods[0].x", "foods[0].y", "foods[0].level", "foods[1].x", "foods[1].y", "foods[1].level",
        "last_action[0]", "last_action[1]",
    )  # fmt: skip
    assert [task.layout[i].absent for i in (6, 7, 8, 12)] == [-1, -1, 0, -1]


def test_bundled_tasks_have_distinct_digests_and_their_file_names() -> None:
    tasks = {name: load_task(path) for name, path in bundled_tasks().items()}
    assert {"lbf-8x8-2p-2f-coop", "lbf-10x10-3p-3f", "lbf-15x15-4p-3f", "matrix-climbing"} <= set(tasks)
    assert all(name == task.name for name, task in tasks.items())
    assert len({task.digest for task in tasks.values()}) == len(tasks)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title =", "titel =", "did you mean `title`"),
        ("high = 5.0", "hihg = 5.0", "did you mean `high`"),
        ("count = 2\nper_agent", "count = 3\nper_agent", "its count must be 2, not 3"),
        ("low = 0.0\nhigh = 5.0", "low = 6.0\nhigh = 5.0", "low = 6.0 is above high = 5.0"),
        ('name = "clock"', 'name = "robots"', "declared twice|Object"),
        ("episode_limit = 10", "episode_limit = 0", "at least one agent"),
        ('actions = ["wait", "go"]', "actions = 3", "Expected `array`"),
        ("count = 2\n[[state]]", "count = 2\ninterchangeable = [[0, 2]]\n[[state]]", "names agent 2"),
        ("[agents]", "gamma = 2.0\n[agents]", "gamma|unknown key"),
        ('kind = "integer"', 'kind = "int"', "Invalid enum value"),
    ],
)
def test_a_faulty_file_is_refused_with_the_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if says.startswith("declared twice"):
        text = text.replace("count = 2\nper_agent = true\n", "per_agent = false\n").replace('name = "x"\n', "")
    with pytest.raises(TaskError, match=says):
        load(tmp_path, text)


@pytest.mark.parametrize("text", ["= 1", "\x00", "name = 'x'"])
def test_what_is_no_task_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TaskError):
        load(tmp_path, text)


def test_a_missing_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="forge task list"):
        load_task(tmp_path / "none.toml")
