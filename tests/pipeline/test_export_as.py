from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.kernels.build import manifest_for
from tfcaf_forge import load_task
from tfcaf_forge.errors import InputError, KernelError
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels import save_kernel
from tfcaf_forge.kernels.emit.compare import compare
from tfcaf_forge.kernels.emit.files import SUFFIXES
from tfcaf_forge.pipeline.export_as import export_as
from tfcaf_forge.records.task_spec import TaskSpec

TASK = load_task("lbf-8x8-2p-2f-coop")


def shares(task: TaskSpec) -> OpGraph:
    """q . softmax(-distance of each agent to the first food)."""
    nodes = (
        Node("slice.Tensor", (Ref(1), 1, 0, 6, 3)),
        Node("slice.Tensor", (Ref(1), 1, 6, 7, 1)),
        Node("sub.Tensor", (Ref(2), Ref(3), 1)),
        Node("abs", (Ref(4),)),
        Node("neg", (Ref(5),)),
        Node("_softmax", (Ref(6), -1, False)),
        Node("mul.Tensor", (Ref(0), Ref(7))),
        Node("sum.dim_IntList", (Ref(8), (1,), True, None)),
    )
    graph = OpGraph(task.n_agents, task.state_size, nodes, Ref(len(nodes) + 1))
    return canonical(graph, verify(graph))[0]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import msgspec

    graph = shares(TASK)
    manifest = msgspec.structs.replace(
        manifest_for(graph, q_scale=2.0), task=TASK.name, task_digest=TASK.digest, layout=TASK.names
    )
    path = tmp_path_factory.mktemp("kernel") / "kernel.safetensors"
    save_kernel(path, graph, manifest)
    return path


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_format_agrees_with_the_kernel_on_ten_thousand_inputs_with_corners(
    kernel: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / f"made{SUFFIXES[kind]}"  # pyright: ignore[reportArgumentType]
    made = export_as(kernel, kind, out)  # pyright: ignore[reportArgumentType]
    assert made.rows == 10_000
    assert made.max_ulp <= 16
    assert made.max_error < 2e-6
    assert json.loads(out.with_name(out.name + ".json").read_text())["max_ulp"] == made.max_ulp
    assert b"site-packages" not in out.read_bytes() if kind == "onnx" else out.stat().st_size > 500


def test_a_difference_is_refused_with_the_row() -> None:
    def function(local_q, state):
        return local_q.sum(1, keepdims=True)

    rows = np.ones((4, 2), np.float32), np.zeros((4, 3), np.float32)
    assert compare(function, function, *rows).same_rows == 4
    with pytest.raises(KernelError, match="differs from the kernel in 1 of 4 rows; row 2"):
        compare(function, lambda q, s: function(q, s) + np.array([[0], [0], [1e-3], [0]], np.float32), *rows)
    with pytest.raises(KernelError, match="differs"):
        compare(function, lambda q, s: function(q, s) * np.float32("nan"), *rows)


def test_a_kernel_of_an_unknown_or_changed_task_is_refused(kernel: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="made for another TaskSpec"):
        export_as(kernel, "numpy", tmp_path / "k.py", task="matrix-climbing")
    with pytest.raises(InputError, match="no format 'tflite'"):
        export_as(kernel, "tflite", tmp_path / "k")  # pyright: ignore[reportArgumentType]
