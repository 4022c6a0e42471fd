"""Conformance: does a trainer compute with a kernel what the kernel computes? For whoever writes a trainer.

`check_kernel` runs the host's mixer next to the kernel on drawn inputs and names what differs, in the spirit of
PettingZoo's API test. It knows nothing of any host: a mixer is whatever can be called with local Q-values and a state.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from tfcaf_forge.errors import InputError, KernelError
from tfcaf_forge.kernels.layout import match_layout
from tfcaf_forge.records.base import Plain

TOLERANCE = 1e-6
"""Largest difference of Q_tot and credit, relative to the largest magnitude in its row; a few float32 roundings."""


class KernelLike(Protocol):
    """What is checked against: a `Kernel`, or something that behaves like one."""

    n_agents: int
    state_size: int

    def __call__(self, local_q: Tensor, state: Tensor) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        ...


Call = Callable[[Any, Tensor, Tensor], Tensor]
"""How a host calls its mixer: (mixer, local_q [..., N], state [..., S]) -> [..., 1]."""


class Check(Plain, frozen=True, kw_only=True):
    """One thing that a host must get right.

    Attributes:
        id: short name.
        passed: whether it holds.
        detail: what was found, and what to do about it; empty if it holds.
    """

    id: str
    passed: bool
    detail: str = ""


class Conformance(Plain, frozen=True, kw_only=True):
    """What `check_kernel` found."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """Ids of what does not hold."""
        return tuple(check.id for check in self.checks if not check.passed)

    def require(self) -> None:
        """Raise if anything does not hold.

        Raises:
            KernelError: names every failed check.
        """
        if not self.passed:
            lines = [f"  {check.id}: {check.detail}" for check in self.checks if not check.passed]
            raise KernelError("the mixer does not compute what the kernel computes:\n" + "\n".join(lines))


def check_kernel(
    kernel: KernelLike,
    mixer_like: Any = None,  # noqa: ANN401 - whatever a host calls its mixer
    *,
    call: Call | None = None,
    layout: Sequence[str] | None = None,
    compiled: bool = True,
    seed: int = 0,
) -> Conformance:
    """Hold a host's mixer against a kernel.

    Args:
        kernel: what was vetted.
        mixer_like: the host's mixer, as its trainer holds it; the kernel itself if None.
        call: how the host calls it where that is not `mixer(local_q, state)`, such as
            `lambda mixer, q, s: mixer(q.unsqueeze(-1), s)`.
        layout: names of the host's state columns in the host's order; the kernel's own order if None.
        compiled: also check under `torch.compile` (with the `aot_eager` backend: graph capture without a compiler).
        seed: of the drawn inputs.

    Returns:
        One `Check` for each of: `layout`, `single`, `rows`, `time`, `value`, `repeat`, `inputs`, `batch`, `dtype`, `device`,
        `gradient`, `modes`, `parameters`, `state_dict`, `deepcopy`, `pickle`, `compile`, and `credit` where there is one.
        Where the layout does not match, only `layout`.
    """
    try:
        columns = _columns(kernel, layout)
    except InputError as fault:
        return Conformance(checks=(Check(id="layout", passed=False, detail=str(fault)),))
    mixer = kernel if mixer_like is None else mixer_like
    host = _Host(
        kernel, mixer, call or _plainly, columns, len(layout) if layout is not None else kernel.state_size, seed
    )
    names = [name for name in _CHECKS if (name != "compile" or compiled) and (name != "credit" or _has_credit(kernel))]
    return Conformance(checks=(Check(id="layout", passed=True), *(_run(name, host) for name in names)))


def _plainly(mixer: Any, local_q: Tensor, state: Tensor) -> Tensor:  # noqa: ANN401
    return mixer(local_q, state)


def _columns(kernel: KernelLike, layout: Sequence[str] | None) -> tuple[int, ...]:
    """The host's column of each of the kernel's fields."""
    manifest = getattr(kernel, "manifest", None)
    own = tuple(manifest.layout) if manifest is not None else tuple(f"state[{i}]" for i in range(kernel.state_size))
    if len(own) != kernel.state_size:
        raise InputError(
            f"the kernel's manifest names {len(own)} state fields, the kernel reads {kernel.state_size}; export it again"
        )
    return match_layout(own if layout is None else layout, own)


def _has_credit(kernel: KernelLike) -> bool:
    return bool(getattr(kernel, "affine", False)) and hasattr(kernel, "credit")


@dataclass(eq=False)
class _Host:
    """The kernel, the mixer, and inputs for both."""

    kernel: KernelLike
    mixer: Any
    call: Call
    columns: tuple[int, ...]
    width: int
    seed: int
    draws: int = field(default=0)

    def inputs(self, *lead: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Local Q-values and states in the kernel's order: whole numbers, fractions, zeros, and some large ones."""
        self.draws += 1
        generator = torch.Generator().manual_seed(1000 * self.seed + self.draws)
        local_q = torch.randn(*lead, self.kernel.n_agents, generator=generator) * 5.0
        state = torch.randint(-1, 8, (*lead, self.kernel.state_size), generator=generator).float()
        fraction = torch.rand(state.shape, generator=generator)
        state = torch.where(fraction < 0.3, state + fraction, state)
        return local_q.to(dtype), torch.where(fraction > 0.97, state * 1000.0, state).to(dtype)

    def hosted(self, state: Tensor) -> Tensor:
        """A state in the host's order; what the kernel does not read is filled with numbers that would show."""
        made = torch.full((*state.shape[:-1], self.width), 12345.0, dtype=state.dtype, device=state.device)
        made[..., list(self.columns)] = state
        return made

    def mixed(self, local_q: Tensor, state: Tensor, mixer: Any = None) -> Tensor:  # noqa: ANN401
        """The host's Q_tot for a state in the kernel's order."""
        return self.call(self.mixer if mixer is None else mixer, local_q, self.hosted(state))


