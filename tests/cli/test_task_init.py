from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Forge
from tfcaf_forge import load_task

FORAGING = "gymnasium:lbforaging:Foraging-6x6-2p-2f-v3"
SPEAKER = "pettingzoo:mpe2.simple_speaker_listener_v4"


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


@pytest.mark.parametrize(("source", "option"), [(FORAGING, "episode_limit=30"), (SPEAKER, "max_cycles=25")])
def test_from_an_environment_without_a_task_to_a_kernel_and_to_training_with_it(
    source: str, option: str, forge: Forge, tmp_path: Path
) -> None:
    drafted = forge("task", "init", source, "--option", option, "--steps", "2000", "-o", "mine.toml")
    assert drafted.code == 0, drafted.err
    assert forge("task", "check", "mine.toml", "--steps", "200").code == 0
    made = forge(
        "synthesize", "--task", "mine.toml", "--rounds", 1, "--candidates", 2, "--episodes", 40, "--mutants", 0, "--out", "run",
    )  # fmt: skip
    assert made.code == 0, made.err
    then = next(line for line in made.out.splitlines() if line.startswith("next"))
    words = shlex.split(then)
    trained = forge(*words[words.index("train") :], "--steps", 200, "--json")
    assert trained.code == 0, trained.err
    assert trained.data["mixer"].startswith("kernel:")
