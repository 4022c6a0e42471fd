"""Stability: how often a coder writes a function that holds, how unlike its functions are, and how far they scatter.

Every coder is asked for the same number of first proposals, independently and without feedback; all are vetted alike and
scored on one replay dataset. It measures the coder, not the loop.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tfcaf_forge.errors import InputError, StoreError
from tfcaf_forge.pipeline.behaviour import Fingerprints, Floats, twin_of
from tfcaf_forge.pipeline.candidates import Candidates
from tfcaf_forge.pipeline.outcome import Brake, Notify, Synthesis
from tfcaf_forge.pipeline.ranked import Progress, collect
from tfcaf_forge.pipeline.report import REPLAY
from tfcaf_forge.pipeline.synthesize import slug, synthesize
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.proposals.faults import ModelError
from tfcaf_forge.proposals.session import Models
from tfcaf_forge.records.base import Plain, Record, canonical_json
from tfcaf_forge.records.ranking import Interval
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import load_dataset, read_info
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox
from tfcaf_forge.store import Store

OFFLINE = "offline"
_STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
"""The 97.5 % points of Student's t with 1 to 10 degrees of freedom."""


class Stability(Plain, frozen=True, kw_only=True):
    """One coder's samples.

    Attributes:
        coder: its name.
        samples: proposals that were asked for and came to an end; fewer than wanted where `stopped` says why.
        valid: share whose function has a graph; with a 95 % Wilson interval.
        accepted: share in which every required property holds; likewise.
        graphs, behaviours: how many different graphs, and different behaviours, there are among the accepted ones.
        score: mean score of the accepted ones, with Student's 95 % interval over samples; None for fewer than two.
        spread: standard deviation of their scores.
        best: the highest of them.
        failures: how many samples failed with each code: a rejection's, or `refuted` with the property.
        calls, tokens, usd: what asking cost; dollars are None where the price is unknown.
        usd_per_accepted: dollars for each accepted function.
        folder: the run that holds every sample.
        stopped: why it ended early; empty if it did not.
    """

    coder: str
    samples: int
    valid: Interval
    accepted: Interval
    graphs: int
    behaviours: int
    score: Interval | None
    spread: float | None
    best: float | None
    failures: dict[str, int]
    calls: int
    tokens: int
    usd: float | None
    usd_per_accepted: float | None
    folder: str
    stopped: str = ""


class Comparison(Record, frozen=True, kw_only=True):
    """Several coders on one task.

    Attributes:
        task: its name.
        wanted: samples that each was asked for.
        dataset: digest of the replay dataset that all were scored on.
        baseline: the score of equal weights on it.
        coders: one line each.
    """

    task: str
    wanted: int
    dataset: str
    baseline: float
    coders: tuple[Stability, ...]


@dataclass(frozen=True)
class Sampling:
    """The samples of a coder are about to be taken."""

    coder: str
    number: int
    total: int


