"""The trainer's replay buffer: the last episodes, in tensors that are allocated once, on the learner's device.

A sample is gathered once, without padding, in the order in which the learner reads it (`replay.packed`). On a CPU the
system gives memory to the zeros page by page, so an unfilled buffer is small.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tfcaf_forge.errors import ConfigError, DatasetError
from tfcaf_forge.replay.episode import ARRAYS, EpisodeBatch
from tfcaf_forge.replay.packed import ACTED, REACHED, Index, Packed, Plan, Stored, plan


class EpisodeBuffer:
    """The newest `capacity` episodes of one environment, sampled uniformly.

    Args:
        capacity: number of episodes.
        horizon, n_agents, n_actions, obs_size, state_size: T, N, A, O and S.
        seed: of the sampling; the only randomness here.
        device: where the tensors are.
        mixing: whether each state's credit and bias are kept with it (`Packed.mixing`).
    """

    def __init__(
        self,
        *,
        capacity: int,
        horizon: int,
        n_agents: int,
        n_actions: int,
        obs_size: int,
        state_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        mixing: bool = False,
    ) -> None:
        """Allocate everything at once."""
        if capacity < 1:
            raise ConfigError(f"buffer of {capacity} episodes; it needs at least 1")
        sizes = {"T": horizon, "T+1": horizon + 1, "N": n_agents, "A": n_actions, "O": obs_size, "S": state_size}
        self.capacity = capacity
        self.horizon = horizon
        self.device = torch.device(device)
        layout = {name: ARRAYS[name] for name in (*REACHED, *ACTED)}
        if mixing:
            layout["mixing"], sizes["N+1"] = ("float32", ("T+1", "N+1")), n_agents + 1
        self._arrays = {
            name: torch.from_numpy(np.zeros((capacity, *(sizes[dim] for dim in dims)), dtype)).to(self.device)
            for name, (dtype, dims) in layout.items()
        }
        self._rows = {name: array.flatten(0, 1) for name, array in self._arrays.items()}
        self._lengths = np.zeros(capacity, np.int64)
        self._stored = 0  # episodes so far; the k-th has slot k % capacity
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        """Number of episodes held."""
        return min(self._stored, self.capacity)

    def add(self, episodes: EpisodeBatch, mixing: Tensor | None = None) -> None:
        """Store episodes, the oldest ones making room.

        Args:
            episodes: E episodes.
            mixing: float32 [E, T+1, N + 1], if this buffer keeps it.

        Raises:
            DatasetError: they are longer than the buffer's horizon, empty, or of other sizes.
        """
        if episodes.horizon > self.horizon:
            raise DatasetError(f"episodes of {episodes.horizon} steps; this buffer holds {self.horizon}")
        first = max(episodes.n_episodes - self.capacity, 0)
        lengths = episodes.lengths[first:]
        if not lengths.all():
            raise DatasetError("an episode without a step; store episodes of at least one")
        slots = (self._stored + np.arange(len(lengths))) % self.capacity
        given: dict[str, Tensor] = {name: torch.from_numpy(array) for name, array in episodes.arrays().items()}
        if mixing is not None:
            given["mixing"] = mixing
        for name, target in self._arrays.items():
            source = given[name][first:]
            if source.shape[2:] != target.shape[2:]:
                raise DatasetError(
                    f"{name}: {tuple(source.shape[2:])} a step; this buffer holds {tuple(target.shape[2:])}"
                )
            target[torch.from_numpy(slots), : source.shape[1]] = source.to(self.device)
        self._lengths[slots] = lengths
        self._stored += len(lengths)

    def sample(self, n_episodes: int) -> Packed:
        """Draw different episodes uniformly.

        Raises:
            DatasetError: the buffer holds fewer.
        """
        if n_episodes > len(self):
            raise DatasetError(
                f"{n_episodes} episodes asked of a buffer that holds {len(self)}; wait until it has more"
            )
        drawn = self._rng.choice(len(self), n_episodes, replace=False)
        return self._gather(drawn, plan(self._lengths[drawn]))

    def _gather(self, drawn: Index, laid: Plan) -> Packed:
        """The rows that the plan names: the only copy on the way from here to the network."""
        place = np.concatenate(
            [
                drawn[laid.episode] * (self.horizon + 1) + laid.step,
                drawn[laid.acted_episode] * self.horizon + laid.acted_step,
                laid.current,
            ]
        )
        reached, acted, current = torch.from_numpy(place).to(self.device).split(
            [len(laid.place), len(laid.current), len(laid.current)]
        )  # fmt: skip
        rows = {name: array.index_select(0, acted if name in ACTED else reached) for name, array in self._rows.items()}
        return Packed(
            sizes=laid.sizes,
            current=current,
            **{"mixing": None, **rows},  # pyright: ignore[reportArgumentType]
            episode=laid.acted_episode,
            step=laid.acted_step,
            stored=Stored(
                serial=self._serial(drawn[laid.order]),
                place=laid.place,
                rows=reached,
                capacity=self.capacity,
                steps=self.horizon + 1,
            ),
        )

    def _serial(self, slots: Index) -> Index:
        """How many episodes had been stored before the one in each slot: the newest of its residue class."""
        return slots + (self._stored - 1 - slots) // self.capacity * self.capacity

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly: what is filled, counters, and the generator as JSON."""
        return {
            "arrays": {name: array[: len(self)].cpu().clone() for name, array in self._arrays.items()},
            "lengths": self._lengths[: len(self)].copy(),
            "stored": self._stored,
            "generator": json.dumps(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            DatasetError: it came from a buffer of other sizes.
        """
        size = len(state["lengths"])
        for name, array in self._arrays.items():
            saved = state["arrays"].get(name)
            if size > self.capacity or saved is None or saved.shape[1:] != array.shape[1:]:
                raise DatasetError(
                    f"{name}: saved by a buffer of other sizes; resume with the configuration it was saved with"
                )
            array[:size] = saved.to(self.device)
        self._lengths[:size] = np.asarray(state["lengths"])
        self._stored = int(state["stored"])
        self._rng.bit_generator.state = json.loads(state["generator"])
