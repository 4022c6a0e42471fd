"""Hold a TaskSpec against its real environment: sizes, and every value of the state against its declared range."""

from __future__ import annotations

from itertools import count

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.records.base import Plain, Record
from tfcaf_forge.records.task_spec import Slot, TaskSpec
from tfcaf_forge.replay.episode import Bools, EpisodeBatch, Floats
from tfcaf_forge.training.collect import default_mixture
from tfcaf_forge.training.envs.make import build_env, size_faults, with_original
from tfcaf_forge.training.rollout import rollout

N_ENVS = 32


class SizeFault(Plain, frozen=True, kw_only=True):
    """A size that the environment does not have."""

    what: str
    declared: int
    found: int


class FieldFault(Plain, frozen=True, kw_only=True):
    """A value outside its field's declaration: the first one, and how many followed.

    Attributes:
        reason: in words.
        value: the first such value.
        episode, step: where it was first seen; step 0 is what a reset shows.
        count: number of states with such a value.
    """

    reason: str
    value: float
    episode: int
    step: int
    count: int


class FieldCheck(Plain, frozen=True, kw_only=True):
    """What was seen of one number of the state.

    Attributes:
        name: such as `foods[1].level`.
        low, high: declared.
        seen_low, seen_high: seen where its element was there; None if it never was.
        share: of the declared range that was seen: distinct values for integers and categories, width for
            continuous fields. A range that is much too wide makes proofs weaker than they need be.
        absent: share of states in which its element was absent.
        faults: none if the declaration holds.
    """

    name: str
    low: float
    high: float
    seen_low: float | None
    seen_high: float | None
    share: float
    absent: float
    faults: tuple[FieldFault, ...] = ()


class TaskCheck(Record, frozen=True, kw_only=True):
    """The result of a check.

    Attributes:
        task, task_digest: what was checked.
        steps, episodes, seed: how much was played. 0 steps where the sizes already contradict.
        behaviours: policies that played.
        sizes: contradicting sizes.
        fields: every number of the state, [S].
    """

    task: str
    task_digest: str
    steps: int
    episodes: int
    seed: int
    behaviours: tuple[str, ...]
    sizes: tuple[SizeFault, ...]
    fields: tuple[FieldCheck, ...]

    @property
    def passed(self) -> bool:
        """True if nothing contradicts the TaskSpec."""
        return not self.sizes and not any(field.faults for field in self.fields)


def check_task(task: TaskSpec, *, steps: int = 20_000, seed: int = 0) -> TaskCheck:
    """Play the task's environment and compare what it shows with what the TaskSpec declares.

    Args:
        task: the TaskSpec.
        steps: play at least as many real steps, by random and (where known) scripted behaviour in turn.
        seed: of everything.

    Raises:
        TaskError, MissingExtra: the environment cannot be built.
    """
    # Not more copies than the steps ask for: an episode of a warehouse has 500, and is played to its end.
    copies = min(N_ENVS, max(1, steps // (2 * max(task.episode_limit, 1))))
    env = build_env(with_original(task), copies)
    sizes = tuple(
        SizeFault(what=what, declared=declared, found=found) for what, declared, found in size_faults(task, env)
    )
    mixture = default_mixture(task)
    seen = _Seen(task)
    if not sizes:
        seeds = np.random.SeedSequence(seed)
        for turn in count():
            if seen.steps >= steps:
                break
            seen.add(rollout(env, mixture[turn % len(mixture)], seed=int(seeds.spawn(1)[0].generate_state(1)[0])))
    return TaskCheck(
        task=task.name,
        task_digest=task.digest,
        steps=seen.steps,
        episodes=seen.episodes,
        seed=seed,
        behaviours=tuple(behaviour.name for behaviour in mixture),
        sizes=sizes,
        fields=seen.fields() if seen.steps else (),
    )


class _Seen:
    """All states seen so far, and where each came from."""

    def __init__(self, task: TaskSpec) -> None:
        self.layout = task.layout
        self.steps = 0
        self.episodes = 0
        self._states: list[Floats] = []
        self._where: list[NDArray[np.int64]] = []

    def add(self, batch: EpisodeBatch) -> None:
        reached = np.arange(batch.horizon + 1) <= batch.lengths[:, None]
        where = np.argwhere(reached)
        self._states.append(batch.state[reached])
        self._where.append(where + np.array([self.episodes, 0]))
        self.steps += batch.n_transitions
        self.episodes += batch.n_episodes

    def fields(self) -> tuple[FieldCheck, ...]:
        states, where = np.concatenate(self._states), np.concatenate(self._where)
        absent = absent_elements(self.layout, states)
        return tuple(_check_field(slot, states[:, slot.index], absent[:, slot.index], where) for slot in self.layout)


def absent_elements(layout: tuple[Slot, ...], states: Floats) -> Bools:
    """Which numbers of which states belong to an element that is not there.

    An element is absent where all of its fields that declare an `absent` value hold that value.

    Args:
        layout: [S].
        states: float32 [M, S].

    Returns:
        bool [M, S]; False for fields that declare no `absent` value.
    """
    absent = np.zeros(states.shape, np.bool_)
    elements: dict[tuple[str, int], list[Slot]] = {}
    for slot in layout:
        if slot.absent is not None:
            elements.setdefault((slot.block, slot.element), []).append(slot)
    for slots in elements.values():
        columns = [slot.index for slot in slots]
        sentinel = np.array([slot.absent for slot in slots], np.float32)
        absent[:, columns] = np.all(states[:, columns] == sentinel, axis=1)[:, None]
    return absent


def _check_field(slot: Slot, values: Floats, absent: Bools, where: NDArray[np.int64]) -> FieldCheck:
    there = values[~absent]
    outside = ~absent & ~((values >= slot.low) & (values <= slot.high))  # so that NaN is outside
    broken = ~absent & ~outside & (slot.kind != "continuous") & (values != np.round(values))
    lonely = outside & np.asarray(values == slot.absent) if slot.absent is not None else np.zeros_like(outside)
    reasons = {
        f"outside the declared range [{slot.low:g}, {slot.high:g}]": outside & ~lonely,
        "the `absent` value in an element whose other fields are there": lonely,
        f"not a whole number in a field of kind {slot.kind}": broken,
    }
    faults = tuple(_fault(reason, values, fault, where) for reason, fault in reasons.items() if fault.any())
    return FieldCheck(
        name=slot.name,
        low=slot.low,
        high=slot.high,
        seen_low=float(there.min()) if there.size else None,
        seen_high=float(there.max()) if there.size else None,
        share=_share(slot, values[~absent & ~outside]),
        absent=float(absent.mean()),
        faults=faults,
    )


def _fault(reason: str, values: Floats, fault: Bools, where: NDArray[np.int64]) -> FieldFault:
    first = int(np.argmax(fault))
    episode, step = (int(number) for number in where[first])
    return FieldFault(reason=reason, value=float(values[first]), episode=episode, step=step, count=int(fault.sum()))


def _share(slot: Slot, inside: Floats) -> float:
    """Share of the declared range that these values cover."""
    if not inside.size or slot.high == slot.low:
        return float(bool(inside.size))
    if slot.kind == "continuous":
        return float((inside.max() - inside.min()) / (slot.high - slot.low))
    return len(np.unique(inside)) / (int(slot.high) - int(slot.low) + 1)