class _Fault(Exception):  # noqa: N818 - a finding, not an error
    """What a check found."""


def _run(name: str, host: _Host) -> Check:
    """One check; whatever the host raises is its fault."""
    try:
        _CHECKS[name](host)
    except _Fault as found:
        return Check(id=name, passed=False, detail=str(found))
    except Exception as found:
        text = str(found).strip().splitlines()
        first = text[0][:200] if text else ""
        return Check(id=name, passed=False, detail=f"{_ADVICE[name]}; it raised {type(found).__name__}: {first}")
    return Check(id=name, passed=True)


def _same(found: Tensor, wanted: Tensor, name: str, what: str = "Q_tot") -> None:
    """Equal up to `TOLERANCE`, NaN where NaN."""
    if found.shape != wanted.shape:
        raise _Fault(f"{what} has shape {tuple(found.shape)}, not {tuple(wanted.shape)}; {_ADVICE[name]}")
    scale = torch.nan_to_num(wanted.abs(), posinf=1.0).clamp_min(1.0)
    off = ((found - wanted).abs() / scale).nan_to_num(0.0)
    broken = found.isnan() != wanted.isnan()
    if bool(broken.any()) or float(off.max()) > TOLERANCE:
        place = int(torch.argmax((off + broken * 1e30).reshape(-1)))
        pair = found.reshape(-1)[place].item(), wanted.reshape(-1)[place].item()
        raise _Fault(f"{what} is {pair[0]:.7g}, the kernel says {pair[1]:.7g}; {_ADVICE[name]}")


def _single(host: _Host) -> None:
    local_q, state = host.inputs(1)
    _same(host.mixed(local_q, state), host.kernel(local_q, state), "single")


def _rows(host: _Host) -> None:
    local_q, state = host.inputs(7)
    found = host.mixed(local_q, state)
    if found.shape != (7, 1):
        raise _Fault(f"Q_tot has shape {tuple(found.shape)}, not (7, 1); {_ADVICE['rows']}")


def _time(host: _Host) -> None:
    local_q, state = host.inputs(3, 5)
    _same(host.mixed(local_q, state), host.kernel(local_q, state), "time")


def _value(host: _Host) -> None:
    local_q, state = host.inputs(512)
    _same(host.mixed(local_q, state), host.kernel(local_q, state), "value")
    zeros = torch.zeros_like(local_q[:2]), torch.zeros_like(state[:2])
    _same(host.mixed(*zeros), host.kernel(*zeros), "value")


