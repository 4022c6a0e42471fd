from __future__ import annotations

import shlex
from pathlib import Path

from tests.cli.conftest import Forge
from tfcaf_forge import load_task
from tfcaf_forge.resources import bundled_tasks

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


def test_the_command_that_follows_a_run_names_the_task_s_file(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "my own.toml").write_text(
        bundled_tasks()["matrix-climbing"].read_text().replace("matrix-climbing", "mine")
    )
    small = ("--rounds", 1, "--candidates", 1, "--episodes", 20, "--mutants", 0, "--out", "run")
    made = forge("synthesize", "--task", "my own.toml", *small)
    assert made.code == 0, made.err
    words = shlex.split(next(line for line in made.out.splitlines() if line.startswith("next")))
    assert words[words.index("--task") + 1] == "my own.toml"
