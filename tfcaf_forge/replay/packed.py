"""Packed: whole episodes without padding, step by step, the longest first, as tensors that a learner reads.

Row r of a packed array is one (episode, step). Step t has `sizes[t]` rows, one for each episode that reaches it, in the
same order of episodes at every step, so that the episodes which go on are always the first ones. That is the layout
of torch's PackedSequence; it lets a network unroll over time without a mask and without computing what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfcaf_forge.replay.episode import EpisodeBatch, Ints

Index: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the rows of packed episodes stand.

    M rows are reached (an episode of L steps reaches L + 1), K of them are acted in.

    Attributes:
        sizes: rows of each step; non-increasing, sums to M.
        order: int64 [B]; the episodes, the longest first.
        place, step: int64 [M]; what each reached row is: the episode's place in `order`, and its step.
        acted_episode, acted_step: int64 [K]; what each transition is.
        current: int64 [K]; the reached row in which a transition acts. What follows it is row `sizes[0] + k`.
    """

    sizes: tuple[int, ...]
    order: Index
    place: Index
    step: Index
    acted_episode: Index
    acted_step: Index
    current: Index

    @property
    def episode(self) -> Index:
        """The episode of each reached row, int64 [M]."""
        return self.order[self.place]


def plan(lengths: Ints) -> Plan:
    """Lay out episodes of so many steps, int64 [B], each at least 1."""
    order = np.argsort(-lengths, kind="stable")
    longest_first = lengths[order]
    steps = np.arange(longest_first[0] + 1)[:, None]
    step, place = np.nonzero(steps <= longest_first)
    acted_step, acted_place = np.nonzero(steps[:-1] < longest_first)
    sizes = np.bincount(step)
    return Plan(
        sizes=tuple(sizes.tolist()),
        order=order,
        place=place,
        step=step,
        acted_episode=order[acted_place],
        acted_step=acted_step,
        current=(np.cumsum(sizes) - sizes)[acted_step] + acted_place,
    )


@dataclass(frozen=True, eq=False)
class Stored:
    """Where the episodes of a batch stand in the buffer that they came from.

    Attributes:
        serial: int64 [B] on the host; how many episodes the buffer had stored before each one. The longest first.
        place: int64 [M] on the host; each reached row's episode, as a place in `serial`.
        rows: int64 [M]; where each reached row stands among the buffer's.
        capacity: episodes that the buffer can hold; an episode has slot `serial % capacity`.
        steps: T + 1, the buffer's rows of an episode.
    """

    serial: Index
    place: Index
    rows: Tensor
    capacity: int
    steps: int


@dataclass(frozen=True, eq=False)
class Packed:
    """Transitions for a learner; M, K, `sizes` and `current` as in `Plan`.

    Attributes:
        sizes: rows of each step.
        current: int64 [K].
        obs: float32 [M, N, O].
        state: float32 [M, S].
        available: bool [M, N, A].
        actions: int64 [K, N].
        reward: float32 [K].
        agent_reward: float32 [K, N]; zeros where the environment has none.
        terminated: bool [K].
        mixing: float32 [M, N + 1], each agent's credit and the bias of the state, where the mixer fixes them; else None.
        episode, step: int64 [K] on the host; what each transition is.
        stored: where it stands in the buffer that it was drawn from; None where it was packed from episodes.
    """

    sizes: tuple[int, ...]
    current: Tensor
    obs: Tensor
    state: Tensor
    available: Tensor
    actions: Tensor
    reward: Tensor
    agent_reward: Tensor
    terminated: Tensor
    mixing: Tensor | None
    episode: Index
    step: Index
    stored: Stored | None = None

    @property
    def n_episodes(self) -> int:
        """B."""
        return self.sizes[0]

    @property
    def horizon(self) -> int:
        """Steps of the longest episode."""
        return len(self.sizes) - 1

    def following(self, rows: Tensor) -> Tensor:
        """What each transition leads to: [M, ...] -> [K, ...], a view."""
        return rows[self.sizes[0] :]


REACHED = ("obs", "state", "available")
ACTED = ("actions", "reward", "agent_reward", "terminated")


def pack(episodes: EpisodeBatch, *, device: torch.device | str = "cpu", mixing: Tensor | None = None) -> Packed:
    """Pack a batch as it is.

    Args:
        episodes: E episodes.
        device: where the tensors go.
        mixing: float32 [E, T+1, N + 1], if the mixer fixes credit and bias.
    """
    laid = plan(episodes.lengths)
    arrays = episodes.arrays()
    at = (laid.episode, laid.step)
    reached = {name: torch.from_numpy(arrays[name][at]).to(device) for name in REACHED}
    acted = {name: torch.from_numpy(arrays[name][laid.acted_episode, laid.acted_step]).to(device) for name in ACTED}
    return Packed(
        sizes=laid.sizes,
        current=torch.from_numpy(laid.current).to(device),
        **reached,  # pyright: ignore[reportArgumentType]
        **acted,  # pyright: ignore[reportArgumentType]
        mixing=None if mixing is None else mixing[at],
        episode=laid.acted_episode,
        step=laid.acted_step,
    )