def stability(
    task: str | Path | TaskSpec,
    models: Sequence[Models] = (),
    *,
    samples: int = 20,
    out: Path | None = None,
    seed: int = 0,
    episodes: int = 500,
    replay: Path | None = None,
    profile: str = "fast",
    backend: str = "local",
    limits: str = "default",
    notify: Notify | None = None,
    begin: Callable[[Sampling], None] | None = None,
    progress: Progress | None = None,
    brake: Brake | None = None,
) -> Comparison:
    """Compare coders by independent first proposals; the offline coder is always among them.

    A folder that holds some of the samples is resumed.

    Args:
        task: a bundled task's name, a path, or a TaskSpec.
        models: models to compare with the offline coder.
        samples: from each.
        out: folder for the samples; `runs/stability-TASK-SEED` if None.
        seed: of everything.
        episodes: recorded for the scores, where `replay` is None.
        replay: a dataset to score on.
        profile, backend, limits: as for `synthesize`.
        notify, begin, progress: told of candidates, of coders, and of episodes.
        brake: ends early, but in order.

    Raises:
        InputError, ModelError: what was given is wrong.
        StoreError: the folder was begun with other settings.
    """
    spec = load_task(task)
    if samples < 1:
        raise InputError(f"--samples {samples}: at least 1 is needed")
    alone = [_alone(asked) for asked in models]
    for asked in alone:
        asked.check()
    folder = out or Path("runs") / f"stability-{spec.name}-{seed}"
    names = _folders(alone)
    brake = brake or Brake()
    if replay is None:
        _require_as_begun(folder, episodes, seed)
    for name, asked in zip(names[1:], alone, strict=True):
        _ask_first(asked, spec, folder / name, brake)
    dataset = replay or _dataset(spec, folder / REPLAY, episodes, seed, progress)
    lines: list[Stability] = []
    baseline = 0.0
    with Sandbox(backend, load_profile(limits)) as sandbox:
        for number, (name, asked) in enumerate(zip(names, [None, *alone], strict=True), 1):
            if brake.pulled:
                break
            if begin is not None:
                begin(Sampling(OFFLINE if asked is None else asked.asking.model, number, len(names)))
            result = synthesize(
                spec, models=asked, out=folder / name, seed=seed, rounds=1, candidates=samples, replay=dataset, profile=profile,
                backend=backend, limits=limits, sandbox=sandbox, mutants=0, notify=notify, brake=brake,
            )  # fmt: skip
            lines.append(_measure(result, spec, dataset, seed))
            baseline = _baseline(result, baseline)
    found = Comparison(
        task=spec.name,
        wanted=samples,
        dataset=load_dataset(dataset, spec).digest,
        baseline=baseline,
        coders=tuple(lines),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stability.json").write_bytes(msgspec.json.format(canonical_json(found), indent=2) + b"\n")
    return found


def _alone(models: Models) -> Models:
    """Without an evaluator: first proposals are not reviewed."""
    asking = msgspec.structs.replace(models.asking, evaluator="", evaluator_endpoint="")
    return Models(
        asking=asking, writers=models.writers, reviewer=None, budget=models.budget, limits=models.limits, redactor=models.redactor,
        recording=models.recording, local=models.local,
    )  # fmt: skip


def _ask_first(models: Models, task: TaskSpec, folder: Path, brake: Brake) -> None:
    """Ask for the first sample before anything is recorded; its answer stays on the disk and is used later.

    Raises:
        ModelError: the model cannot be asked.
    """
    with Store(folder) as store:
        if store.read("settings", dict[str, Any]) is not None:
            return  # it was asked when the samples were begun
        with models.open(store, task) as session:
            brake.then(session.stop)
            drafts = session.coder.draft(task, round=0, ids={0: 1}, history=[], baseline=None)
    if drafts.stopped == "interrupted":
        raise KeyboardInterrupt
    if drafts.stopped:
        raise ModelError(f"{models.asking.model} was not asked: {drafts.detail}")


def _folders(models: Sequence[Models]) -> list[str]:
    """A folder's name for every coder; two of the same model get a number."""
    names = [OFFLINE]
    for asked in models:
        name = slug(asked.asking.model)
        names.append(name if name not in names else f"{name}-{len(names)}")
    return names


def _require_as_begun(folder: Path, episodes: int, seed: int) -> None:
    """Refuse other episodes than the folder was begun with, before anybody is asked: they would be kept in silence.

    Raises:
        StoreError: says how many they are.
        DatasetError: what is there is no dataset.
    """
    if not (folder / REPLAY).exists():
        return
    info = read_info(folder / REPLAY)
    if (info.episodes, info.seed) != (episodes, seed):
        raise StoreError(
            f"{folder} was begun with {info.episodes} episodes of seed {info.seed}, not {episodes} of seed {seed}; "
            f"give --episodes {info.episodes} --seed {info.seed} to go on with them, or another --out"
        )


def _dataset(task: TaskSpec, folder: Path, episodes: int, seed: int, progress: Progress | None) -> Path:
    if not folder.exists():
        collect(task, folder, episodes=episodes, seed=seed, progress=progress)
    return folder


def _baseline(result: Synthesis, before: float) -> float:
    return result.ranking.baseline.score.value if result.ranking is not None else before


def _measure(result: Synthesis, task: TaskSpec, dataset: Path, seed: int) -> Stability:
    with Store(Path(result.folder), write=False) as store:
        samples = Candidates(store)
    done = samples.finished
    failures = {number: samples.failure(number) for number in done}
    accepted = [number for number in done if failures[number] is None]
    valid = sum(samples.original(number) in samples.traced for number in done)
    scored = [samples.scores.get(samples.original(number)) for number in accepted]
    scores = np.array([score.score.value for score in scored if score is not None])
    spend = result.spend
    usd = 0.0 if spend is None else None if spend.unpriced else spend.usd
    return Stability(
        coder=next((p.coder for p in samples.proposals.values()), OFFLINE),
        samples=len(done),
        valid=wilson(valid, len(done)),
        accepted=wilson(len(accepted), len(done)),
        graphs=len({_graph(samples, number) for number in accepted}),
        behaviours=_behaviours(samples, {samples.original(number) for number in accepted}, task, dataset, seed),
        score=mean(scores),
        spread=round(float(scores.std(ddof=1)), 9) if len(scores) > 1 else None,
        best=float(scores.max()) if len(scores) else None,
        failures=dict(Counter(code for code in failures.values() if code is not None).most_common()),
        calls=0 if spend is None else spend.calls,
        tokens=0 if spend is None else spend.tokens_in + spend.tokens_out,
        usd=usd,
        usd_per_accepted=usd / len(accepted) if usd is not None and accepted else None,
        folder=result.folder,
        stopped=result.stopped,
    )


def _graph(samples: Candidates, number: int) -> str:
    """The digest of a sample's own graph; one with a known source was not traced again, and has that one's."""
    own = samples.traced.get(number)
    return (own or samples.traced[samples.original(number)]).graph_digest


def _behaviours(samples: Candidates, accepted: set[int], task: TaskSpec, dataset: Path, seed: int) -> int:
    """How many of the accepted graphs behave differently."""
    if not accepted:
        return 0
    fingerprints = Fingerprints(task, load_dataset(dataset, task).episodes.transitions().state, seed)
    different: dict[int, Floats] = {}
    for number in sorted(accepted):
        print_ = fingerprints.of(samples.traced[number].graph)
        if twin_of(print_, different) is None:
            different[number] = print_
    return len(different)


def wilson(count: int, total: int) -> Interval:
    """A share with its 95 % Wilson score interval (Wilson, 1927); (0, 1) where there is nothing to count."""
    if total == 0:
        return Interval(value=0.0, low=0.0, high=1.0)
    z, share = 1.959964, count / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return Interval(value=share, low=max(0.0, round(centre - half, 9)), high=min(1.0, round(centre + half, 9)))


def mean(scores: np.ndarray[Any, np.dtype[np.float64]]) -> Interval | None:
    """The mean with Student's 95 % interval; None for fewer than two scores, which say nothing of the spread.

    Samples are few and often alike, where a bootstrap's intervals are too short: at five samples of a normal
    distribution a percentile bootstrap covers the mean in about 83 of 100 cases, Student's in 95.
    """
    count = len(scores)
    if count < 2:
        return None
    centre = round(float(scores.mean()), 9)
    half = student(count - 1) * float(scores.std(ddof=1)) / math.sqrt(count)
    return Interval(value=centre, low=round(centre - half, 9), high=round(centre + half, 9))


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t; beyond the table by its expansion in 1 / freedom (Fisher, 1925)."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def failure_text(failures: Mapping[str, int]) -> str:
    """`boolean-mask 3, refuted: monotone 2`."""
    return ", ".join(f"{code} {count}" for code, count in failures.items()) or "none"