def _repeat(host: _Host) -> None:
    local_q, state = host.inputs(16)
    first = host.mixed(local_q, state)
    for _ in range(3):
        if not torch.equal(host.mixed(local_q, state).nan_to_num(), first.nan_to_num()):
            raise _Fault(_ADVICE["repeat"])


def _inputs(host: _Host) -> None:
    local_q, state = host.inputs(4)
    hosted = host.hosted(state)
    kept = local_q.clone(), hosted.clone()
    host.call(host.mixer, local_q, hosted)
    if not (torch.equal(local_q, kept[0]) and torch.equal(hosted, kept[1])):
        raise _Fault(_ADVICE["inputs"])


def _batch(host: _Host) -> None:
    local_q, state = host.inputs(6)
    whole = host.mixed(local_q, state)
    for row in range(6):
        alone = host.mixed(local_q[row : row + 1], state[row : row + 1])
        _same(whole[row : row + 1], alone, "batch")
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    _same(host.mixed(local_q[order], state[order]), whole[order], "batch")
    spoiled = torch.cat([local_q[:5], torch.full_like(local_q[:1], float("nan"))])
    _same(host.mixed(spoiled, state)[:5], whole[:5], "batch")


def _dtype(host: _Host) -> None:
    for dtype in (torch.float32, torch.float64):
        local_q, state = host.inputs(4, dtype=dtype)
        found = host.mixed(local_q, state)
        if found.dtype is not dtype:
            raise _Fault(f"{dtype} goes in, {found.dtype} comes out; {_ADVICE['dtype']}")
        _same(found, host.kernel(local_q, state), "dtype")


def _device(host: _Host) -> None:
    """Meta tensors hold no numbers, so a tensor of another device that is mixed in is an error; also on CUDA if there is one."""
    devices = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices:
        local_q, state = (tensor.to(device) for tensor in host.inputs(4))
        mixer = copy.deepcopy(host.mixer).to(device) if isinstance(host.mixer, nn.Module) else host.mixer
        found = host.mixed(local_q, state, mixer)
        if found.device.type != device:
            raise _Fault(f"inputs on {device} give Q_tot on {found.device.type}; {_ADVICE['device']}")


def _gradient(host: _Host) -> None:
    local_q, state = host.inputs(32)
    wanted = _gradient_of(lambda q: host.kernel(q, state), local_q)
    found = _gradient_of(lambda q: host.mixed(q, state), local_q)
    if found is None:
        raise _Fault(f"no gradient reaches the local Q-values; {_ADVICE['gradient']}")
    assert wanted is not None  # noqa: S101 - a kernel passes gradients
    _same(found, wanted, "gradient", "dQ_tot/dQ_i")


def _gradient_of(mix: Callable[[Tensor], Tensor], local_q: Tensor) -> Tensor | None:
    leaf = local_q.clone().requires_grad_(True)
    q_tot = mix(leaf)
    return torch.autograd.grad(q_tot.sum(), leaf, allow_unused=True)[0] if q_tot.requires_grad else None


def _modes(host: _Host) -> None:
    if not isinstance(host.mixer, nn.Module):
        return
    local_q, state = host.inputs(16)
    trained, evaluated = copy.deepcopy(host.mixer).train(), copy.deepcopy(host.mixer).eval()
    _same(host.mixed(local_q, state, trained), host.mixed(local_q, state, evaluated), "modes")


def _parameters(host: _Host) -> None:
    if not isinstance(host.mixer, nn.Module):
        return
    names = [name for name, _ in host.mixer.named_parameters()]
    if names:
        raise _Fault(f"parameters {', '.join(names[:5])}; {_ADVICE['parameters']}")


def _state_dict(host: _Host) -> None:
    if not isinstance(host.mixer, nn.Module):
        return
    local_q, state = host.inputs(8)
    wanted = host.mixed(local_q, state)
    twin = copy.deepcopy(host.mixer)
    twin.load_state_dict({name: tensor.clone() for name, tensor in host.mixer.state_dict().items()})
    _same(host.mixed(local_q, state, twin), wanted, "state_dict")


