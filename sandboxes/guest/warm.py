"""Warm: torch loaded, lean and ready to be forked cheaply, before any candidate.

What a candidate's process does not need is not loaded, what it needs is loaded now (nothing can be imported once the
root is empty), and memory lies in large pages: a fork copies one entry for 2 MiB, not 512.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import gc
import re
import struct
import sys
import types
from collections.abc import Callable
from typing import Any

import torch

from guest import candidate

HONEST = (
    "def tfcaf(local_q, state):\n"
    "    w = torch.softmax(state[:, 0:1] + torch.zeros(state.shape[0], local_q.shape[1]), dim=1)\n"
    "    w[:, 0] += torch.where(state[:, 0] > 0, state[:, 0].abs(), torch.tensor(0.5))\n"
    "    return torch.einsum('bn,bn->b', local_q, w).unsqueeze(1) + w.max(dim=1, keepdim=True)[0]\n"
)
HOSTILE = "import os\ndef tfcaf(local_q, state):\n    return os.environ\n"
_PLACE = ("device", "layout", "memory_format", "pin_memory")
_COMPILER = "torch._dynamo"
_COLLAPSE = 25
_LARGE = 1 << 21
_ANONYMOUS = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 +(?:\[heap\])?$", re.MULTILINE)


class _NoCompiler(types.ModuleType):
    """Stands in for torch's compiler, which torch would load, sympy and all, at the first indexing of a traced tensor:
    two seconds and 70 MB, to learn that nothing is being compiled.
    """

    def disable(self, function: Callable[..., Any], *options: object, **named: object) -> Callable[..., Any]:
        """The function as it is: there is no compiler to keep out of it."""
        del options, named
        return function


class _EveryOperation(dict[str, list[str]]):
    """An op table that allows everything, for the functions of this module; the host's comes with each request."""

    def __contains__(self, name: object) -> bool:
        """Every name."""
        return True

    def __missing__(self, name: str) -> list[str]:
        """Every argument but those that say where a tensor lies."""
        packet, _, overload = name.partition(".")
        schema = getattr(getattr(torch.ops.aten, packet), overload or "default")._schema
        return [argument.name for argument in schema.arguments if argument.name not in _PLACE]


def prepare() -> None:
    """Make this process ready to fork. Falls back to the whole compiler where an honest function needs it."""
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False  # its JIT wants executable memory
    sys.modules.setdefault(_COMPILER, _NoCompiler(_COMPILER))
    if not _warm_up():
        if isinstance(sys.modules[_COMPILER], _NoCompiler):
            del sys.modules[_COMPILER]
        _warm_up()
    gc.collect()
    gc.freeze()
    _use_large_pages()


def request(text: str) -> dict[str, Any]:
    """What the host would send for a function of two agents and three state fields."""
    probe = {"local_q": _ones(4), "state": _ones(6)}
    return {"source": text, "n_agents": 2, "state_size": 3, "ops": _EveryOperation(), "probes": [probe]}


def _warm_up() -> bool:
    """Every lazy import and error path once; whether the honest function passed."""
    candidate.examine(request(HOSTILE))
    return candidate.examine(request(HONEST))["status"] == "traced"


def _use_large_pages() -> None:
    """Collapse what lies in whole 2 MiB; where the kernel cannot (before 6.1), forks only cost more."""
    library = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(OSError), open("/proc/self/maps", "rb") as file:
        for begin, end in _ANONYMOUS.findall(file.read()):
            first, last = -(-int(begin, 16) // _LARGE) * _LARGE, int(end, 16) // _LARGE * _LARGE
            if first < last:
                library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _COLLAPSE)


def _ones(count: int) -> str:
    return base64.b64encode(struct.pack(f"<{count}f", *[1.0] * count)).decode()
