"""A kernel's file: one `.safetensors`, with the graph and the manifest as JSON beside the constants.

It holds no pickle, no source and no code. Reading it checks, in this order: the file's size, the metadata's seal
(SHA-256 over every part), the graph against the op table, the graph's digest against the manifest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from tfcaf_forge.errors import GraphError, InputError, KernelError
from tfcaf_forge.folders import writing
from tfcaf_forge.graph import canonical, codec, verify
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.interpret import constant
from tfcaf_forge.graph.opgraph import Data, Node, OpGraph, Special
from tfcaf_forge.kernels.kernel import Kernel
from tfcaf_forge.records.base import canonical_json, from_json
from tfcaf_forge.records.manifest import Manifest

FORMAT = "tfcaf-forge kernel 1"
MAX_FILE = 16 << 20
_KEYS = {"format", "graph", "manifest", "seal"}
_DTYPES = {torch.float32: "float", torch.int64: "int", torch.bool: "bool"}


def save_kernel(path: Path, graph: OpGraph, manifest: Manifest) -> str:
    """Write a kernel's file, all or nothing. The same graph and manifest give the same bytes.

    Args:
        path: where to; an existing file is replaced.
        graph: a canonical graph.
        manifest: its `graph_digest` must be the graph's.

    Returns:
        SHA-256 of the file.

    Raises:
        KernelError: graph and manifest do not belong together.
        InputError: the file cannot be written there.
    """
    _check_pair(graph, manifest)
    data = _to_bytes(graph, manifest)
    with writing(path):
        _replace(path, data)
    return hashlib.sha256(data).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside its place, then put it there."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_kernel(path: Path | str) -> Kernel:
    """Read and verify a kernel's file.

    Raises:
        KernelError: the file cannot be read, is none of ours, or was changed after it was written.
    """
    file = Path(path)
    graph, manifest = read_kernel(file)
    return Kernel(graph, manifest)


def read_kernel(path: Path) -> tuple[OpGraph, Manifest]:
    """The verified graph and the manifest of a kernel's file; errors as in `load_kernel`."""
    _check_file(path)
    metadata, tensors = _open(path)
    _check_seal(path, metadata, tensors)
    for key in ("graph", "manifest"):
        _check_json(path, key, metadata[key])
    try:
        manifest = from_json(metadata["manifest"], Manifest, what=f"{path}: manifest")
        graph = _with_constants(codec.decode(metadata["graph"].encode()), tensors)
        types = verify.verify(graph)
    except InputError as fault:
        raise KernelError(str(fault)) from None
    except GraphError as fault:
        raise KernelError(f"{path}: the graph breaks the rules ({fault.code}): {fault}") from None
    if canonical.canonical(graph, types)[0] != graph:
        raise KernelError(f"{path}: the graph is not in canonical form; export the kernel again")
    _check_pair(graph, manifest)
    return graph, manifest


def _check_file(path: Path) -> None:
    """A device or a pipe could be read for ever."""
    try:
        found = path.stat()
    except (OSError, ValueError) as fault:
        text = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise KernelError(f"cannot read {path}: {text}; give the path of a kernel.safetensors") from None
    if not stat.S_ISREG(found.st_mode):
        raise KernelError(f"{path} is not a regular file; give the path of a kernel.safetensors")
    if found.st_size > MAX_FILE:
        raise KernelError(f"{path} has {found.st_size} bytes; no kernel is larger than {MAX_FILE}")


def _check_json(path: Path, what: str, text: str) -> None:
    """Two readers must not see two things in one text, and none may fall over its depth."""

    def pairs(found: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in found}) != len(found):
            raise ValueError("a key stands twice")

    try:
        json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as fault:
        reason = "it nests too deeply" if isinstance(fault, RecursionError) else str(fault)
        raise KernelError(f"{path}: the {what} is not valid JSON: {reason}") from None


