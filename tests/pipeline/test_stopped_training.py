"""Training that is interrupted in every way that a terminal, a scheduler or a disk has: real processes, real signals."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from tfcaf_forge.errors import StoreError
from tfcaf_forge.folders import FolderLock
from tfcaf_forge.pipeline.compare import plan_runs
from tfcaf_forge.pipeline.seeds import train_many
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.trained import train
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.training.checkpoint import load_checkpoint
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.events import EventFile

CONFIG = TrainConfig(
    hidden=8, recurrent=False, batch_episodes=4, evaluation_episodes=2, evaluation_interval=10**6, n_envs=2
)
SETTINGS = """
hidden = 8
recurrent = false
batch_episodes = 4
evaluation_episodes = 2
evaluation_interval = 1_000_000
checkpoint_interval = 1_000_000
n_envs = 2
"""


@pytest.fixture
def with_workers(tmp_path):
    """The file of a task whose copies are in two worker processes."""
    text = bundled_tasks()["mpe-spread-3"].read_text()
    path = tmp_path / "spread.toml"
    path.write_text(text.replace("options = { N = 3 }", "options = { N = 3, workers = 2 }"))
    assert load_task(path).environment.options["workers"] == 2
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "termination"])
def test_a_signal_to_all_processes_of_a_run_with_workers_saves_it(with_workers, tmp_path, number):
    """A terminal's Ctrl-C and a scheduler's end go to the workers as well; they died of it, and the run with them."""
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS)
    words = ["train", "--task", with_workers, "--mixer", "vdn", "--steps", 10**7, "--config", settings]
    process = subprocess.Popen(
        [sys.executable, "-m", "tfcaf_forge", *map(str, words), "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            while "exploring" not in process.stderr.readline():
                assert process.poll() is None, "it ended before its time"
            os.killpg(process.pid, number)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 1, err
    assert "repeat the same command to go on" in out
    assert "saving at the end of this rollout; Ctrl-C again stops at once" in err
    assert load_checkpoint(tmp_path / "run")["counters"][0] > 0


@pytest.mark.slow
def test_runs_side_by_side_may_have_workers_of_their_own(with_workers, tmp_path):
    """Their processes were daemons once, which may have no children."""
    work = plan_runs(with_workers, ["vdn"], [0], tmp_path / "runs", steps=100, config=CONFIG)
    assert [result.status for result in train_many(work, jobs=1)] == ["finished"]


@pytest.mark.slow
def test_a_stop_before_a_process_has_found_its_feet_is_a_stop(tmp_path):
    work = plan_runs("matrix-climbing", ["vdn"], [0], tmp_path, steps=10**7, config=CONFIG)
    asked = iter([False])
    (result,) = train_many(work, jobs=1, should_stop=lambda: next(asked, True))
    assert (result.status, result.steps) == ("stopped", 0)


@pytest.mark.slow
def test_a_run_that_is_continued_tells_first_where_it_stands(tmp_path):
    (job,) = plan_runs("matrix-climbing", ["vdn"], [0], tmp_path, steps=40, config=CONFIG)
    first = train_many([job], jobs=1)[0].steps
    told = []
    train_many([job], jobs=1, progress=lambda job, now: told.append((now.steps, now.train_return)))
    assert told == [(first, None)], "finished already: it counts in the progress of all runs, and plays nothing"


def test_a_folder_in_which_another_process_trains_is_refused_and_kept(tmp_path):
    with FolderLock(tmp_path), pytest.raises(StoreError, match="in use by another process"):
        train("matrix-climbing", "vdn", tmp_path, steps=8, config=CONFIG)
    assert train("matrix-climbing", "vdn", tmp_path, steps=8, config=CONFIG).status == "finished"


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(StoreError, match=r"run cannot be written to \(File exists\); give another --out"):
        train("matrix-climbing", "vdn", tmp_path / "run", steps=8, config=CONFIG)


FULL = """
import resource, sys
from pathlib import Path
from tfcaf_forge.pipeline.trained import train
from tests.pipeline.test_stopped_training import CONFIG
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # a write beyond it fails as on a full disk
train("matrix-climbing", "vdn", Path(sys.argv[1]), steps=2000, config=CONFIG)
"""


@pytest.mark.slow
def test_a_full_disk_ends_a_run_with_its_last_checkpoint_and_does_not_hang(tmp_path):
    """The event file's own thread died of it, and the training waited for that thread for ever."""
    train("matrix-climbing", "vdn", tmp_path, steps=200, config=CONFIG)
    before = load_checkpoint(tmp_path)
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=120)
    last = done.stderr.strip().splitlines()[-1]
    assert "StoreError: cannot write" in last
    assert "the checkpoint before it is kept" in last
    assert "training goes on without them" in done.stderr, "the events were given up first"
    after = load_checkpoint(tmp_path)
    assert after["counters"] == before["counters"]
    assert torch.equal(after["learner"]["online"], before["learner"]["online"])
    assert not list(tmp_path.glob("*.tmp"))


def test_events_say_where_their_session_begins(tmp_path):
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    events = EventFile(tmp_path, 0)
    events.scalar("train/return", 0.5, 8)
    events.close()
    (path,) = tmp_path.glob("events.out.tfevents.*")
    data, found = path.read_bytes(), []
    while data:  # length, its checksum, the event, its checksum
        size = int.from_bytes(data[:8], "little")
        found.append(Event.FromString(data[12 : 12 + size]))
        data = data[16 + size :]
    assert [event.file_version for event in found] == ["brain.Event:2", "", ""]
    assert found[1].session_log.status == SessionLog.START
    assert (found[2].step, found[2].summary.value[0].tag) == (8, "train/return")
    assert found[2].summary.value[0].simple_value == 0.5
