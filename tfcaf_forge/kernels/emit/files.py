"""A kernel in other formats, each as one file, and how to run such a file again."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import torch

from tfcaf_forge.errors import InputError, MissingExtra
from tfcaf_forge.folders import writing
from tfcaf_forge.kernels.emit.compare import Floats, Function
from tfcaf_forge.kernels.emit.source import Dialect, emit_source
from tfcaf_forge.kernels.kernel import Kernel

Format = Literal["torch-export", "onnx", "python", "numpy", "jax"]

SUFFIXES: dict[Format, str] = {
    "torch-export": ".pt2",
    "onnx": ".onnx",
    "python": "_torch.py",
    "numpy": "_numpy.py",
    "jax": "_jax.py",
}
"""How the files' names end."""

_ROWS = 3
"""Rows of the example that torch traces; the number of rows stays open."""


def write_format(kernel: Kernel, path: Path, kind: Format) -> None:
    """Write a kernel in a format.

    Raises:
        MissingExtra: the format's package is not installed.
        InputError: torch cannot express the graph in this format, or the file cannot be written there.
    """
    with writing(path):
        _write(kernel, path, kind)


def _write(kernel: Kernel, path: Path, kind: Format) -> None:
    if kind == "torch-export":
        torch.export.save(_exported(kernel), path)
    elif kind == "onnx":
        _write_onnx(kernel, path)
    else:
        path.write_text(emit_source(kernel.graph, kernel.manifest, kind), encoding="utf-8")


def read_format(path: Path, kind: Format) -> Function:
    """The function in a file that `write_format` has written; it runs that file's code.

    Raises:
        MissingExtra: the format's package is not installed.
    """
    if kind == "torch-export":
        module = torch.export.load(path).module()
        return lambda local_q, state: module(torch.from_numpy(local_q), torch.from_numpy(state)).numpy()
    if kind == "onnx":
        session: Any = _load("onnxruntime", "onnx").InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda local_q, state: session.run(None, {"local_q": local_q, "state": state})[0]
    return source_function(path.read_text(encoding="utf-8"), kind)


def source_function(source: str, dialect: Dialect) -> Function:
    """The function of emitted code, from and to NumPy.

    The code was made by `emit_source` from a verified graph: names of functions, of values, and numbers. No text of a
    candidate, a task or a manifest is in it but inside comments, which it cannot end.
    """
    if dialect == "jax":
        _load("jax", "jax")
    space: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(source, "<emitted>", "exec"), space)  # noqa: S102 - see above
    function = cast(Callable[[Any, Any], Any], space["q_tot"])
    if dialect == "python":
        return lambda local_q, state: function(torch.from_numpy(local_q), torch.from_numpy(state)).numpy()
    if dialect == "jax":
        import numpy as np

        jax: Any = import_module("jax")
        compiled = jax.jit(function)
        return lambda local_q, state: np.asarray(compiled(local_q, state))
    return function


def kernel_function(kernel: Kernel) -> Function:
    """The kernel, from and to NumPy."""

    def run(local_q: Floats, state: Floats) -> Floats:
        with torch.no_grad():
            return kernel(torch.from_numpy(local_q), torch.from_numpy(state)).numpy()

    return run


def _exported(kernel: Kernel) -> Any:  # noqa: ANN401 - torch.export.ExportedProgram
    rows = torch.export.Dim("rows", min=1)
    return torch.export.export(
        _evaluated(kernel), _example(kernel), dynamic_shapes=({0: rows}, {0: rows}), strict=False
    )


def _evaluated(kernel: Kernel) -> Kernel:
    """A kernel computes the same in both modes; torch's exporters warn of one."""
    return copy.deepcopy(kernel).eval()


def _example(kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(_ROWS, kernel.n_agents), torch.zeros(_ROWS, kernel.state_size)


def _write_onnx(kernel: Kernel, path: Path) -> None:
    """Through torch's exporter; what it notes of this machine (source lines, folders) is taken out."""
    onnx: Any = _load("onnx", "onnx")
    _load("onnxscript", "onnx")
    rows = torch.export.Dim("rows", min=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations, and that both inputs share their rows
            program = torch.onnx.export(
                _evaluated(kernel), _example(kernel), dynamo=True, verbose=False, input_names=["local_q", "state"],
                output_names=["q_tot"], dynamic_shapes=({0: rows}, {0: rows}),
            )  # fmt: skip
    except Exception as fault:
        if type(fault).__module__.partition(".")[0] != "torch":
            raise
        text = str(fault).strip().splitlines()[-1][:200]
        raise InputError(
            f"torch's ONNX exporter cannot express this graph: {text}; export it as python, numpy or jax"
        ) from None
    model: Any = cast(Any, program).model_proto
    for part in (model.graph, *model.functions):
        for node in part.node:
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
        for value in (*getattr(part, "value_info", ()), *getattr(part, "input", ()), *getattr(part, "output", ())):
            if not isinstance(value, str):
                value.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    manifest = kernel.manifest
    facts = {
        "task": manifest.task,
        "layout": "\n".join(manifest.layout),
        "graph": manifest.graph_digest,
        "evidence": manifest.evidence_digest,
    }
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _load(package: str, extra: str) -> Any:  # noqa: ANN401 - a module
    try:
        return import_module(package)
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] != package:
            raise
        raise MissingExtra(package, extra) from None
