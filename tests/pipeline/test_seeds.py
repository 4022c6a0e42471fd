"""Runs in processes of their own: real processes, one of which is really killed."""

import multiprocessing
from dataclasses import replace

import pytest
import torch

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.compare import plan_runs
from tfcaf_forge.pipeline.seeds import RunsFailed, parse_seeds, train_many
from tfcaf_forge.training.checkpoint import load_checkpoint
from tfcaf_forge.training.config import TrainConfig

CONFIG = TrainConfig(
    hidden=8, recurrent=False, batch_episodes=4, evaluation_episodes=2, evaluation_interval=400, checkpoint_interval=200
)


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (3,)), ("0:3", (0, 1, 2)), ("0,4,7", (0, 4, 7)), ("0:2, 9", (0, 1, 9))]
)
def test_seeds_are_read_as_they_are_written(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "1:", "3:3", "1,1", "0:2,1"])
def test_other_texts_name_no_seeds(text):
    with pytest.raises(InputError, match="write 3"):
        parse_seeds(text)


@pytest.mark.slow
def test_a_killed_worker_is_named_the_others_finish_and_the_same_call_goes_on(tmp_path):
    work = plan_runs("matrix-climbing", ["vdn"], [0, 1], tmp_path, steps=1200, config=CONFIG)

    def kill_seed_one(job, now):
        for process in multiprocessing.active_children():
            if process.name == "vdn, seed 1":
                process.kill()

    with pytest.raises(RunsFailed, match=r"vdn, seed 1: its process was killed by SIGKILL.*repeat the same command"):
        train_many(work, jobs=2, progress=kill_seed_one)
    assert load_checkpoint(work[0].out)["counters"][0] >= 1200
    results = train_many(work, jobs=2)
    assert [(r.seed, r.status) for r in results] == [(0, "finished"), (1, "finished")]


@pytest.mark.slow
def test_a_termination_saves_and_the_resumed_run_equals_the_uninterrupted_one(tmp_path):
    told: list[int] = []
    (job,) = plan_runs("matrix-climbing", ["qmix"], [3], tmp_path / "cut", steps=10**6, config=CONFIG)
    (stopped,) = train_many(
        [job], jobs=1, progress=lambda job, now: told.append(now.steps), should_stop=lambda: bool(told)
    )
    assert stopped.status == "stopped"
    end = stopped.steps + 80
    assert train_many([replace(job, steps=end)], jobs=1)[0].steps == end
    (whole,) = plan_runs("matrix-climbing", ["qmix"], [3], tmp_path / "whole", steps=end, config=CONFIG)
    train_many([whole], jobs=1)
    one, two = (load_checkpoint(folder)["learner"] for folder in (job.out, whole.out))
    assert torch.equal(one["online"], two["online"])
    assert torch.equal(one["target"], two["target"])
