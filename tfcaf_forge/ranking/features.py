"""Features of one agent's observation and action, shared by all agents and fixed by a seed.

A local Q-value is modelled as linear in them, so that fitting it under any affine mixer is a ridge regression.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfcaf_forge.replay.episode import Transitions

Floats = npt.NDArray[np.float32]

HIDDEN = 48
"""Random ReLU units; with six actions about 300 features an agent."""


def features(rows: Transitions, n_actions: int, seed: int) -> tuple[Floats, Floats]:
    """Random ReLU features of the standardised observation and the agent's index, one block an action.

    Args:
        rows: M transitions.
        n_actions: A.
        seed: decides the random weights.

    Returns:
        Of the action that was taken, and their mean over the actions that were available; both float32
        [M, N, (HIDDEN + 1) * A].
    """
    count, n_agents, _ = rows.obs.shape
    flat = rows.obs.reshape(count * n_agents, -1).astype(np.float32)
    centred = (flat - flat.mean(0)) / (flat.std(0) + 1e-3)
    index = np.tile(np.eye(n_agents, dtype=np.float32), (count, 1))
    inputs = np.concatenate([centred, index], axis=1)
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(inputs.shape[1], HIDDEN)).astype(np.float32) / np.sqrt(inputs.shape[1])
    offsets = rng.uniform(-1, 1, HIDDEN).astype(np.float32)
    units = np.maximum(inputs @ weights + offsets, 0.0)
    units = np.concatenate([units, np.ones((len(units), 1), np.float32)], axis=1)
    taken = np.zeros((len(units), n_actions, units.shape[1]), np.float32)
    taken[np.arange(len(units)), rows.actions.reshape(-1)] = units
    chance = rows.available.reshape(len(units), n_actions).astype(np.float32)
    chance /= chance.sum(axis=1, keepdims=True)
    mean = chance[:, :, None] * units[:, None, :]
    return taken.reshape(count, n_agents, -1), mean.reshape(count, n_agents, -1)
