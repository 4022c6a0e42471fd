"""The good functions in the dialects of emitted code, on ten thousand inputs of their tasks with corners."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.kernels.build import manifest_for
from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.emit.compare import compare
from tfcaf_forge.kernels.emit.files import kernel_function, source_function
from tfcaf_forge.kernels.emit.source import emit_source
from tfcaf_forge.kernels.kernel import Kernel
from tfcaf_forge.records.rejection import Rejection

GOOD = sorted((Path(__file__).parent / "good").glob("*.py"))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_function_computes_the_same_in_every_dialect(path, task_of, trace):
    task, traced = task_of(path), trace(path)
    assert not isinstance(traced, Rejection), str(traced)
    graph = canonical(traced.graph, verify(traced.graph))[0]
    manifest = msgspec.structs.replace(manifest_for(graph, q_scale=task.credit.q_scale), layout=task.names)
    kernel = kernel_function(Kernel(graph, manifest))
    rng = np.random.default_rng(0)
    inputs = sample_local_q(task, 10_000, rng), sample_states(task, 10_000, rng)
    for dialect in ("python", "numpy", "jax"):
        found = compare(kernel, source_function(emit_source(graph, manifest, dialect), dialect), *inputs)
        assert found.rows == 10_000
        assert dialect != "python" or found.same_rows == 10_000
