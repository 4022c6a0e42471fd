"""Recheck a deployed kernel on new data: ranges, verdicts, drift, and what follows: keep, warn or retire."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfcaf_forge.errors import InputError
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.kernels.artifact import read_kernel
from tfcaf_forge.pipeline.tasks import load_task, task_names
from tfcaf_forge.ranking.bench import LEAST_EPISODES, Bench, equal_weights, mixing_of
from tfcaf_forge.ranking.credit import shares
from tfcaf_forge.ranking.drift import Drift, drifts, mean_shift
from tfcaf_forge.ranking.measure import explained, return_errors
from tfcaf_forge.records.base import Plain, Record
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.ranking import Interval
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset, load_dataset
from tfcaf_forge.replay.episode import EpisodeBatch, Floats
from tfcaf_forge.replay.ranges import Excess, excesses

Decision = Literal["keep", "warn", "retire"]
LEVEL = 0.01
"""The chance of a false alarm among all fields together, and another for the score."""
RETIRED_LEVEL = 0.002
"""The chance of a false retirement by the score: of 999 permutations none may go as far."""
RETIRED_SHARE = 0.01
"""With more than this share of states beyond a declared range a kernel is retired; with fewer it is a warning."""
RULE = (
    f"retire: the state has other fields, more than {100 * RETIRED_SHARE:g} % of the states leave a declared range, a required property "
    "does not hold, the credit is not finite, or the kernel explains the returns worse than equal weights with its whole 95 % interval and "
    f"worse than on the reference (p < {RETIRED_LEVEL:g}); warn: fewer states leave a range, a field, the credit or the score differs from the "
    f"reference (p < {LEVEL:g}), or data is too little or of other sizes; else keep"
)


class Reason(Plain, frozen=True, kw_only=True):
    """Why a kernel is not simply kept: `code` is `layout`, `range`, `property`, `finite`, `score`, `drift` or `few`."""

    decision: Decision
    code: str
    field: str
    message: str


class Drifted(Plain, frozen=True, kw_only=True):
    """One quantity against the reference (`ranking.drift`)."""

    name: str
    distance: float
    p: float


class Recheck(Record, frozen=True, kw_only=True):
    """A deployed kernel on new data.

    Attributes:
        decision: keep, warn or retire: the gravest of the reasons'.
        rule: how it was decided.
        outside: fields beyond their declared range.
        verdicts: required properties on the new states, by name.
        gain: explained variance less that of equal weights on the new data; None with too little data, or returns all alike.
        reference_gain, shift, shift_p: the same on the reference, the difference by episode, and its p-value.
        drift: every field and credit share against the reference, the least likely first.
    """

    decision: Decision
    rule: str
    kernel: str
    task: str
    replay: str
    reference: str
    episodes: int
    transitions: int
    reasons: tuple[Reason, ...]
    outside: tuple[Excess, ...] = ()
    verdicts: dict[str, str] = {}
    gain: Interval | None = None
    reference_gain: Interval | None = None
    shift: float | None = None
    shift_p: float | None = None
    drift: tuple[Drifted, ...] = ()


def recheck(
    kernel: Path,
    replay: Path,
    *,
    task: str | Path | TaskSpec | None = None,
    reference: Path | None = None,
    seed: int = 0,
) -> Recheck:
    """Hold a kernel against new data.

    Args:
        kernel: its file.
        replay: the new dataset; it may come from a TaskSpec of another name or of other ranges.
        task: the task that the kernel was made for; the bundled one that it names if None.
        reference: the dataset that it was accepted on, for the tests of drift.
        seed: of trials, features and permutations.

    Raises:
        KernelError, DatasetError: a file was changed or is none.
        InputError: the task cannot be found, or is another one than the kernel's.
    """
    graph, manifest = read_kernel(kernel)
    spec = _task(task, manifest)
    new = load_dataset(replay)
    old = None if reference is None else load_dataset(reference, spec)
    about: dict[str, Any] = {
        "rule": RULE, "kernel": str(kernel), "task": spec.name, "replay": new.digest, "reference": "" if old is None else old.digest,
        "episodes": new.info.episodes, "transitions": new.info.transitions,
    }  # fmt: skip
    other = _layout(spec, new)
    if other is not None:
        return Recheck(decision="retire", reasons=(other,), **about)
    states = new.episodes.transitions().state
    outside = excesses(spec, states)
    reasons = [_range_reason(one) for one in outside]
    inside = _inside(spec, states)
    verdicts = _verdicts(graph, spec, states[inside], seed, reasons)
    credit = mixing_of(graph, states).credit
    if not np.isfinite(credit).all():
        row = int(np.argwhere(~np.isfinite(credit))[0, 0])
        reasons.append(
            Reason(
                decision="retire",
                code="finite",
                field="",
                message=f"the credit is not finite in state {row} of the new data",
            )
        )
        return Recheck(decision=_gravest(reasons), reasons=tuple(reasons), outside=outside, verdicts=verdicts, **about)
    gain = _gain(graph, spec, new, seed, reasons)
    found: dict[str, Any] = {} if old is None else _compared(graph, spec, old, new, gain, seed, reasons)
    return Recheck(
        decision=_gravest(reasons), reasons=tuple(reasons), outside=outside, verdicts=verdicts, gain=gain, **about, **found
    )  # fmt: skip


def _task(task: str | Path | TaskSpec | None, manifest: Manifest) -> TaskSpec:
    if task is None and manifest.task not in task_names():
        raise InputError(
            f"the kernel was made for the task {manifest.task}, which is not bundled; give its file: --task FILE.toml"
        )
    spec = load_task(manifest.task if task is None else task)
    if spec.digest != manifest.task_digest:
        raise InputError(
            f"the kernel was made for the task {manifest.task} with another TaskSpec than {spec.name}'s; give that file: --task FILE.toml"
        )
    return spec


def _layout(task: TaskSpec, new: Dataset) -> Reason | None:
    """Why the new states cannot even be read, if so."""
    batch: EpisodeBatch = new.episodes
    wanted, found = task.state_size, batch.state_size
    if wanted == found and batch.n_agents == task.n_agents and batch.n_actions == len(task.actions):
        return None
    if wanted == found:
        message = f"the new data has {batch.n_agents} agents and {batch.n_actions} actions; the task has {task.n_agents} and {len(task.actions)}"
        return Reason(decision="retire", code="layout", field="", message=message)
    change = f"{found} fields; the kernel reads {wanted}"
    theirs = _names(new)
    odd = sorted(set(theirs) ^ set(task.names), key=[*task.names, *theirs].index) if theirs else []
    field = odd[0] if odd else (task.names[found] if found < wanted else task.names[-1])
    where = (
        f"{', '.join(odd[:6])}{' …' if len(odd) > 6 else ''} stand in one of them only"
        if odd
        else f"the layouts part at {field} or before"
    )
    return Reason(decision="retire", code="layout", field=field, message=f"the new state has {change}: {where}")


def _names(new: Dataset) -> tuple[str, ...]:
    """Field names of the new data, where its task is bundled."""
    if new.info.task not in task_names():
        return ()
    spec = load_task(new.info.task)
    return spec.names if spec.digest == new.info.task_digest else ()


def _range_reason(one: Excess) -> Reason:
    decision: Decision = "retire" if one.share > RETIRED_SHARE else "warn"
    return Reason(decision=decision, code="range", field=one.field, message=f"{one}; the proofs say nothing there")


def _inside(task: TaskSpec, states: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    fits = np.ones(len(states), np.bool_)
    for slot in task.layout:
        values = states[:, slot.index]
        there = (values >= np.float32(slot.low)) & (values <= np.float32(slot.high))
        fits &= there if slot.absent is None else there | (values == np.float32(slot.absent))
    return fits


def _verdicts(graph: OpGraph, task: TaskSpec, states: Floats, seed: int, reasons: list[Reason]) -> dict[str, str]:
    """Required properties, tried on the new states, too."""
    from tfcaf_forge.evidence.examine import examine
    from tfcaf_forge.evidence.subject import Subject

    evidence = examine(Subject(graph, task), seed=seed, replay_states=states if len(states) else None)
    # Whether graph and source agree was found out in the sandbox; the source is not here.
    required = [v for v in evidence.verdicts if v.required and v.status not in ("ERRORED", "UNKNOWN")]
    for verdict in required:
        if not verdict.holds:
            message = f"the required property {verdict.property_id} does not hold: {verdict.detail or verdict.status}"
            reasons.append(Reason(decision="retire", code="property", field=verdict.property_id, message=message))
    return {v.property_id: v.status for v in evidence.verdicts if v.required}


def _gain(
    graph: OpGraph, task: TaskSpec, data: Dataset, seed: int, reasons: list[Reason] | None = None
) -> Interval | None:
    """Explained variance less that of equal weights."""
    if data.info.episodes < LEAST_EPISODES or not np.ptp(data.episodes.returns):
        if reasons is not None:
            few = data.info.episodes < LEAST_EPISODES
            message = (
                f"{data.info.episodes} episodes are too few for a score, which needs {LEAST_EPISODES}; collect more"
                if few
                else f"all {data.info.episodes} episodes have the same return, so there is nothing that a score could explain"
            )
            reasons.append(Reason(decision="warn", code="few", field="", message=message))
        return None
    bench = Bench.of(data, task, seed)
    mine, base = return_errors(graph, bench), return_errors(equal_weights(task.n_agents, task.state_size), bench)
    whole = np.ones((1, bench.picks.shape[1]))
    value = float((explained(mine, whole) - explained(base, whole))[0])
    low, high = np.quantile(explained(mine, bench.picks) - explained(base, bench.picks), (0.025, 0.975))
    return Interval(value=round(value, 9), low=round(float(low), 9), high=round(float(high), 9))


def _compared(
    graph: OpGraph, task: TaskSpec, old: Dataset, new: Dataset, gain: Interval | None, seed: int, reasons: list[Reason]
) -> dict[str, Any]:
    """Fields, credit and score against the reference."""
    found = moved(graph, task, old, new, seed)
    for one in found:
        if one.p < LEVEL:
            message = f"{one.name} is distributed otherwise than in the reference: distance {one.distance:.3f}, p = {one.p:.3f}"
            reasons.append(Reason(decision="warn", code="drift", field=one.name, message=message))
    reference = _gain(graph, task, old, seed)
    shift, p = _score_shift(graph, task, old, new, seed, reasons)
    if shift is not None and p is not None and p < LEVEL:
        # Worse than equal weights alone is no alarm: a good kernel may be that on few episodes, and always has been.
        worse = shift < 0 and p < RETIRED_LEVEL and gain is not None and gain.high < 0
        message = f"what it explains beyond equal weights moved by {shift:+.3f} of the returns' variance, p = {p:.3f}"
        if worse and gain is not None:
            message += f"; now it explains less than they do, by {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        reasons.append(Reason(decision="retire" if worse else "warn", code="score", field="", message=message))
    made = tuple(Drifted(name=d.name, distance=round(d.distance, 6), p=d.p) for d in found)
    return {"drift": made, "reference_gain": reference, "shift": shift, "shift_p": p}


def moved(graph: OpGraph, task: TaskSpec, old: Dataset, new: Dataset, seed: int) -> list[Drift]:
    """Every state field and every agent's share of the credit against the reference, the least likely first."""
    before, after = old.episodes.transitions(), new.episodes.transitions()
    quantities = {slot.name: (before.state[:, slot.index], after.state[:, slot.index]) for slot in task.layout}
    mine, theirs = (shares(mixing_of(graph, rows.state).credit).astype(np.float32) for rows in (before, after))
    quantities |= {f"credit[{i}]": (mine[:, i], theirs[:, i]) for i in range(task.n_agents)}
    return sorted(drifts(quantities, (before.episode, after.episode), seed), key=lambda d: (d.p, -d.distance))


