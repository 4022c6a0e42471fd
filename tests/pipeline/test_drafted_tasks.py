"""From an environment that has no bundled task to a kernel: drafted, held to account, synthesized for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcaf_forge import load_task, synthesize, task_names
from tfcaf_forge.training.task_check import check_task
from tfcaf_forge.training.task_init import draft_task

SOURCES = {
    "gymnasium:lbforaging:Foraging-6x6-2p-2f-v3": {"episode_limit": 30},
    "pettingzoo:mpe2.simple_speaker_listener_v4": {"max_cycles": 25},
    "pettingzoo:mpe2.simple_reference_v3": {"max_cycles": 25},
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_drafted_task_leads_to_a_kernel(source: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(draft_task(source, options=SOURCES[source], steps=1500))
    task = load_task(path)
    assert task.environment.id not in {load_task(name).environment.id for name in task_names()}
    assert not check_task(task, steps=200, seed=3).sizes
    run = synthesize(task, out=tmp_path / "run", rounds=1, candidates=1, episodes=20, mutants=0)
    assert run.kernel.manifest.layout == task.names