def _deepcopy(host: _Host) -> None:
    twin = copy.deepcopy(host.mixer)
    if twin is host.mixer and isinstance(host.mixer, nn.Module):
        raise _Fault(f"the copy is the original; {_ADVICE['deepcopy']}")
    local_q, state = host.inputs(8)
    _same(host.mixed(local_q, state, twin), host.mixed(local_q, state), "deepcopy")


def _pickle(host: _Host) -> None:
    if not isinstance(host.mixer, nn.Module):
        return
    for write in (lambda: pickle.dumps(host.mixer), lambda: torch.save(host.mixer, io.BytesIO())):
        try:
            write()
        except Exception:  # noqa: S112 - a refusal, whatever it says
            continue
        raise _Fault(_ADVICE["pickle"])


def _compile(host: _Host) -> None:
    mixer = host.mixer

    def mix(local_q: Tensor, state: Tensor) -> Tensor:
        return host.call(mixer, local_q, state)

    torch.compiler.reset()
    compiled = cast(Callable[[Tensor, Tensor], Tensor], torch.compile(mix, backend="aot_eager", fullgraph=True))
    for rows in (4, 9):
        local_q, state = host.inputs(rows)
        _same(compiled(local_q, host.hosted(state)), host.kernel(local_q, state), "compile")


def _credit(host: _Host) -> None:
    local_q, state = host.inputs(32)
    wanted = _gradient_of(lambda q: host.kernel(q, state), local_q)
    kernel = cast(Any, host.kernel)
    found = kernel.credit(state)
    _same(found, torch.zeros_like(found) if wanted is None else wanted, "credit", "credit(state)")
    made = (found * local_q).sum(-1, keepdim=True) + kernel.bias(state)
    exact = host.kernel(local_q, state)
    if not torch.allclose(made, exact, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise _Fault(f"credit(state) · local_q + bias(state) is not Q_tot; {_ADVICE['credit']}")


_CHECKS: dict[str, Callable[[_Host], None]] = {
    "single": _single,
    "rows": _rows,
    "time": _time,
    "value": _value,
    "repeat": _repeat,
    "inputs": _inputs,
    "batch": _batch,
    "dtype": _dtype,
    "device": _device,
    "gradient": _gradient,
    "modes": _modes,
    "parameters": _parameters,
    "state_dict": _state_dict,
    "deepcopy": _deepcopy,
    "pickle": _pickle,
    "compile": _compile,
    "credit": _credit,
}
_ADVICE = {
    "single": "a batch of one row must keep its dimensions: name them in squeeze and sum",
    "rows": "local_q [B, N] and state [B, S] give [B, 1], one Q_tot a row",
    "time": "local_q [B, T, N] and state [B, T, S] give [B, T, 1]; flatten and unflatten in the same order",
    "value": "hand local Q-values and the raw state to the kernel: no scaling (the kernel multiplies by q_scale itself), no "
    "normalisation, columns in the manifest's order",
    "repeat": "the same inputs give another Q_tot the second time; the mixer keeps something between calls, or draws numbers",
    "inputs": "the mixer writes to its inputs; clone them first",
    "batch": "a row's Q_tot depends on the other rows; nothing may be summed, averaged or normalised over the batch",
    "dtype": "the mixer must follow its inputs' floating type",
    "device": "make no tensor on a fixed device; let it follow local_q.device",
    "gradient": "gradients must reach local_q unscaled: no detach, no no_grad, no clipping",
    "modes": "train() and eval() must compute the same",
    "parameters": "a kernel is training-free: nothing in the mixer may be trained",
    "state_dict": "load_state_dict(state_dict()) must work and change nothing: targets are synchronised with it",
    "deepcopy": "targets are made with copy.deepcopy, which must give a second mixer that computes the same",
    "pickle": "the mixer can be pickled, and loading a pickle runs code; keep a Kernel inside it, which refuses, and store the "
    ".safetensors file's path instead",
    "compile": "torch.compile(fullgraph=True) must capture it: no numpy, no .item(), no branch on values",
    "credit": "credit(state) must be the gradient of Q_tot in the local Q-values",
}