def _score_shift(
    graph: OpGraph, task: TaskSpec, old: Dataset, new: Dataset, seed: int, reasons: list[Reason]
) -> tuple[float | None, float | None]:
    """As `score_shift`; a reason where the agents see other things than in the reference."""
    sizes = [data.episodes.obs.shape[-1] for data in (new, old)]
    if sizes[0] == sizes[1]:
        return score_shift(graph, task, old, new, seed)
    message = f"an agent sees {sizes[0]} numbers, in the reference {sizes[1]}, so the score cannot be compared"
    reasons.append(Reason(decision="warn", code="layout", field="obs", message=message))
    return None, None


def score_shift(
    graph: OpGraph, task: TaskSpec, old: Dataset, new: Dataset, seed: int
) -> tuple[float | None, float | None]:
    """By episode, squared error of equal weights less the kernel's, both fitted on all data together."""
    from tfcaf_forge.replay.episode import concatenate

    both = concatenate([old.episodes, new.episodes])
    if min(old.info.episodes, new.info.episodes) < LEAST_EPISODES or not np.ptp(both.returns):
        return None, None
    # Folds go by the episode's number, so the two datasets are mixed first and told apart afterwards.
    order = np.random.default_rng(seed).permutation(both.n_episodes)
    bench = Bench.of(Dataset(old.path, old.info, both.select(order)), task, seed)
    mine, base = return_errors(graph, bench), return_errors(equal_weights(task.n_agents, task.state_size), bench)
    saved = (base.error - mine.error) / mine.spread.mean()
    is_new = order >= old.info.episodes
    shift, p = mean_shift(saved[~is_new], saved[is_new], seed)
    return round(shift, 9), p


def _gravest(reasons: list[Reason]) -> Decision:
    found = {reason.decision for reason in reasons}
    return "retire" if "retire" in found else "warn" if "warn" in found else "keep"
