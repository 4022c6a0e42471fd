"""From a task to trained agents by the commands that a user types."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Forge, called

TASK = "matrix-climbing"


@pytest.fixture(scope="module")
def first(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """A run, made once, and the folder that it was made in."""
    folder = tmp_path_factory.mktemp("way")
    words = ("--rounds", 1, "--candidates", 3, "--episodes", 60, "--mutants", 6, "--out", "run", "--json")
    return called(home, folder, "synthesize", "--task", TASK, *words), folder


@pytest.fixture
def made(first: tuple[Done, Path], tmp_path: Path) -> Done:
    """That run, in a folder of the test's own."""
    shutil.copytree(first[1], tmp_path, dirs_exist_ok=True)
    return first[0]


def test_the_way_from_a_task_to_trained_agents(forge: Forge, made: Done, tmp_path: Path) -> None:
    assert made.code == 0, made.err
    assert made.data["kernel_path"] == "run/kernel.safetensors"
    assert len(made.data["candidates"]) == 3

    again = forge("synthesize", "--task", TASK, "--rounds", 1, "--candidates", 3, "--episodes", 60, "--out", "run")
    assert again.code == 0
    assert "3 of 3 candidates are on the disk already" in again.out
    assert "\x1b" not in again.out
    assert f"train --task {TASK} --mixer run/kernel.safetensors" in again.out

    exported = forge("export", "run", "--out", "k.safetensors", "--json")
    assert exported.data["sha256"] == made.data["kernel_sha256"]

    assert forge("collect", "--task", TASK, "--episodes", 60, "--out", "data").code == 0
    ranked = forge("rank", "k.safetensors", "--task", TASK, "--replay", "data", "--json")
    assert ranked.code == 0
    assert ranked.data["ranking"]["winner"] == 1

    for mixer in ("k.safetensors", "vdn", "qmix"):
        trained = forge("train", "--task", TASK, "--mixer", mixer, "--steps", 400, "--json", "--out", f"train-{mixer}")
        assert trained.code == 0, trained.err
        assert trained.data["status"] == "finished"
        assert isinstance(trained.data["final_return"], float)
        assert list((tmp_path / f"train-{mixer}").glob("events.out.tfevents.*"))

    compared = forge("compare", "train-vdn", "train-qmix", "--out", "compared")
    assert compared.code == 0, compared.err
    assert "P(> vdn)" in compared.out
    assert "intervals over fewer than five seeds say little" in compared.out
    assert (tmp_path / "compared" / "curves.svg").read_text().startswith("<svg")
    assert "mean_episode_return" in (tmp_path / "compared" / "marl-eval.json").read_text()

    assert forge("report", "run").code == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_changed_kernel_is_not_trained_with(forge: Forge, made: Done, tmp_path: Path) -> None:
    assert made.code == 0, made.err
    path = tmp_path / "run" / "kernel.safetensors"
    path.write_bytes(path.read_bytes().replace(b"PROVED", b"TESTED", 1))
    done = forge("train", "--task", TASK, "--mixer", path, "--steps", 10)
    assert done.code == 2
    assert "changed after it was written" in done.err


def test_a_kernel_of_another_task_is_not_trained_with(forge: Forge, made: Done) -> None:
    assert made.code == 0, made.err
    done = forge("train", "--task", "lbf-8x8-2p-2f-coop", "--mixer", "run/kernel.safetensors", "--steps", 10)
    assert done.code == 2
    assert f"was made for the task {TASK}" in done.err


def test_an_unknown_mixer_and_an_unknown_key_are_named(forge: Forge, tmp_path: Path) -> None:
    done = forge("train", "--task", TASK, "--mixer", "qplexx", "--steps", 10)
    assert done.code == 2
    assert "there is no mixer 'qplexx'" in done.err
    config = tmp_path / "train.toml"
    config.write_text("hiden = 32\n")
    done = forge("train", "--task", TASK, "--mixer", "vdn", "--steps", 10, "--config", config)
    assert done.code == 2
    assert "did you mean `hidden`?" in done.err


def test_a_preset_brings_its_mixer_and_says_what_it_reproduces(forge: Forge, tmp_path: Path) -> None:
    done = forge(
        "train", "--task", TASK, "--preset", "epymarl-qmix", "--steps", 100, "--seeds", "0:2", "--out", "runs", "--json"
    )
    assert done.code == 0, done.err
    assert "stores a time limit as an end" in done.err
    assert [(run["seed"], run["mixer"], run["config"]["time_limit"]) for run in done.data["runs"]] == [
        (0, "qmix", "terminates"),
        (1, "qmix", "terminates"),
    ]
    assert (tmp_path / "runs" / "seed-1" / "result.json").is_file()


def test_nothing_to_compare_and_no_mixer_are_answered(forge: Forge) -> None:
    assert "nothing to compare" in forge("compare").err
    assert "no mixer; name one" in forge("train", "--task", TASK).err
