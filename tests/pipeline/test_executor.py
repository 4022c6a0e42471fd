"""Tasks in processes of their own, some of which die; and a run whose candidates are judged there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.pipeline.brittle import square
from tests.pipeline.struck_run import Mixed
from tests.pipeline.timeless import records
from tfcaf_forge import Synthesis, synthesize
from tfcaf_forge.errors import InputError, MissingExtra
from tfcaf_forge.pipeline.carried import train_on
from tfcaf_forge.pipeline.compare import load_results, plan_runs
from tfcaf_forge.pipeline.executor import LocalPool, WorkersLost
from tfcaf_forge.pipeline.seeds import train_many
from tfcaf_forge.store import Store
from tfcaf_forge.training.config import TrainConfig


def test_a_process_that_dies_costs_its_task_a_second_beginning_and_no_result_is_given_twice(tmp_path: Path) -> None:
    pool = LocalPool(2)
    found = list(pool.map(square, tmp_path, [0, 1, 2, 5]))
    pool.close()
    assert sorted(found) == [(0, 0), (1, 1), (2, 4), (3, 25)]


def test_a_task_that_takes_every_process_with_it_is_given_up(tmp_path: Path) -> None:
    pool = LocalPool(1)
    with pytest.raises(WorkersLost, match="1 tasks lost their process 3 times"):
        list(pool.map(square, tmp_path, [3]))


def test_what_a_task_raises_is_raised_here(tmp_path: Path) -> None:
    pool = LocalPool(1)
    with pytest.raises(InputError, match="four"):
        list(pool.map(square, tmp_path, [4]))
    pool.close()


def six(out: Path, executor: LocalPool | None) -> Synthesis:
    return synthesize(
        "matrix-climbing", coder=Mixed(), out=out, rounds=2, candidates=3, episodes=40, executor=executor, mutants=0
    )  # fmt: skip


def test_a_run_on_two_processes_has_the_records_of_a_run_in_one_and_is_resumed_by_it(tmp_path: Path) -> None:
    alone = six(tmp_path / "alone", None)
    pool = LocalPool(2)
    together = six(tmp_path / "together", pool)
    pool.close()
    assert (together.winner, together.kernel_sha256) == (alone.winner, alone.kernel_sha256)
    assert records(tmp_path / "together") == records(tmp_path / "alone")
    before = Store(tmp_path / "together", write=False).entries()
    assert six(tmp_path / "together", None).winner == alone.winner
    assert Store(tmp_path / "together", write=False).entries() == before


def test_a_training_goes_out_and_comes_back_as_files_and_is_continued_from_them(tmp_path: Path) -> None:
    config = TrainConfig(hidden=8, recurrent=False, batch_episodes=4, evaluation_episodes=2, evaluation_interval=100)
    (job,) = plan_runs("matrix-climbing", ["vdn"], [0], tmp_path / "away", steps=200, config=config)
    pool = LocalPool(1)
    (first,) = train_on(pool, [job])
    assert (first.steps, first.folder) == (200, str(job.out))
    (second,) = train_on(pool, [replace(job, steps=400)])
    pool.close()
    (home,) = plan_runs("matrix-climbing", ["vdn"], [0], tmp_path / "home", steps=400, config=config)
    (whole,) = train_many([home], jobs=1)
    assert second.steps == whole.steps == 400
    assert [e.mean for e in second.evaluations] == [e.mean for e in whole.evaluations]
    assert load_results([job.out])[0].evaluations == second.evaluations


def test_without_ray_the_extra_is_named() -> None:
    from importlib.util import find_spec

    if find_spec("ray") is not None:
        return
    from tfcaf_forge.integrations.ray_cluster import RayCluster

    with pytest.raises(MissingExtra, match=r"tfcaf-forge\[ray\]"):
        RayCluster()