def _to_bytes(graph: OpGraph, manifest: Manifest) -> bytes:
    bare, tensors = _without_constants(graph)
    metadata = {
        "format": FORMAT,
        "graph": codec.encode(bare).decode(),
        "manifest": canonical_json(manifest).decode(),
    }
    return _ordered(save(tensors, {**metadata, "seal": _seal(metadata, tensors)}))


def _ordered(data: bytes) -> bytes:
    """The same file with the header's keys in order, which the library leaves to chance."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _seal(metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the format, graph, manifest, and every constant's name, type, shape and bytes."""
    digest = hashlib.sha256()
    for key in ("format", "graph", "manifest"):
        digest.update(json.dumps([key, metadata[key]]).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _open(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as fault:
        text = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
        raise KernelError(f"{path} is not a kernel's file, or it is damaged: {text}") from None
    if metadata.get("format") != FORMAT or set(metadata) != _KEYS:
        raise KernelError(f"{path} is not a kernel's file of this release ({FORMAT})")
    return metadata, tensors


def _check_seal(path: Path, metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
    if any(tensor.dtype not in _DTYPES for tensor in tensors.values()):
        raise KernelError(f"{path} holds a tensor of a type that no kernel has")
    if _seal(metadata, tensors) != metadata["seal"]:
        raise KernelError(
            f"{path} was changed after it was written: its contents do not match their seal; export the kernel again"
        )


def _check_pair(graph: OpGraph, manifest: Manifest) -> None:
    found = codec.digest(graph)
    if found != manifest.graph_digest:
        raise KernelError(
            f"the graph's digest is {found[:12]}…, the manifest says {manifest.graph_digest[:12]}…; they do not belong together"
        )
    sizes = (manifest.n_agents, manifest.state_size, len(manifest.layout))
    if sizes != (graph.n_agents, graph.state_size, graph.state_size) or manifest.affine != is_affine(graph):
        raise KernelError("the manifest describes another graph: agents, state fields or affinity differ")
    if not (math.isfinite(manifest.q_scale) and manifest.q_scale > 0):
        raise KernelError(f"the manifest scales local Q-values by {manifest.q_scale}; it must be positive and finite")


def _name(index: int) -> str:
    return f"constant.{index}"


def _without_constants(graph: OpGraph) -> tuple[OpGraph, dict[str, torch.Tensor]]:
    """The graph with empty constants, and their tensors."""
    tensors: dict[str, torch.Tensor] = {}
    nodes: list[Node] = []
    for index, node in enumerate(graph.nodes):
        data = node.args[0] if node.op == "const" else None
        if isinstance(data, Data):
            tensors[_name(index)] = constant(data, torch.float32, torch.device("cpu"))
            node = Node(node.op, (Data(data.dtype, data.shape, ()),), node.line)
        nodes.append(node)
    return msgspec.structs.replace(graph, nodes=tuple(nodes)), tensors


def _with_constants(graph: OpGraph, tensors: dict[str, torch.Tensor]) -> OpGraph:
    """The graph with its constants' numbers, every tensor used exactly once."""
    left = dict(tensors)
    nodes: list[Node] = []
    for index, node in enumerate(graph.nodes):
        data = node.args[0] if node.op == "const" and node.args else None
        if isinstance(data, Data):
            tensor = left.pop(_name(index), None)
            if (
                tensor is None
                or tuple(tensor.shape) != data.shape
                or _DTYPES[tensor.dtype] != data.dtype
                or data.values
            ):
                raise GraphError("constant", f"node {index}: its constant is missing or of another type", index)
            node = Node(node.op, (Data(data.dtype, data.shape, _values(tensor)),), node.line)
        nodes.append(node)
    if left:
        raise GraphError(
            "constant", f"the file holds tensors that the graph does not use: {', '.join(sorted(left))[:80]}"
        )
    return msgspec.structs.replace(graph, nodes=tuple(nodes))


def _values(tensor: torch.Tensor) -> tuple[Any, ...]:
    special = {float("inf"): "inf", float("-inf"): "-inf"}
    values: list[Any] = tensor.reshape(-1).tolist()
    return tuple(Special(special[v]) if isinstance(v, float) and v in special else v for v in values)
