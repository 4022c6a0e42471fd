"""Behaviour: what a graph does on fixed inputs, to tell functions that differ only in how they are written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.records.task_spec import TaskSpec

Floats = npt.NDArray[np.float32]

_ROWS = 256
_REPLAYED = 512
_RELATIVE, _ABSOLUTE = 1e-4, 1e-5


class Fingerprints:
    """Values and credits of graphs on the same inputs.

    Args:
        task: its declared ranges give half of the inputs.
        states: [M, S] replayed states; they give the other half.
        seed: decides the inputs.
    """

    def __init__(self, task: TaskSpec, states: Floats | None = None, seed: int = 0) -> None:
        """Draw the inputs."""
        from tfcaf_forge.evidence.domain import sample_local_q, sample_states

        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x66696E67]))
        drawn = [sample_states(task, _ROWS, rng)]
        if states is not None and len(states):
            drawn.append(states[np.linspace(0, len(states) - 1, min(_REPLAYED, len(states))).astype(np.int64)])
        self._state = np.ascontiguousarray(np.concatenate(drawn), np.float32)
        self._local_q = sample_local_q(task, len(self._state), rng)

    def of(self, graph: OpGraph) -> Floats:
        """[rows, 1 + N]: the value and the credits of every row."""
        from tfcaf_forge.graph.interpret import evaluate

        value, credit = evaluate(graph, self._local_q, self._state)
        return np.concatenate([value, credit], axis=1)


def same_behaviour(one: Floats, other: Floats) -> bool:
    """Whether two fingerprints agree to about four digits."""
    return bool(np.allclose(one, other, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))


def twin_of(print_: Floats, others: Mapping[int, Floats]) -> int | None:
    """The first candidate that behaves the same, if any does."""
    return next((number for number, other in others.items() if same_behaviour(print_, other)), None)
