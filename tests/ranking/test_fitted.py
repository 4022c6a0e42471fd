"""The batched pass: it agrees with what single passes find, learns, and tells credit from another agent's credit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ranking.test_rank import by_level, graph_of, world
from tfcaf_forge.errors import DatasetError
from tfcaf_forge.graph.opgraph import Node, Ref
from tfcaf_forge.ranking.bench import Bench, equal_weights
from tfcaf_forge.ranking.fitted import FittedConfig, fit_all
from tfcaf_forge.ranking.halving import LEAST_STEPS, plan
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.replay.dataset import Dataset, write_dataset
from tfcaf_forge.resources import bundled_tasks

SHORT = FittedConfig(hidden=16, steps=250, batch=128)


@pytest.fixture(scope="module")
def task() -> TaskSpec:
    return load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])


@pytest.fixture(scope="module")
def data(task: TaskSpec, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("data") / "acting", task, world(task, acting=True), seed=0)


def test_candidates_together_come_out_as_each_alone_and_the_true_credit_is_best(task: TaskSpec, data: Dataset) -> None:
    bench = Bench.of(data, task, 0)
    graphs = [by_level(task, first=2, second=5), by_level(task, first=5, second=2), equal_weights(2, task.state_size)]
    together = fit_all(graphs, data, task, bench, 0, SHORT)
    (alone,) = fit_all(graphs[1:2], data, task, bench, 0, SHORT)
    assert alone.value.error == pytest.approx(together[1].value.error, rel=2e-2, abs=1e-3)
    share = [one.advantage.error.sum() / one.advantage.spread.sum() for one in together]
    assert share[0] < share[2] < 1.01
    assert share[0] < share[1]
    value = [one.value.error.sum() / one.value.spread.sum() for one in together]
    assert value[0] < min(value[1:])


def test_a_function_that_is_not_affine_runs_as_its_graph(task: TaskSpec, data: Dataset) -> None:
    bent = graph_of(task, Node("leaky_relu", (Ref(0), 0.5)), Node("sum.dim_IntList", (Ref(2), (1,), True, None)))
    straight = graph_of(task, Node("leaky_relu", (Ref(0), 1.0)), Node("sum.dim_IntList", (Ref(2), (1,), True, None)))
    bench = Bench.of(data, task, 0)
    found = fit_all([bent, straight, equal_weights(2, task.state_size)], data, task, bench, 0, SHORT)
    assert all(np.isfinite(one.td.error).all() for one in found)
    assert found[1].value.error == pytest.approx(found[2].value.error, rel=2e-2, abs=1e-3)  # a slope of 1 is the sum


def test_steps_without_a_successor_cannot_be_fitted(task: TaskSpec, tmp_path: Path) -> None:
    batch = world(task)
    cut = {**batch.arrays(), "terminated": np.zeros_like(batch.terminated), "truncated": batch.terminated}
    one = type(batch)(**cut)
    short = {
        name: array[:, : 1 + (name in ("obs", "state", "available"))] if array.ndim > 1 else array
        for name, array in one.arrays().items()
    }
    short["truncated"] = np.ones_like(short["truncated"])
    data = write_dataset(tmp_path / "cut", task, type(batch)(**short), seed=0)
    with pytest.raises(DatasetError, match="no step has a logged next action"):
        fit_all([equal_weights(2, task.state_size)], data, task, Bench.of(data, task, 0), 0, SHORT)


def test_a_larger_budget_goes_further_and_a_plan_depends_on_nothing_else() -> None:
    sizes = {"candidates": 20, "transitions": 18_500, "n_agents": 2, "minibatch_rows": 800 * 256}
    small, middle, large = (plan(minutes, **sizes) for minutes in (0.1, 0.45, 30.0))
    assert (small.fitted, small.finalists) == (0, 0)
    assert (middle.fitted, middle.finalists) == (10, 0)
    assert large.finalists == 3
    assert large.steps > LEAST_STEPS
    assert large.seconds <= 30 * 60
    assert plan(0.45, **sizes) == middle
