"""Export in another format, held against the kernel on drawn and corner inputs of the task."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfcaf_forge.errors import InputError, KernelError
from tfcaf_forge.folders import writing
from tfcaf_forge.pipeline.export import accepted_graph, manifest_of, winner_of
from tfcaf_forge.pipeline.tasks import load_task, task_names
from tfcaf_forge.records.base import Record, canonical_json
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.store import Store

if TYPE_CHECKING:
    from tfcaf_forge.kernels.emit.compare import Agreement
    from tfcaf_forge.kernels.emit.files import Format
    from tfcaf_forge.kernels.kernel import Kernel

ROWS = 10_000


class ExportedAs(Record, frozen=True, kw_only=True):
    """A file in another format, and how far it is from the kernel. It is written beside the file as JSON.

    Attributes:
        path, sha256: the file.
        format: its format.
        task, graph_digest: what it computes.
        rows, same_rows, max_ulp, max_error: as in `kernels.emit.compare.Agreement`.
    """

    path: str
    sha256: str
    format: str
    task: str
    graph_digest: str
    rows: int
    same_rows: int
    max_ulp: int
    max_error: float


def export_as(
    source: Path,
    kind: Format,
    out: Path | None = None,
    *,
    candidate: int | None = None,
    task: str | Path | TaskSpec | None = None,
    rows: int = ROWS,
    seed: int = 0,
) -> ExportedAs:
    """Write a kernel in another format and compare it with the kernel; nothing is left if they differ beyond its tolerance.

    Args:
        source: a run's folder, or a kernel's file.
        kind: `torch-export`, `onnx`, `python` (torch code), `numpy` or `jax`.
        out: the file; `kernel-ID` or the kernel's name with the format's ending, in the current folder, if None.
        candidate: of a run; the winner if None.
        task: of a kernel's file, if it is not a bundled one.
        rows: inputs to compare on, corners among them.
        seed: of the inputs.

    Raises:
        KernelError: the kernel's file was changed, or the export computes something else.
        InputError: there is no such run or candidate, the task is not the kernel's, or the file cannot be written there.
        MissingExtra: the format's package is not installed.
    """
    from tfcaf_forge.kernels.emit.files import SUFFIXES, write_format

    if kind not in SUFFIXES:
        raise InputError(f"there is no format {kind!r}; choose one of safetensors, {', '.join(SUFFIXES)}")
    kernel, spec, stem = _read(source, candidate, task)
    path = out or Path(f"{stem}{SUFFIXES[kind]}")
    write_format(kernel, path, kind)
    try:
        found = _compared(kernel, path, kind, spec, rows, seed)
    except KernelError:
        path.unlink()
        raise
    made = ExportedAs(
        path=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        format=kind,
        task=spec.name,
        graph_digest=kernel.manifest.graph_digest,
        rows=found.rows,
        same_rows=found.same_rows,
        max_ulp=found.max_ulp,
        max_error=found.max_error,
    )
    beside = path.with_name(path.name + ".json")
    with writing(beside):
        beside.write_bytes(canonical_json(made) + b"\n")
    return made


def _compared(kernel: Kernel, path: Path, kind: Format, task: TaskSpec, rows: int, seed: int) -> Agreement:
    from tfcaf_forge.evidence.domain import sample_local_q, sample_states
    from tfcaf_forge.kernels.emit.compare import compare
    from tfcaf_forge.kernels.emit.files import kernel_function, read_format

    rng = np.random.default_rng(seed)
    local_q, state = sample_local_q(task, rows, rng), sample_states(task, rows, rng)
    return compare(kernel_function(kernel), read_format(path, kind), local_q, state)


def _read(source: Path, candidate: int | None, task: str | Path | TaskSpec | None) -> tuple[Kernel, TaskSpec, str]:
    """The kernel, its task, and how to name a file of it."""
    from tfcaf_forge.kernels.artifact import load_kernel
    from tfcaf_forge.kernels.kernel import Kernel

    if not source.is_dir():
        kernel = load_kernel(source)
        return kernel, _task_of(kernel.manifest, task), source.stem
    with Store(source, write=False) as store:
        number = candidate if candidate is not None else winner_of(store)
        spec = store.read("task", TaskSpec)
        manifest = manifest_of(store, number)
        graph = accepted_graph(store, number)
    assert spec is not None  # noqa: S101 - `manifest_of` has read it
    return Kernel(graph, manifest), spec, f"kernel-{number}"


def _task_of(manifest: Manifest, task: str | Path | TaskSpec | None) -> TaskSpec:
    """The task that a kernel's manifest names."""
    if task is None and manifest.task not in task_names():
        raise InputError(
            f"the kernel's task {manifest.task} is not bundled; give its TaskSpec with --task, or the run's folder"
        )
    spec = load_task(manifest.task if task is None else task)
    if spec.digest != manifest.task_digest:
        raise InputError(f"the kernel was made for another TaskSpec than {spec.name} is now; give that one with --task")
    return spec
