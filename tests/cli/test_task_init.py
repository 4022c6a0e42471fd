from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from tests.cli.conftest import Forge
from tfcaf_forge import load_task
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.training.envs.behaviour import RandomBehaviour
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.rollout import rollout

FORAGING = "gymnasium:lbforaging:Foraging-6x6-2p-2f-v3"


def test_a_draft_is_written_once_and_says_what_is_next(forge: Forge, tmp_path: Path) -> None:
    out = tmp_path / "six.toml"
    command = ("task", "init", FORAGING, "--option", "episode_limit=30", "--steps", "300", "-o", out)
    done = forge(*command)
    assert done.code == 0, done.err
    assert "task check" in done.out
    assert load_task(out).episode_limit == 30
    again = forge(*command)
    assert again.code == 2
    assert "exists; choose another name" in again.err


def test_what_a_draft_from_recorded_episodes_says_is_next_works(forge: Forge, tmp_path: Path) -> None:
    batch = rollout(make_env(load_task("matrix-climbing"), 4), RandomBehaviour(), seed=0)
    np.savez(tmp_path / "logged.npz", **batch.arrays())
    done = forge("task", "init", "logged.npz", "-o", "mine.toml")
    assert done.code == 0, done.err
    said = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    for command in (said["next"], said["then"]):
        after = forge(*shlex.split(command)[1:])
        assert after.code == 0, after.err
    assert "task check" not in done.out + (tmp_path / "mine.toml").read_text()


def test_the_command_that_follows_a_run_names_the_task_s_file(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "my own.toml").write_text(
        bundled_tasks()["matrix-climbing"].read_text().replace("matrix-climbing", "mine")
    )
    small = ("--rounds", 1, "--candidates", 1, "--episodes", 20, "--mutants", 0, "--out", "run")
    made = forge("synthesize", "--task", "my own.toml", *small)
    assert made.code == 0, made.err
    words = shlex.split(next(line for line in made.out.splitlines() if line.startswith("next")))
    assert words[words.index("--task") + 1] == "my own.toml"
