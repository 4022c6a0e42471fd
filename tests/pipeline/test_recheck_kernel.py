"""`forge recheck`: data from the same environment keeps a kernel, a changed one is named by field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.graph.examples import const
from tests.options import with_options
from tfcaf_forge.errors import InputError
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.artifact import save_kernel
from tfcaf_forge.pipeline.drift import recheck
from tfcaf_forge.ranking.bench import equal_weights
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.replay.dataset import write_dataset
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.training.collect import collect

NAME = "lbf-8x8-2p-2f-coop"


@pytest.fixture(scope="module")
def task() -> TaskSpec:
    return load_task(bundled_tasks()[NAME])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, task: TaskSpec) -> Path:
    """A folder with a kernel and its reference data."""
    folder = tmp_path_factory.mktemp("deployed")
    deploy(folder / "kernel.safetensors", equal_weights(task.n_agents, task.state_size), task)
    write(folder / "reference", task, collect(task, 60, 0))
    return folder


def deploy(path: Path, graph: OpGraph, task: TaskSpec) -> None:
    manifest = Manifest(
        task=task.name, task_digest=task.digest, n_agents=task.n_agents, state_size=task.state_size, layout=task.names,
        q_scale=task.credit.q_scale, monotonicity="required", affine=True, graph_digest=codec.digest(graph),
        source_digest="1" * 64, coder="hand", evidence_digest="2" * 64, verdicts=(), isolation=(), forge_version="0",
        torch_version="0",
    )  # fmt: skip
    save_kernel(path, graph, manifest)


def canonical_of(task: TaskSpec, *nodes: Node) -> OpGraph:
    graph = OpGraph(2, task.state_size, nodes, Ref(len(nodes) + 1))
    return canonical(graph, verify(graph))[0]


def by_noise(task: TaskSpec) -> OpGraph:
    """sum_i q_i * (1 + cos of a field), which varies and means nothing."""
    return canonical_of(
        task,
        const("int", (2,), 0, 4),
        Node("index.Tensor", (Ref(1), (None, Ref(2)))),
        Node("cos", (Ref(3),)),
        Node("add.Tensor", (Ref(4), 1.05, 1)),
        Node("mul.Tensor", (Ref(0), Ref(5))),
        Node("sum.dim_IntList", (Ref(6), (1,), True, None)),
    )


def mostly_first(task: TaskSpec) -> OpGraph:
    """q_0 + q_1 / 16."""
    return canonical_of(
        task,
        const("float", (2,), 1.0, 0.0625),
        Node("mul.Tensor", (Ref(0), Ref(2))),
        Node("sum.dim_IntList", (Ref(3), (1,), True, None)),
    )


def write(path: Path, task: TaskSpec, batch: EpisodeBatch) -> None:
    write_dataset(path, task, batch, seed=0, behaviours=("random", "forager-0.3"))


def checked(place: Path, new: str):
    return recheck(place / "kernel.safetensors", place / new, reference=place / "reference")


def test_new_data_from_the_same_environment_keeps(place: Path, task: TaskSpec) -> None:
    write(place / "same", task, collect(task, 60, 1))
    found = checked(place, "same")
    assert (found.decision, found.reasons) == ("keep", ())
    assert found.verdicts["monotone"] == "PROVED"
    assert min(d.p for d in found.drift) > 0.01
    assert found.gain is not None
    assert found.gain.value == 0.0  # it is equal weights


def test_levels_beyond_the_declared_range_retire_and_are_named(place: Path, task: TaskSpec) -> None:
    stronger = with_options(task, max_player_level=3)
    write(place / "levels", task, collect(stronger, 60, 1))
    found = checked(place, "levels")
    assert found.decision == "retire"
    assert {"agents[0].level", "agents[1].level"} <= {r.field for r in found.reasons if r.code == "range"}
    assert any("agents[0].level: values in [3, 3]" in r.message for r in found.reasons)


def test_a_food_that_is_never_there_warns_and_is_named(place: Path, task: TaskSpec) -> None:
    batch = collect(task, 60, 1)
    state = batch.state.copy()
    state[..., 9:12] = np.where(batch_reached(batch), [-1, -1, 0], 0)
    write(place / "one-food", task, replace(batch, state=state))
    found = checked(place, "one-food")
    assert found.decision == "warn"
    assert {"foods[1].x", "foods[1].y", "foods[1].level"} <= {r.field for r in found.reasons if r.code == "drift"}


def test_another_number_of_foods_retires_and_is_named(place: Path) -> None:
    other = load_task(bundled_tasks()["lbf-10x10-3p-3f"])
    write(place / "three", other, collect(other, 12, 0))
    found = checked(place, "three")
    assert (found.decision, found.reasons[0].code) == ("retire", "layout")
    assert "foods[2].x" in found.reasons[0].message


def test_data_of_an_unknown_task_names_where_the_layouts_part_and_no_field_that_both_have(
    place: Path, task: TaskSpec
) -> None:
    foods = tuple(msgspec.structs.replace(b, count=3) if b.name == "foods" else b for b in task.state)
    other = msgspec.structs.replace(with_options(task, max_num_food=3), name="plant", state=foods)
    write(place / "plant", other, collect(other, 12, 0))
    found = checked(place, "plant")
    assert (found.decision, found.reasons[0].code) == ("retire", "layout")
    assert "the new state has 17 fields; the kernel reads 14: the layouts part at " in found.reasons[0].message
    assert "agents[0].x" not in found.reasons[0].message


def test_other_observations_warn_since_the_score_cannot_be_compared(place: Path, task: TaskSpec) -> None:
    batch = collect(task, 30, 1)
    write(place / "sight", task, replace(batch, obs=batch.obs[..., :-1]))
    found = checked(place, "sight")
    assert found.decision == "warn"
    assert [(r.code, r.field) for r in found.reasons] == [("layout", "obs")]
    assert found.shift is None


def test_few_episodes_that_no_fit_can_explain_do_not_retire_a_kernel(
    place: Path, task: TaskSpec, tmp_path: Path
) -> None:
    """Out of fold, 30 episodes are explained worse by any weights that vary than by equal ones; on the reference it is no different."""
    graph = by_noise(task)
    deploy(tmp_path / "kernel.safetensors", graph, task)
    write(tmp_path / "new", task, collect(task, 30, 1))
    found = recheck(tmp_path / "kernel.safetensors", tmp_path / "new", reference=place / "reference")
    assert found.gain is not None
    assert found.gain.high < 0
    assert (found.decision, found.reasons) == ("keep", ())


def test_a_kernel_that_was_good_and_now_explains_less_than_equal_weights_is_retired(
    task: TaskSpec, tmp_path: Path
) -> None:
    """In the reference only agent 0 earns anything, in the new data only agent 1 does."""
    deploy(tmp_path / "kernel.safetensors", mostly_first(task), task)
    batch = collect(task, 200, 0)
    rng = np.random.default_rng(0)
    for agent, name in enumerate(("reference", "new")):
        earned = np.where(batch.valid, batch.obs[:, :-1, agent, 0] * (batch.actions[..., agent] < 3), 0.0)
        write(
            tmp_path / name,
            task,
            replace(batch, reward=(earned + 0.1 * rng.random(earned.shape) * batch.valid).astype(np.float32)),
        )
    found = recheck(tmp_path / "kernel.safetensors", tmp_path / "new", reference=tmp_path / "reference")
    assert found.reference_gain is not None
    assert found.reference_gain.low > 0
    assert found.decision == "retire"
    assert [r.code for r in found.reasons] == ["score"]
    assert "now it explains less than they do" in found.reasons[0].message


def test_a_kernel_of_another_taskspec_is_an_error(place: Path, task: TaskSpec) -> None:
    changed = msgspec.structs.replace(task, gamma=0.5)
    with pytest.raises(InputError, match="with another TaskSpec"):
        recheck(place / "kernel.safetensors", place / "reference", task=changed)


def batch_reached(batch) -> np.ndarray:
    """bool [E, T + 1, 1]: rows that an episode came to."""
    return np.concatenate([np.ones_like(batch.valid[:, :1]), batch.valid], axis=1)[..., None]
