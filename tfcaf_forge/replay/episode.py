"""EpisodeBatch: whole episodes as plain arrays, episode-major, padded to one length.

`E` episodes of at most `T` steps, `N` agents, `A` actions, observations of `O` numbers, states of `S`.
Step `t` of an episode is (obs[t], state[t], available[t], actions[t]) -> (reward[t], obs[t+1], state[t+1]).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import DatasetError

Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

# name -> (dtype, dimensions after the episode). One table for checks, for the disk and for the buffer.
ARRAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "obs": ("float32", ("T+1", "N", "O")),
    "state": ("float32", ("T+1", "S")),
    "available": ("bool", ("T+1", "N", "A")),
    "actions": ("int64", ("T", "N")),
    "reward": ("float32", ("T",)),
    "agent_reward": ("float32", ("T", "N")),
    "terminated": ("bool", ("T",)),
    "truncated": ("bool", ("T",)),
    "valid": ("bool", ("T",)),
    "behaviour": ("int64", ()),
}


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """Whole episodes, padded to one length.

    Padding (`valid` False, and what follows the last valid step) holds zeros, with every action available.

    Attributes:
        obs: float32 [E, T+1, N, O]; `obs[e, length]` is what the agents see after the last step.
        state: float32 [E, T+1, S], laid out as the TaskSpec says, unnormalised.
        available: bool [E, T+1, N, A]; actions an agent may choose.
        actions: int64 [E, T, N].
        reward: float32 [E, T]; the team's reward.
        agent_reward: float32 [E, T, N]; zeros where `has_agent_reward` is False.
        terminated: bool [E, T]; the episode ended here by the environment's own rules: nothing follows.
        truncated: bool [E, T]; the episode was cut here by a time limit: its value goes on.
        valid: bool [E, T]; True for real steps, a prefix of every episode.
        behaviour: int64 [E]; which behaviour policy acted (an index; 0 where nobody said).
        has_agent_reward: whether the environment gave a reward for each agent.
    """

    obs: Floats
    state: Floats
    available: Bools
    actions: Ints
    reward: Floats
    agent_reward: Floats
    terminated: Bools
    truncated: Bools
    valid: Bools
    behaviour: Ints | None = None  # a batch made here always has one: see __post_init__
    has_agent_reward: bool = True

    def __post_init__(self) -> None:
        """Fill in the behaviour, and refuse arrays that do not fit together.

        Raises:
            DatasetError: naming the array.
        """
        if self.behaviour is None:
            object.__setattr__(self, "behaviour", np.zeros(len(self.reward), np.int64))
        _check_shapes(self.arrays())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, in the order of `ARRAYS`."""
        return {name: getattr(self, name) for name in ARRAYS}

    @property
    def n_episodes(self) -> int:
        """E."""
        return int(self.reward.shape[0])

    @property
    def horizon(self) -> int:
        """T, the padded length in steps."""
        return int(self.reward.shape[1])

    @property
    def n_agents(self) -> int:
        """N."""
        return int(self.actions.shape[2])

    @property
    def n_actions(self) -> int:
        """A."""
        return int(self.available.shape[3])

    @property
    def obs_size(self) -> int:
        """O."""
        return int(self.obs.shape[3])

    @property
    def state_size(self) -> int:
        """S."""
        return int(self.state.shape[2])

    @property
    def lengths(self) -> Ints:
        """Number of real steps of every episode, int64 [E]."""
        return self.valid.sum(axis=1, dtype=np.int64)

    @property
    def n_transitions(self) -> int:
        """Number of real steps of all episodes."""
        return int(self.valid.sum())

    @property
    def returns(self) -> NDArray[np.float64]:
        """Undiscounted team return of every episode, float64 [E]."""
        return np.where(self.valid, self.reward, 0.0).sum(axis=1, dtype=np.float64)

    def select(self, episodes: Ints | Bools | Sequence[int] | slice) -> EpisodeBatch:
        """The chosen episodes, in the chosen order; padded as before."""
        index = episodes if isinstance(episodes, slice) else np.asarray(episodes)
        chosen = {name: array[index] for name, array in self.arrays().items()}
        return EpisodeBatch(**chosen, has_agent_reward=self.has_agent_reward)

    def trimmed(self) -> EpisodeBatch:
        """The same episodes without padding that all of them share. Views, no copies."""
        longest = max(int(self.lengths.max(initial=0)), 1)
        return EpisodeBatch(**cut(self.arrays(), longest), has_agent_reward=self.has_agent_reward)

    def check(self) -> EpisodeBatch:
        """Refuse contents that no environment can have produced; returns itself.

        Raises:
            DatasetError: naming the array and the first episode and step at fault.
        """
        _check_contents(self)
        return self

    def transitions(self) -> Transitions:
        """Every real step as one row, episode by episode."""
        episode, step = np.nonzero(self.valid)
        return Transitions(
            obs=self.obs[episode, step],
            state=self.state[episode, step],
            available=self.available[episode, step],
            actions=self.actions[episode, step],
            reward=self.reward[episode, step],
            agent_reward=self.agent_reward[episode, step],
            terminated=self.terminated[episode, step],
            truncated=self.truncated[episode, step],
            next_obs=self.obs[episode, step + 1],
            next_state=self.state[episode, step + 1],
            next_available=self.available[episode, step + 1],
            episode=episode.astype(np.int64),
            step=step.astype(np.int64),
        )


