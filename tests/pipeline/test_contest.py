"""Successive halving end to end, on the climbing game: every rung is played, and twice the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.pipeline import contest as module
from tfcaf_forge.pipeline.contest import Area, apart, area_of, contest, overtaken
from tfcaf_forge.ranking.bench import equal_weights
from tfcaf_forge.ranking.fitted import FittedConfig
from tfcaf_forge.ranking.halving import Plan
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.records.task_spec import load_task
from tfcaf_forge.replay.dataset import write_dataset
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.result import Evaluation


def bent() -> OpGraph:
    graph = OpGraph(
        2, 3, (Node("leaky_relu", (Ref(0), 0.5)), Node("sum.dim_IntList", (Ref(2), (1,), True, None))), Ref(3)
    )
    return canonical(graph, verify(graph))[0]


def test_every_rung_is_played_and_equal_weights_are_no_better_than_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task(bundled_tasks()["matrix-climbing"])
    data = write_dataset(tmp_path / "data", task, collect(task, 40, 0), seed=0)
    graphs = {1: bent(), 2: equal_weights(2, 3)}
    ranker = Ranker(data, task, 0)
    first = contest(graphs, ranker, data, task, seed=0)
    assert (first.fitted, first.trained, first.steps) == ({}, {}, 0)
    assert sorted(first.ids) == [1, 2]
    assert not first.better_than_baseline
    monkeypatch.setattr(module, "plan", lambda *args, **sizes: Plan(2, 2, 200, 1.0))
    monkeypatch.setattr(module, "CONFIG", FittedConfig(hidden=8, steps=20, batch=32))
    told: list[str] = []
    full, again = (contest(graphs, ranker, data, task, seed=0, minutes=1.0, tell=told.append) for _ in range(2))
    assert full == again
    assert set(full.fitted) == set(full.trained) == {0, 1, 2}
    assert full.fitted[2] == pytest.approx(full.fitted[0], abs=1e-4)
    assert "training with candidate 1: 200 of 200 steps" in told
    assert set(full.trained_error) == {0, 1, 2}


def test_a_finalist_overtakes_only_those_that_it_trained_clearly_better_than() -> None:
    clear = {5: Area(0.2, 0.02), 3: Area(0.21, 0.02), 9: Area(0.6, 0.02)}
    assert overtaken([5, 3, 9], clear) == [9, 5, 3]
    nobody = {5: Area(0.0, 0.0), 3: Area(0.002, 0.002), 9: Area(0.002, 0.002)}
    assert overtaken([5, 3, 9], nobody) == [5, 3, 9]
    assert not apart(nobody[9], nobody[5])


def test_the_area_of_a_training_has_the_standard_error_of_its_episodes() -> None:
    made = [Evaluation(steps=k, seconds=1.0, mean=mean, std=2.0, episodes=16) for k, mean in enumerate((1.0, 3.0))]
    assert area_of(made) == Area(2.0, pytest.approx(0.5 / 2**0.5))
