"""A GRU over packed episodes that is quick on a CPU: few large products, a short loop over time, its own backward pass.

The inputs' projection and all gradients of weights are one product each for all steps at once. The loop holds what
depends on the step before and nothing else. Gates as in `torch.nn.GRU` (Cho et al., 2014, with the reset gate applied
after the product):

    r = sigmoid(x_r + W_r h + b_r),  z = sigmoid(x_z + W_z h + b_z)
    n = tanh(x_n + r * (W_n h + b_n)),  h' = n + z * (h - n)

On other devices torch's own kernels are quicker, and are used (`agents.AgentNetwork`).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


def packed_gru(projected: Tensor, weight: Tensor, bias: Tensor, sizes: list[int]) -> Tensor:
    """Hidden states of all rows from zeros at the first step.

    Args:
        projected: float32 [M, 3H], the inputs times the input weights plus their bias, gates in the order r, z, n.
        weight, bias: float32 [3H, H] and [3H], of the hidden state.
        sizes: rows of each step, non-increasing; a row's successor stands at its place in the next step.

    Returns:
        float32 [M, H], differentiable in projected, weight and bias.
    """
    return cast("Tensor", _PackedGRU.apply(projected, weight, bias, sizes))


class _PackedGRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, weight: Tensor, bias: Tensor, sizes: list[int]) -> Tensor:  # noqa: ANN401
        rows, h = projected.shape[0], weight.shape[1]
        transposed = weight.t().contiguous()
        # Filled with what does not depend on the state before, so that a step is one product added in place:
        # x_r + b_r, x_z + b_z, b_n become r, z, W_n h + b_n.
        gates = bias.repeat(rows, 1)
        gates[:, : 2 * h] += projected[:, : 2 * h]
        x_n = projected[:, 2 * h :]
        n, out = projected.new_empty(rows, h), projected.new_empty(rows, h)
        hidden = projected.new_zeros(sizes[0], h)
        rz, r, z, inner = gates[:, : 2 * h], gates[:, :h], gates[:, h : 2 * h], gates[:, 2 * h :]
        parts = (x.split(sizes) for x in (gates, rz, r, z, inner, x_n, n, out))
        for gates_t, rz_t, r_t, z_t, inner_t, x_t, n_t, out_t in zip(*parts, strict=True):
            before = hidden[: len(out_t)]
            gates_t.addmm_(before, transposed)
            rz_t.sigmoid_()
            torch.addcmul(x_t, r_t, inner_t, out=n_t).tanh_()
            hidden = torch.lerp(n_t, before, z_t, out=out_t)
        ctx.save_for_backward(weight, gates, n, out)
        ctx.sizes = sizes
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # noqa: ANN401
        weight, kept, n, out = ctx.saved_tensors
        sizes, h = ctx.sizes, weight.shape[1]
        r, z, inner = kept.split(h, dim=1)
        before = _before(out, sizes)
        # How each gate's input moves h', for all steps at once; the loop only multiplies by the gradient of h'.
        through_n = (1.0 - z).mul_(torch.addcmul(torch.ones_like(n), n, n, value=-1.0))
        factors = n.new_empty(len(n), 3, h)
        torch.mul(through_n, inner, out=factors[:, 0]).mul_(r).mul_(1.0 - r)
        torch.mul(before - n, z, out=factors[:, 1]).mul_(1.0 - z)
        torch.mul(through_n, r, out=factors[:, 2])
        total = grads[0].clone()  # becomes dL/dh' including what comes back from later steps
        gates = torch.empty_like(factors)
        parts = [x.split(sizes) for x in (total, factors, gates, gates.view(-1, 3 * h), z)]
        for t in reversed(range(len(sizes))):
            total_t, factors_t, gates_t, flat_t, z_t = (part[t] for part in parts)
            torch.mul(factors_t, total_t.unsqueeze(1), out=gates_t)
            if t:
                back = parts[0][t - 1][: len(total_t)]
                back.addcmul_(total_t, z_t).addmm_(flat_t, weight)
        flat = gates.view(-1, 3 * h)
        d_weight, d_bias = flat.t() @ before, flat.sum(dim=0)
        # The loop kept what reaches W_n h + b_n; the input of n is reached without the factor r.
        torch.mul(through_n, total, out=gates[:, 2])
        return flat, d_weight, d_bias, None


def _before(out: Tensor, sizes: list[int]) -> Tensor:
    """The hidden state before each row's: zeros at the first step, else that of the same place one step earlier."""
    parts = out.split(sizes)
    return torch.cat([torch.zeros_like(parts[0]), *(part[:size] for part, size in zip(parts, sizes[1:], strict=False))])
