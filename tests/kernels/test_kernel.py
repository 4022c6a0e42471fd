from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch

from tests.kernels.build import affine_graph, manifest_for, product_graph
from tfcaf_forge.errors import KernelError
from tfcaf_forge.kernels import load_kernel, save_kernel
from tfcaf_forge.kernels.kernel import Kernel


@pytest.fixture
def kernel() -> Kernel:
    graph = affine_graph()
    return Kernel(graph, manifest_for(graph, q_scale=2.0))


def inputs(*lead: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*lead, 2, generator=generator), torch.randn(*lead, 3, generator=generator)


def by_hand(local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """2 (q . softmax(state[:2])) + state[2]."""
    return (2.0 * local_q * torch.softmax(state[..., :2], -1)).sum(-1, keepdim=True) + state[..., 2:3]


@pytest.mark.parametrize("lead", [(1,), (5,), (4, 7), (2, 3, 5)])
def test_any_leading_sizes_give_the_function_computed_by_hand(kernel: Kernel, lead: tuple[int, ...]) -> None:
    local_q, state = inputs(*lead)
    torch.testing.assert_close(kernel(local_q, state), by_hand(local_q, state))


def test_credit_and_bias_depend_on_the_state_alone_and_make_up_q_tot(kernel: Kernel) -> None:
    local_q, state = inputs(4, 7)
    credit, bias = kernel.credit(state), kernel.bias(state)
    torch.testing.assert_close(credit, 2.0 * torch.softmax(state[..., :2], -1))
    torch.testing.assert_close(bias, state[..., 2:3])
    torch.testing.assert_close((credit * local_q).sum(-1, keepdim=True) + bias, kernel(local_q, state))
    assert not credit.requires_grad
    assert not bias.requires_grad


def test_credit_is_the_gradient(kernel: Kernel) -> None:
    local_q, state = inputs(6)
    local_q.requires_grad_(True)
    (gradient,) = torch.autograd.grad(kernel(local_q, state).sum(), local_q)
    torch.testing.assert_close(gradient, kernel.credit(state))


def test_credit_works_where_gradients_are_off(kernel: Kernel) -> None:
    _, state = inputs(3)
    with torch.no_grad():
        assert kernel.credit(state).shape == (3, 2)


def test_the_gradient_reaches_local_q_by_finite_differences(kernel: Kernel) -> None:
    local_q, state = (t.double() for t in inputs(3))
    assert torch.autograd.gradcheck(lambda q: kernel(q, state), (local_q.requires_grad_(True),))


def test_a_kernel_has_no_parameters_no_buffers_and_an_empty_state(kernel: Kernel) -> None:
    assert list(kernel.parameters()) == []
    assert list(kernel.buffers()) == []
    assert dict(kernel.state_dict()) == {}


def test_a_kernel_follows_its_inputs_type(kernel: Kernel) -> None:
    local_q, state = inputs(3)
    wide = kernel(local_q.double(), state.double())
    assert wide.dtype is torch.float64
    torch.testing.assert_close(wide.float(), kernel(local_q, state))


def test_a_copy_computes_the_same(kernel: Kernel) -> None:
    local_q, state = inputs(3)
    twin = copy.deepcopy(kernel)
    assert twin is not kernel
    torch.testing.assert_close(twin(local_q, state), kernel(local_q, state))


def test_pickling_is_refused_with_the_reason(kernel: Kernel) -> None:
    with pytest.raises(KernelError, match="loading a pickle runs code"):
        pickle.dumps(kernel)
    with pytest.raises(KernelError, match="loading a pickle runs code"):
        torch.save(kernel, io.BytesIO())


def test_wrong_sizes_are_refused_by_name(kernel: Kernel) -> None:
    with pytest.raises(KernelError, match=r"local_q has shape \(4, 3\); the last size must be 2"):
        kernel(torch.zeros(4, 3), torch.zeros(4, 3))
    with pytest.raises(KernelError, match="state has shape"):
        kernel(torch.zeros(4, 2), torch.zeros(4, 2))
    with pytest.raises(KernelError, match="different rows"):
        kernel(torch.zeros(4, 2), torch.zeros(5, 3))


def test_credit_is_refused_where_q_tot_is_not_affine() -> None:
    graph = product_graph()
    kernel = Kernel(graph, manifest_for(graph))
    assert not kernel.affine
    with pytest.raises(KernelError, match="exists only where Q_tot is affine"):
        kernel.credit(torch.zeros(1, 3))
    assert kernel(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 3)).item() == 12.0


def test_a_compiled_kernel_computes_the_same(kernel: Kernel) -> None:
    compiled = torch.compile(kernel, backend="aot_eager", fullgraph=True)
    for rows in (3, 8):
        local_q, state = inputs(rows)
        torch.testing.assert_close(compiled(local_q, state), kernel(local_q, state))


def test_a_saved_kernel_loads_and_computes_the_same(kernel: Kernel, tmp_path: Path) -> None:
    path = tmp_path / "kernel.safetensors"
    sha256 = save_kernel(path, kernel.graph, kernel.manifest)
    again = load_kernel(path)
    local_q, state = inputs(5)
    assert torch.equal(again(local_q, state), kernel(local_q, state))
    assert again.manifest == kernel.manifest
    assert save_kernel(tmp_path / "twin.safetensors", kernel.graph, kernel.manifest) == sha256


def test_graph_and_manifest_must_belong_together(kernel: Kernel, tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="do not belong together"):
        save_kernel(tmp_path / "k.safetensors", product_graph(), kernel.manifest)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("position", [40, 400, -40, -4])
def test_a_changed_byte_is_refused(kernel: Kernel, tmp_path: Path, position: int) -> None:
    path = tmp_path / "kernel.safetensors"
    save_kernel(path, kernel.graph, kernel.manifest)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(KernelError):
        load_kernel(path)


def test_an_edited_verdict_is_refused(kernel: Kernel, tmp_path: Path) -> None:
    path = tmp_path / "kernel.safetensors"
    save_kernel(path, kernel.graph, kernel.manifest)
    data = path.read_bytes()
    assert data.count(b"TESTED") == 1
    path.write_bytes(data.replace(b"TESTED", b"PROVED"))
    with pytest.raises(KernelError, match="changed after it was written"):
        load_kernel(path)


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="cannot read"):
        load_kernel(tmp_path / "none.safetensors")
    other = tmp_path / "other.safetensors"
    other.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(KernelError, match="not a kernel's file"):
        load_kernel(other)
