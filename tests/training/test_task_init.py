from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfcaf_forge import load_task
from tfcaf_forge.errors import DatasetError, TaskError
from tfcaf_forge.replay.dataset import write_dataset
from tfcaf_forge.training.envs.behaviour import RandomBehaviour
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.rollout import rollout
from tfcaf_forge.training.task_check import check_task
from tfcaf_forge.training.task_init import FILL, draft_task

MPE = "pettingzoo:mpe2.simple_speaker_listener_v4"
FORAGING = "gymnasium:lbforaging:Foraging-6x6-2p-2f-v3"


def drafted(tmp_path: Path, source: str, **given: object):
    path = tmp_path / "draft.toml"
    text = draft_task(source, **given)  # pyright: ignore[reportArgumentType]
    path.write_text(text)
    return load_task(path), text


def test_a_pettingzoo_draft_agrees_with_its_environment(tmp_path: Path) -> None:
    task, text = drafted(tmp_path, MPE, options={"max_cycles": 25}, steps=4000)
    assert (task.n_agents, task.episode_limit, len(task.actions)) == (2, 25, 5)
    assert task.names[-2:] == ("last_action[0]", "last_action[1]")
    assert text.count(FILL) > 10
    found = check_task(task, steps=2000, seed=7)
    assert not found.sizes
    share = np.mean([bool(field.faults) for field in found.fields])
    assert share <= 0.25, [f.name for f in found.fields if f.faults]


def test_a_gymnasium_draft_sees_whole_numbers_and_names_fields_by_agent(tmp_path: Path) -> None:
    task, _ = drafted(tmp_path, FORAGING, options={"episode_limit": 30}, steps=4000)
    assert task.names[:2] == ("agents[0].o0", "agents[0].o1")
    assert {slot.kind for slot in task.layout} == {"integer", "categorical"}
    assert task.environment.options == {"episode_limit": 30}
    assert check_task(task, steps=2000, seed=7).passed


def test_recorded_episodes_are_drafted_and_become_a_dataset_of_that_task(tmp_path: Path) -> None:
    batch = rollout(make_env(load_task("lbf-8x8-2p-2f-coop"), 8), RandomBehaviour(), seed=0)
    np.savez(tmp_path / "logged.npz", **batch.arrays())
    task, _ = drafted(tmp_path, str(tmp_path / "logged.npz"))
    assert task.environment.kind == "recorded"
    assert task.names[:12] == tuple(f"s{k}" for k in range(12)) or task.names[0].startswith("world")
    assert write_dataset(tmp_path / "data", task, batch, seed=0).info.episodes == 8


def test_what_cannot_be_drafted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="write KIND:ID with a kind of"):
        draft_task("CartPole-v1")
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="cannot read episodes"):
        draft_task(str(tmp_path / "no.npz"))
