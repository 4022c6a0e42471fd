"""A graph as a module of readable code that stands alone: torch, NumPy or JAX."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Literal

from tfcaf_forge.graph.opgraph import FIRST_NODE, OpGraph, Ref, Type
from tfcaf_forge.graph.printer import picked_fields
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.emit import helpers
from tfcaf_forge.kernels.emit.arrays import ARRAYS
from tfcaf_forge.kernels.emit.context import Emitter, Site, text
from tfcaf_forge.kernels.emit.jax_code import JAX
from tfcaf_forge.kernels.emit.torch_code import TORCH
from tfcaf_forge.records.manifest import Manifest

Dialect = Literal["python", "numpy", "jax"]

TABLES: dict[Dialect, Mapping[str, Emitter]] = {"python": TORCH, "numpy": ARRAYS, "jax": JAX}
"""The emitter table of each dialect, keyed as the op table is."""
_XP = {"python": "torch", "numpy": "np", "jax": "jnp"}
_IMPORTS = {
    "python": "import torch\nimport torch.nn.functional as F\n",
    "numpy": "import numpy as np\n",
    "jax": "import jax\nimport jax.numpy as jnp\n",
}
_SHOWN = 100


def emit_source(graph: OpGraph, manifest: Manifest, dialect: Dialect) -> str:
    """The graph as a module with one function, `q_tot(local_q, state)`.

    The code is made from the verified graph; nothing of what a model wrote is in it. Names of state fields stand in
    comments, without anything that could end a comment.

    Args:
        graph: a verified graph.
        manifest: its sizes, layout and scale.
        dialect: `python` for torch, `numpy` or `jax`.
    """
    types = verify(graph)
    sites = _sites(graph, types, dialect)
    lines = [_line(graph, site, TABLES[dialect][site.node.op], manifest.layout) for site in sites]
    used = set[str]().union(*(site.helpers for site in sites)) if sites else set[str]()
    body = "\n".join(f"    {line}" for line in [*_head(graph, manifest, dialect), *lines, *_tail(graph)])
    parts = [_preamble(graph, manifest, dialect), _IMPORTS[dialect], _sizes(manifest)]
    parts += [_helper(name, dialect) for name in _ordered(used)]
    return "\n".join(part for part in parts if part).rstrip() + "\n\n\n" + _signature(dialect) + body + "\n"


def _sites(graph: OpGraph, types: Sequence[tuple[Type, ...]], dialect: Dialect) -> list[Site]:
    return [Site(node, i + FIRST_NODE, types, _XP[dialect]) for i, node in enumerate(graph.nodes)]


def _line(graph: OpGraph, site: Site, emit: Emitter, names: Sequence[str]) -> str:
    """One node: its name or names, its expression, and the state fields that it picks."""
    made = [text(Ref(site.value, out)) for out in range(len(site.made))]
    several = len(made) > 1 or site.node.op in ("unbind.int", "split.Tensor", "split_with_sizes")
    left = f"{', '.join(made)}{',' if several and len(made) == 1 else ''}"
    picked = picked_fields(site.node, names)
    note = f"  # {comment(', '.join(picked))}" if picked else ""
    return f"{left} = {emit(site)}{note}"


def comment(text: str) -> str:
    """A text that stays on its line and inside its comment or docstring."""
    kept = "".join(c if c.isprintable() and c not in '"\\' else "?" for c in text)
    return kept if len(kept) <= _SHOWN else kept[: _SHOWN - 1] + "…"


def _preamble(graph: OpGraph, manifest: Manifest, dialect: Dialect) -> str:
    what = {"python": "torch", "numpy": "NumPy", "jax": "JAX"}[dialect]
    layout = "\n".join(f"    {i:>4}  {comment(name)}" for i, name in enumerate(manifest.layout))
    return (
        f'"""Q_tot for the task {comment(manifest.task)}, as {what} code. Written by tfcaf-forge from a verified graph; do not edit.\n\n'
        f"graph     {comment(manifest.graph_digest)}, {len(graph.nodes)} operations\n"
        f"evidence  {comment(manifest.evidence_digest)}\n"
        f"agents    {graph.n_agents}\n"
        f"state     {graph.state_size} numbers, unnormalised:\n\n{layout}\n"
        '"""\n'
    )


def _sizes(manifest: Manifest) -> str:
    return f"N_AGENTS, STATE_SIZE = {manifest.n_agents}, {manifest.state_size}\nQ_SCALE = {manifest.q_scale!r}\n"


def _signature(dialect: Dialect) -> str:
    guard = '@np.errstate(all="ignore")\n' if dialect == "numpy" else ""
    return guard + (
        "def q_tot(local_q, state):\n"
        '    """Q_tot [..., 1] from chosen local Q-values [..., N_AGENTS] and the state [..., STATE_SIZE], of one floating type."""\n'
    )


def _head(graph: OpGraph, manifest: Manifest, dialect: Dialect) -> list[str]:
    """Leading dimensions become rows."""
    lines = [
        "lead = local_q.shape[:-1]",
        "local_q = local_q.reshape(-1, N_AGENTS)",
        "state = state.reshape(-1, STATE_SIZE)",
    ]
    lines += ["local_q = local_q * Q_SCALE"] if manifest.q_scale != 1.0 else []
    lines += ["rows, dtype = local_q.shape[0], local_q.dtype"]
    return lines + (["device = local_q.device"] if dialect == "python" else [])


def _tail(graph: OpGraph) -> list[str]:
    return [f"return {text(graph.output)}.reshape((*lead, 1))"]


def _ordered(used: set[str]) -> list[str]:
    """Helpers, each after those that it calls."""
    order: list[str] = []
    for name in sorted(used):
        for needed in (*helpers.NEEDS.get(name, ()), name):
            if needed not in order:
                order.append(needed)
    return order


def _helper(name: str, dialect: Dialect) -> str:
    """A helper's source in a dialect."""
    own = (helpers.NUMPY_ONLY if dialect == "numpy" else helpers.JAX_ONLY).get(name)
    if own is not None:
        return "\n" + own.strip("\n") + "\n"
    return "\n" + inspect.getsource(getattr(helpers, name)).replace("xp.", f"{_XP[dialect]}.")
