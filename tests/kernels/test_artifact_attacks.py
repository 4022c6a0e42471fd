"""Kernel files from an enemy: each is refused with a typed error, and nothing of it runs."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from tests.kernels.build import affine_graph, manifest_for
from tfcaf_forge.errors import ForgeError, KernelError
from tfcaf_forge.graph import codec
from tfcaf_forge.kernels import artifact
from tfcaf_forge.kernels.artifact import load_kernel, save_kernel

CONSTANT = "constant.0"
Parts = tuple[dict[str, str], dict[str, torch.Tensor]]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    graph = affine_graph()
    path = tmp_path / "kernel.safetensors"
    save_kernel(path, graph, manifest_for(graph))
    return path


def test_the_file_that_is_attacked_loads(good: Path) -> None:
    assert load_kernel(good).n_agents == 2


def parts_of(path: Path) -> Parts:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def constant_of(tensors: dict[str, torch.Tensor]) -> str:
    (name,) = tensors
    return name


def sealed(path: Path, change: Callable[[dict[str, str], dict[str, torch.Tensor]], None]) -> None:
    """Change the contents and seal them anew: the seal is no secret, and is not what stops these."""
    metadata, tensors = parts_of(path)
    change(metadata, tensors)
    metadata["seal"] = artifact._seal(metadata, tensors)
    path.write_bytes(save(tensors, metadata))


def edit_graph(change: Callable[[dict[str, Any]], None]) -> Callable[[Any, Any], None]:
    def edit(metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
        graph = json.loads(metadata["graph"])
        change(graph)
        metadata["graph"] = json.dumps(graph, separators=(",", ":"))

    return edit


def edit_manifest(**new: Any) -> Callable[[Any, Any], None]:
    def edit(metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
        metadata["manifest"] = json.dumps({**json.loads(metadata["manifest"]), **new}, separators=(",", ":"))

    return edit


def replace(key: str, text: str) -> Callable[[Any, Any], None]:
    return lambda metadata, tensors: metadata.update({key: text})


def set_node(index: int, key: str, value: Any) -> Callable[[Any, Any], None]:
    return edit_graph(lambda graph: graph["nodes"][index].update({key: value}))


def set_argument(index: int, at: int, value: Any) -> Callable[[Any, Any], None]:
    return edit_graph(lambda graph: graph["nodes"][index]["args"].__setitem__(at, value))


def set_tensor(value: torch.Tensor) -> Callable[[Any, Any], None]:
    return lambda metadata, tensors: tensors.update({constant_of(tensors): value})


def rename_tensor(name: str) -> Callable[[Any, Any], None]:
    return lambda metadata, tensors: tensors.update({name: tensors.pop(constant_of(tensors))})


def both(*changes: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def change(metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
        for each in changes:
            each(metadata, tensors)

    return change


def insert_first(node: dict[str, Any]) -> Callable[[Any, Any], None]:
    return edit_graph(lambda graph: graph["nodes"].insert(0, node))


RESEALED: dict[str, Callable[[Any, Any], None]] = {
    "edited-constant": set_tensor(torch.tensor([9.0, 9.0])),
    "constant-is-nan": set_tensor(torch.tensor([float("nan"), 1.0])),
    "constant-of-another-type": set_tensor(torch.tensor([1, 1])),
    "constant-of-another-shape": set_tensor(torch.ones(3)),
    "constant-in-double": set_tensor(torch.ones(2, dtype=torch.float64)),
    "constant-of-bytes": set_tensor(torch.ones(2, dtype=torch.uint8)),
    "constant-is-missing": lambda metadata, tensors: tensors.clear(),
    "tensor-too-many": lambda metadata, tensors: tensors.update({"constant.99": torch.ones(1)}),
    "path-in-a-name": rename_tensor("../../../etc/passwd"),
    "code-in-a-name": rename_tensor("__import__('os').system('id')"),
    "op-outside-the-table": set_node(2, "op", "set_"),
    "op-is-a-module": set_node(2, "op", "__class__.__init__"),
    "op-removed": edit_graph(lambda graph: graph["nodes"].pop()),
    "dangling-node": set_argument(2, 0, {"is": "value", "id": 500, "out": 0}),
    "forward-reference": set_argument(2, 0, {"is": "value", "id": 8, "out": 0}),
    "dangling-output": edit_graph(lambda graph: graph["output"].update(id=99)),
    "output-of-another-shape": edit_graph(lambda graph: graph["output"].update(id=0)),
    "dead-node": insert_first({"op": "abs", "args": [{"is": "value", "id": 0}], "line": None}),
    "huge-shape": set_argument(1, 0, {"is": "data", "dtype": "float", "shape": [2**40, 2**40], "values": []}),
    "other-agents": edit_graph(lambda graph: graph.update(n_agents=7)),
    "other-version": edit_graph(lambda graph: graph.update(version=9)),
    "unknown-field": edit_graph(lambda graph: graph.update(code="import os")),
    "stale-digest": edit_manifest(graph_digest="0" * 64),
    "manifest-of-other-agents": edit_manifest(n_agents=3),
    "manifest-of-another-layout": edit_manifest(layout=["a"]),
    "manifest-says-not-affine": edit_manifest(affine=False),
    "manifest-scale-of-zero": edit_manifest(q_scale=0.0),
    "manifest-scale-below-zero": edit_manifest(q_scale=-1.0),
    "manifest-unknown-key": edit_manifest(run="me"),
    "manifest-of-another-type": edit_manifest(verdicts="PROVED"),
    "manifest-is-a-list": replace("manifest", "[]"),
    "manifest-is-empty": replace("manifest", ""),
    "manifest-with-nan": replace("manifest", '{"q_scale": NaN}'),
    "graph-is-a-pickle": replace("graph", "cos\nsystem\n(S'id'\ntR."),
    "graph-json-bomb": replace("graph", "[" * 200_000),
    "manifest-json-bomb": replace("manifest", '{"a":' * 200_000),
    "graph-of-half-characters": replace("graph", '{"\\ud800": 1}'),
    "other-format": replace("format", "tfcaf-forge kernel 2"),
    "extra-metadata": replace("code", "import os"),
}


@pytest.mark.parametrize("name", RESEALED)
def test_a_changed_file_with_a_new_seal_is_refused(name: str, good: Path) -> None:
    sealed(good, RESEALED[name])
    with pytest.raises(KernelError) as caught:
        load_kernel(good)
    assert str(caught.value).isprintable()


def test_doubled_keys_are_refused(good: Path) -> None:
    metadata, _ = parts_of(good)
    doubled = metadata["manifest"].replace('"n_agents":', '"n_agents":9,"n_agents":', 1)
    sealed(good, replace("manifest", doubled))
    with pytest.raises(KernelError, match="a key stands twice"):
        load_kernel(good)


def test_an_edited_verdict_without_a_new_seal_is_refused(good: Path) -> None:
    data = good.read_bytes()
    good.write_bytes(data.replace(b"TESTED", b"PROVED"))
    with pytest.raises(KernelError, match="changed after it was written"):
        load_kernel(good)


def test_a_seal_is_no_signature(good: Path) -> None:
    """Who can write the file can write a new seal. What a kernel computes is checked; who vouches for it is not."""
    verdicts = json.loads(parts_of(good)[0]["manifest"])["verdicts"]
    sealed(good, edit_manifest(verdicts=[{**verdict, "status": "PROVED"} for verdict in verdicts]))
    assert load_kernel(good).manifest.verdicts[0].status == "PROVED"


def test_any_flipped_bit_is_refused(good: Path) -> None:
    data = good.read_bytes()
    for position in range(0, len(data), 7):
        good.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(KernelError):
            load_kernel(good)


def test_any_truncation_is_refused(good: Path) -> None:
    data = good.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1):
        good.write_bytes(data[:length])
        with pytest.raises(KernelError):
            load_kernel(good)


def test_trailing_bytes_are_refused(good: Path) -> None:
    good.write_bytes(good.read_bytes() + b"\0" * 64)
    with pytest.raises(KernelError):
        load_kernel(good)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/pwned-by-a-pickle",)


def test_a_renamed_pickle_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "kernel.safetensors"
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(KernelError):
        load_kernel(path)
    torch.save({"kernel": _Bomb()}, path)
    with pytest.raises(KernelError):
        load_kernel(path)
    assert not Path("/tmp/pwned-by-a-pickle").exists()


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "kernel.safetensors"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data", b"0" * (50 << 20))
    with pytest.raises(KernelError):
        load_kernel(path)


@pytest.mark.parametrize("length", [2**63, 2**40, 100_000_001, 2**64 - 1])
def test_a_giant_header_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "kernel.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with pytest.raises(KernelError):
        load_kernel(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "kernel.safetensors"
    with path.open("wb") as file:
        file.truncate(artifact.MAX_FILE + 1)
    with pytest.raises(KernelError, match="no kernel is larger"):
        load_kernel(path)


def test_offsets_outside_the_file_are_refused(good: Path) -> None:
    data = good.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name = next(key for key in header if key != "__metadata__")
    header[name]["data_offsets"] = [0, 2**40]
    text = json.dumps(header).encode()
    good.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(KernelError):
        load_kernel(good)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to("/dev/zero")
    for path in (pipe, link, tmp_path, Path("/dev/null"), tmp_path / "missing"):
        with pytest.raises(KernelError):
            load_kernel(path)


def test_a_link_to_a_kernel_is_a_kernel(good: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to(good)
    assert load_kernel(link).n_agents == 2


@pytest.mark.parametrize("name", ["", "a\0b", "a" * 5000])
def test_an_odd_path_is_a_typed_error(name: str) -> None:
    with pytest.raises(ForgeError):
        load_kernel(name)


def test_a_graph_that_would_exhaust_memory_is_refused(good: Path) -> None:
    def bomb(graph: dict[str, Any]) -> None:
        batch = {"is": "batch", "factor": 1}
        graph["nodes"] = [{"op": "zeros", "args": [[batch] * 8, None], "line": None}, *graph["nodes"]]

    sealed(good, edit_graph(bomb))
    with pytest.raises(KernelError):
        load_kernel(good)


def test_the_digest_tells_numbers_of_one_value_apart() -> None:
    """1, 1.0, True and -0.0 are different arguments; merging them would merge different functions."""
    graph = affine_graph()
    digests = set()
    for alpha in (1, 1.0, True, 0.0, -0.0, 0, False):
        nodes = (*graph.nodes[:-1], msgspec.structs.replace(graph.nodes[-1], args=(*graph.nodes[-1].args[:2], alpha)))
        digests.add(codec.digest(msgspec.structs.replace(graph, nodes=nodes)))
    assert len(digests) == 7
