"""Collect real episodes by a mixture of behaviour policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import EpisodeBatch, concatenate
from tfcaf_forge.training.envs.behaviour import Behaviour, RandomBehaviour
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.envs.scripted import script_of
from tfcaf_forge.training.rollout import rollout

CollectProgress = Callable[[int, int], None]


def default_mixture(task: TaskSpec) -> tuple[Behaviour, ...]:
    """Half random and half scripted (with a third of random actions) where a script is known; else random."""
    script = script_of(task)
    return (RandomBehaviour(),) if script is None else (RandomBehaviour(), script(task))


def collect(
    task: TaskSpec,
    episodes: int,
    seed: int,
    *,
    behaviours: Sequence[Behaviour] | None = None,
    shares: Sequence[float] | None = None,
    n_envs: int = 32,
    progress: CollectProgress | None = None,
) -> EpisodeBatch:
    """Play whole episodes in the task's real environment.

    Args:
        task: names the environment.
        episodes: how many.
        seed: determines every number of the result, for a given `n_envs`.
        behaviours: policies; `default_mixture` if None.
        shares: relative numbers of episodes, one a behaviour; equal if None (the largest remainders take the rest).
        n_envs: copies that step together.
        progress: called with (episodes done, episodes in all).

    Returns:
        The episodes in shuffled order, so that any prefix is a mixture; `behaviour` indexes `behaviours`.

    Raises:
        InputError: no episodes, no behaviours, or a negative seed.
        TaskError, MissingExtra: as in `make_env`.
    """
    mixture = tuple(default_mixture(task) if behaviours is None else behaviours)
    if seed < 0:
        raise InputError(f"seed {seed}; it must be 0 or more")
    if episodes < 1 or not mixture:
        raise InputError(
            f"{episodes} episodes by {len(mixture)} behaviours; collect at least one episode by one behaviour"
        )
    counts = _counts(episodes, shares or [1.0] * len(mixture))
    env = make_env(task, min(n_envs, episodes))
    *seeds, shuffle_seed = np.random.SeedSequence(seed).spawn(len(mixture) + 1)
    parts: list[EpisodeBatch] = []
    done = 0
    for index, (behaviour, source, wanted) in enumerate(zip(mixture, seeds, counts, strict=True)):
        while wanted > 0:
            # A rollout is always of full width and then cut, so that no episode is kept for being short.
            batch = rollout(env, behaviour, seed=int(source.spawn(1)[0].generate_state(1)[0])).select(slice(wanted))
            parts.append(replace(batch, behaviour=np.full(batch.n_episodes, index, np.int64)))
            wanted -= batch.n_episodes
            done += batch.n_episodes
            if progress is not None:
                progress(done, episodes)
    order = np.random.default_rng(shuffle_seed).permutation(episodes)
    return concatenate(parts).select(order)


def _counts(episodes: int, shares: Sequence[float]) -> list[int]:
    """Whole episodes by share; the largest remainders, and of equals the first, take what is left over."""
    exact = [episodes * share / sum(shares) for share in shares]
    counts = [int(part) for part in exact]
    order = sorted(range(len(shares)), key=lambda i: counts[i] - exact[i])
    for index in order[: episodes - sum(counts)]:
        counts[index] += 1
    return counts
