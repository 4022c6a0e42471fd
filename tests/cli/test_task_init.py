from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Forge
from tfcaf_forge import load_task

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