@dataclass(frozen=True, eq=False)
class Transitions:
    """Real steps as rows, [M, ...]; `next_*` is what followed, `episode` and `step` say where each row came from."""

    obs: Floats
    state: Floats
    available: Bools
    actions: Ints
    reward: Floats
    agent_reward: Floats
    terminated: Bools
    truncated: Bools
    next_obs: Floats
    next_state: Floats
    next_available: Bools
    episode: Ints
    step: Ints

    def __len__(self) -> int:
        """M."""
        return len(self.reward)

    def rows(self, index: Ints | Bools) -> Transitions:
        """The chosen rows."""
        return Transitions(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def concatenate(batches: Sequence[EpisodeBatch]) -> EpisodeBatch:
    """Join batches of one task, one after the other; shorter ones are padded to the longest horizon.

    Raises:
        DatasetError: there is none, or their sizes differ.
    """
    if not batches:
        raise DatasetError("no episodes to join; collect some first")
    horizon = max(batch.horizon for batch in batches)
    parts = [pad(batch, horizon).arrays() for batch in batches]
    for name in ARRAYS:
        shapes = {part[name].shape[1:] for part in parts}
        if len(shapes) > 1:
            raise DatasetError(f"{name}: episodes of different sizes {sorted(shapes)}; join episodes of one task only")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ARRAYS}
    return EpisodeBatch(**joined, has_agent_reward=all(batch.has_agent_reward for batch in batches))


def pad(batch: EpisodeBatch, horizon: int) -> EpisodeBatch:
    """The same episodes, padded to `horizon` steps (at least their own)."""
    extra = horizon - batch.horizon
    if extra <= 0:
        return batch
    padded: dict[str, NDArray[Any]] = {}
    for name, array in batch.arrays().items():
        if not ARRAYS[name][1]:
            padded[name] = array
            continue
        filling = np.full((len(array), extra, *array.shape[2:]), name == "available", array.dtype)
        padded[name] = np.concatenate([array, filling], axis=1)
    return EpisodeBatch(**padded, has_agent_reward=batch.has_agent_reward)


def cut(arrays: dict[str, NDArray[Any]], horizon: int) -> dict[str, NDArray[Any]]:
    """Views of the first `horizon` steps (and one more of what has T+1)."""
    return {
        name: array[:, : horizon + ("T+1" in ARRAYS[name][1])] if ARRAYS[name][1] else array
        for name, array in arrays.items()
    }


def discounted_returns(reward: Floats, valid: Bools, gamma: float) -> Floats:
    """G_t = r_t + gamma * G_{t+1} within each episode; nothing follows its last real step.

    For an episode that was truncated this leaves out what would have come: a lower bound where rewards are positive.

    Args:
        reward: float32 [E, T].
        valid: bool [E, T], a prefix of every episode.
        gamma: discount in [0, 1].

    Returns:
        float32 [E, T]; 0 where not valid.
    """
    returns = np.zeros_like(reward)
    following = np.zeros(reward.shape[0], reward.dtype)
    for t in reversed(range(reward.shape[1])):
        following = np.where(valid[:, t], reward[:, t] + gamma * following, 0.0).astype(reward.dtype)
        returns[:, t] = following
    return returns


def _check_shapes(arrays: dict[str, NDArray[Any]]) -> None:
    """Each array against `ARRAYS`, the sizes read from the first array that has them."""
    reward = arrays["reward"]
    if reward.ndim != 2:
        raise DatasetError(f"reward: shape {reward.shape}; it must be [episodes, steps]")
    sizes = {"T": reward.shape[1], "T+1": reward.shape[1] + 1}
    for name, (dtype, dims) in ARRAYS.items():
        array = arrays[name]
        if array.dtype != np.dtype(dtype):
            raise DatasetError(f"{name}: dtype {array.dtype}; it must be {dtype}")
        wanted = ("E", *dims)
        sizes.setdefault("E", reward.shape[0])
        fits = array.ndim == len(wanted) and all(
            sizes.setdefault(dim, size) == size for dim, size in zip(wanted, array.shape, strict=True)
        )
        if not fits:
            known = ", ".join(f"{dim}={sizes[dim]}" for dim in wanted if dim in sizes)
            raise DatasetError(f"{name}: shape {array.shape}; it must be [{', '.join(wanted)}] with {known}")


def _check_contents(batch: EpisodeBatch) -> None:
    """What holds for every episode that an environment produced."""
    valid = batch.valid
    ended = batch.terminated | batch.truncated
    chosen = np.clip(batch.actions, 0, batch.n_actions - 1)[..., None]
    allowed = np.take_along_axis(batch.available[:, :-1], chosen, axis=-1)[..., 0]
    out_of_range = (batch.actions < 0) | (batch.actions >= batch.n_actions)
    reward = np.isfinite(batch.reward) & np.isfinite(batch.agent_reward).all(axis=2)
    seen = np.isfinite(batch.obs).all(axis=(2, 3)) & np.isfinite(batch.state).all(axis=2)
    faults = {
        "valid: an episode without a step": ~valid.any(axis=1, keepdims=True),
        "valid: a real step after a padded one": valid[:, 1:] & ~valid[:, :-1],
        "terminated, truncated: both at one step": batch.terminated & batch.truncated,
        "terminated, truncated: an end in the padding": ended & ~valid,
        "terminated, truncated: a real step after an end": ended[:, :-1] & valid[:, 1:],
        "actions: outside the range of actions": (out_of_range.any(axis=2)) & valid,
        "actions: an action that was not available": (~allowed).any(axis=2) & valid,
        "reward, agent_reward: not finite": ~reward,
        "obs, state: not finite": ~seen,
    }
    for fault, where in faults.items():
        if where.any():
            episode, step = np.argwhere(where)[0]
            remedy = "leave it out" if "without a step" in fault else "collect the episodes again"
            raise DatasetError(f"{fault} (episode {episode}, step {step}); {remedy}")
