"""A GRU over packed episodes that is quick on a CPU: few large products, a short loop over time, its own backward pass.

The inputs' projection and all gradients of weights are one product each for all steps at once. The loop holds what
depends on the step before and nothing else. Gates as in `torch.nn.GRU` (Cho et al., 2014, with the reset gate applied
after the product):

    r = sigmoid(x_r + W_r h + b_r),  z = sigmoid(x_z + W_z h + b_z)
    n = tanh(x_n + r * (W_n h + b_n)),  h' = n + z * (h - n)

torch's sigmoid is five times as quick as its tanh, so n is 2 sigmoid(2u) - 1, with the 2 inside the weights (exact in
floating point). On other devices torch's own kernels are quicker, and are used (`agents.AgentNetwork`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor


def packed_gru(x: Tensor, weights: Sequence[Tensor], sizes: list[int]) -> Tensor:
    """Hidden states of all rows from zeros at the first step.

    Args:
        x: float32 [M, I].
        weights: as in `torch.nn.GRU`: of the input [3H, I] and of the hidden state [3H, H], then their biases [3H]; gates
            in the order r, z, n.
        sizes: rows of each step, non-increasing; a row's successor stands at its place in the next step.

    Returns:
        float32 [M, H], differentiable in x and the weights.
    """
    return cast("Tensor", _PackedGRU.apply(x, *weights, sizes))


class _PackedGRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight_x: Tensor,
        weight_h: Tensor,
        bias_x: Tensor,
        bias_h: Tensor,
        sizes: list[int],
    ) -> Tensor:
        rows, h = x.shape[0], weight_h.shape[1]
        # A row becomes r, z, 2 (W_n h + b_n), 2 x_n. It is filled with what does not depend on the state before, so that
        # a step is one product added in place to the first three.
        gates = x.new_empty(rows, 4 * h)
        rz, inner, x_n = gates.split([2 * h, h, h], dim=1)
        torch.addmm(bias_x[: 2 * h] + bias_h[: 2 * h], x, weight_x[: 2 * h].t(), out=rz)
        torch.addmm(bias_x[2 * h :] * 2.0, x, weight_x[2 * h :].t(), alpha=2.0, out=x_n)
        inner.copy_(bias_h[2 * h :] * 2.0)
        transposed = weight_h.t().clone(memory_format=torch.contiguous_format)  # for H = 1 `contiguous` is no copy
        transposed[:, 2 * h :] *= 2.0
        n, out = x.new_empty(rows, h), x.new_empty(rows, h)
        hidden, minus_one = x.new_zeros(sizes[0], h), torch.tensor(-1.0)
        linear, r, z = gates[:, : 3 * h], rz[:, :h], rz[:, h:]
        parts = (part.split(sizes) for part in (linear, rz, r, z, inner, x_n, n, out))
        for linear_t, rz_t, r_t, z_t, inner_t, x_t, n_t, out_t in zip(*parts, strict=True):
            before = hidden[: len(out_t)]
            linear_t.addmm_(before, transposed)
            rz_t.sigmoid_()
            torch.addcmul(x_t, r_t, inner_t, out=n_t).sigmoid_()
            torch.add(minus_one, n_t, alpha=2.0, out=n_t)
            hidden = torch.lerp(n_t, before, z_t, out=out_t)
        ctx.save_for_backward(x, weight_x, weight_h, gates, n, out)
        ctx.sizes = sizes
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight_x, weight_h, gates, n, out = ctx.saved_tensors
        sizes, h = ctx.sizes, weight_h.shape[1]
        r, z, inner, _ = gates.split(h, dim=1)
        before = _before(out, sizes)
        # How the input of each gate moves h', for all steps at once; the loop only multiplies by the gradient of h'.
        through_n = _tanh_backward(1.0 - z, n)
        factors = n.new_empty(len(n), 3 * h)
        by_r, by_z, by_inner = factors.split(h, dim=1)
        _sigmoid_backward(torch.mul(through_n, inner, out=by_r).mul_(0.5), r)
        _sigmoid_backward(torch.sub(before, n, out=by_z), z)
        torch.mul(through_n, r, out=by_inner)
        total = grads[0].clone()  # becomes dL/dh' including what comes back from later steps
        parts = [part.split(sizes) for part in (total, factors.view(-1, 3, h), factors, z)]
        for t in reversed(range(len(sizes))):
            total_t, factors_t, flat_t, z_t = (part[t] for part in parts)
            factors_t.mul_(total_t.unsqueeze(1))
            if t:
                back = parts[0][t - 1][: len(total_t)]
                back.addcmul_(total_t, z_t).addmm_(flat_t, weight_h)
        d_weight_h, d_bias_h = factors.t() @ before, factors.sum(dim=0)
        # The loop kept what reaches W_n h + b_n; the input of n is reached without the factor r.
        torch.mul(through_n, total, out=by_inner)
        return factors @ weight_x, factors.t() @ x, d_weight_h, factors.sum(dim=0), d_bias_h, None


def _tanh_backward(gradient: Tensor, result: Tensor) -> Tensor:
    """gradient * (1 - result^2), in place."""
    return torch.ops.aten.tanh_backward.grad_input(gradient, result, grad_input=gradient)


def _sigmoid_backward(gradient: Tensor, result: Tensor) -> Tensor:
    """gradient * result * (1 - result), in place."""
    return torch.ops.aten.sigmoid_backward.grad_input(gradient, result, grad_input=gradient)


def _before(out: Tensor, sizes: list[int]) -> Tensor:
    """The hidden state before each row's: zeros at the first step, else that of the same place one step earlier."""
    parts = out.split(sizes)
    return torch.cat([torch.zeros_like(parts[0]), *(part[:size] for part, size in zip(parts, sizes[1:], strict=False))])
