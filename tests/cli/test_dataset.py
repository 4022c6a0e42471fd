"""`forge collect` and `forge dataset` as a user calls them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def test_datasets_are_collected_described_checked_merged_and_imported(forge, tmp_path: Path) -> None:
    task = ("--task", "matrix-climbing")
    first = forge(
        "collect",
        *task,
        "--episodes",
        "20",
        "-b",
        "random=3",
        "-b",
        "vdn:64@0.5",
        "--out",
        str(tmp_path / "a"),
        "--json",
    )
    assert first.code == 0, first.err
    assert first.data["behaviours"] == "random, vdn-64-0.5"
    assert forge("collect", *task, "--episodes", "5", "--seed", "1", "--out", str(tmp_path / "b")).code == 0
    both = forge(
        "dataset", "merge", str(tmp_path / "a"), str(tmp_path / "b"), *task, "--out", str(tmp_path / "c"), "--json"
    )
    assert both.data["episodes"] == 25
    told = forge("dataset", "info", str(tmp_path / "c"))
    assert "by random      20 episodes" in told.out
    assert forge("dataset", "info", str(tmp_path / "c"), "--json").data["behaviours"]["vdn-64-0.5"][0] == 5
    assert forge("dataset", "check", str(tmp_path / "c"), *task).code == 0
    assert forge("dataset", "check", str(tmp_path / "c")).code == 2  # another task


def test_imported_data_beyond_the_declared_range_fails_its_check(forge, tmp_path: Path) -> None:
    state = np.zeros((4, 3))
    state[2, 0] = 5
    np.savez(
        tmp_path / "p.npz", obs=np.ones((4, 2, 1)), state=state, actions=np.zeros((4, 2)), reward=np.ones(4),
        run=np.array([0, 0, 1, 1]),
    )  # fmt: skip
    (tmp_path / "map.toml").write_text('layout = "steps"\n[arrays]\nepisode = "run"\n')
    made = forge(
        "dataset", "import", str(tmp_path / "p.npz"), "--map", str(tmp_path / "map.toml"), "--task", "matrix-climbing",
        "--out", str(tmp_path / "d"),
    )  # fmt: skip
    assert made.code == 0, made.err
    assert "assumed 1" in made.out
    checked = forge("dataset", "check", str(tmp_path / "d"), "--task", "matrix-climbing")
    assert checked.code == 1
    assert "step: values in [5, 5] in 1 states" in checked.out
