"""Contest: the order in which training is predicted to go, by successive halving as far as a budget of minutes reaches."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfcaf_forge.graph import codec
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.pipeline.executor import Executor
from tfcaf_forge.ranking.bench import equal_weights
from tfcaf_forge.ranking.fitted import FittedConfig, fit_all
from tfcaf_forge.ranking.halving import plan
from tfcaf_forge.ranking.measure import explained
from tfcaf_forge.ranking.order import standing
from tfcaf_forge.ranking.rank import BASELINE, Ranker
from tfcaf_forge.ranking.rule import load_rule
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.ranking import Order
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset

if TYPE_CHECKING:
    from tfcaf_forge.training.mixers import Mixer
    from tfcaf_forge.training.result import Evaluation

Tell = Callable[[str], None]
CONFIG = FittedConfig()


class Area(NamedTuple):
    """Mean greedy return over a training's evaluations, and its standard error over their episodes."""

    mean: float
    error: float


def area_of(evaluations: Sequence[Evaluation]) -> Area:
    """Of the evaluations given, each counting once."""
    count = max(len(evaluations), 1)
    variance = sum(e.std**2 / e.episodes for e in evaluations)
    return Area(sum(e.mean for e in evaluations) / count, math.sqrt(variance) / count)


def contest(
    graphs: Mapping[int, OpGraph],
    ranker: Ranker,
    dataset: Dataset,
    task: TaskSpec,
    *,
    seed: int,
    minutes: float = 0.0,
    tell: Tell | None = None,
    executor: Executor | None = None,
) -> Order:
    """The predicted order of accepted candidates.

    First by the rule of `ranking.rule` on the closed forms. The better half then is put in order by the same rule, the advantage
    being what closed form and fitted networks explain of it on average, and the first three of them by a short real training, next
    to VDN. The networks' figure alone is no order: it does not see how large the credit is (docs/decisions/0025).

    Args:
        graphs: by candidate, at least one.
        ranker: of the dataset.
        dataset, task: what is replayed.
        seed: of everything.
        minutes: the budget of the second and third rung; planned from sizes alone, so the order does not depend on the clock.
        tell: told what takes long.
        executor: where the short trainings run; in this process if None.
    """
    say = tell or _silent
    predictions = ranker.predictions(graphs)
    place = standing(predictions)
    ids = list(predictions)
    todo = plan(
        minutes, candidates=len(ids), transitions=dataset.info.transitions, n_agents=task.n_agents,
        minibatch_rows=CONFIG.steps * CONFIG.batch,
    )  # fmt: skip
    by, fitted, trained = "the rule's prediction", dict[int, float](), dict[int, Area]()
    if todo.fitted:
        say(f"fitting {todo.fitted} candidates' networks in one pass")
        fitted = _fitted({i: graphs[i] for i in ids[: todo.fitted]}, ranker, dataset, task, seed)
        ids = _resorted(ids, {i: ranker.refined(graphs[i], _gain(fitted, i)) for i in fitted if i != BASELINE})
        by = f"the rule's prediction, for the first {todo.fitted} with what fitted networks explain of the advantage as well"
    if todo.finalists:
        trained = _trained({i: graphs[i] for i in ids[: todo.finalists]}, Short(task, todo.steps, seed), executor, say)
        ids = [*overtaken(ids[: todo.finalists], trained), *ids[todo.finalists :]]
        by += f", then for the first {todo.finalists} a training of {todo.steps:,} steps where it told them apart"
    better = float(np.quantile(predictions[ids[0]], 0.025)) > load_rule().margin
    return Order(
        by=by,
        ids=tuple(ids),
        tied=place.tied,
        best_share=place.best_share,
        agreement=place.agreement,
        better_than_baseline=better and (not trained or apart(trained[ids[0]], trained[BASELINE])),
        fitted=fitted,
        trained={i: round(area.mean, 6) for i, area in trained.items()},
        trained_error={i: round(area.error, 6) for i, area in trained.items()},
        steps=todo.steps,
        seconds=todo.seconds,
    )


def _resorted(ids: list[int], values: Mapping[int, float]) -> list[int]:
    """The candidates that have a value by it, of equals the earlier in the order, before the others."""
    return [*sorted(values, key=lambda i: (-values[i], ids.index(i))), *(i for i in ids if i not in values)]


def apart(one: Area, other: Area) -> bool:
    """Whether the first training is better than the other by more than two standard errors of the difference."""
    return one.mean - other.mean > 2 * math.hypot(one.error, other.error)


def overtaken(ids: list[int], trained: Mapping[int, Area]) -> list[int]:
    """The finalists in their order, but for those that a later one overtakes clearly: where nobody learns, the prediction stands.

    Args:
        ids: the finalists, by prediction.
        trained: their trainings.
    """
    made: list[int] = []
    for i in ids:
        place = len(made)
        while place and apart(trained[i], trained[made[place - 1]]):
            place -= 1
        made.insert(place, i)
    return made


def _gain(explained_share: Mapping[int, float], candidate: int) -> float:
    """ln(SSE of equal weights / SSE of the candidate), of shares explained."""
    return float(np.log((1 - explained_share[BASELINE]) / (1 - explained_share[candidate])))


def _fitted(
    graphs: Mapping[int, OpGraph], ranker: Ranker, dataset: Dataset, task: TaskSpec, seed: int
) -> dict[int, float]:
    everyone = {BASELINE: equal_weights(task.n_agents, task.state_size), **graphs}
    found = fit_all(list(everyone.values()), dataset, task, ranker.bench, seed, CONFIG)
    whole = np.ones((1, dataset.info.episodes))
    return {i: round(float(explained(one.advantage, whole)[0]), 6) for i, one in zip(everyone, found, strict=True)}


@dataclass(frozen=True)
class Short:
    """The trainings of a contest: what they have in common."""

    task: TaskSpec
    steps: int
    seed: int


def _trained(graphs: Mapping[int, OpGraph], short: Short, executor: Executor | None, say: Tell) -> dict[int, Area]:
    """What each candidate's training is worth, and VDN's."""
    runs: list[tuple[int, OpGraph | None]] = [(BASELINE, None), *graphs.items()]
    if executor is None:
        return {number: train_briefly(short, (number, graph), say) for number, graph in runs}
    found: dict[int, Area] = {}
    for place, value in executor.map(train_briefly, short, runs):
        found[runs[place][0]] = value
        say(f"{len(found)} of {len(runs)} trainings of {short.steps:,} steps")
    return {number: found[number] for number, _ in runs}


def train_briefly(short: Short, run: tuple[int, OpGraph | None], say: Tell | None = None) -> Area:
    """Mean greedy return over the evaluations of a short training, the one before it left out; VDN's where there is no graph."""
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.mixers import VDN
    from tfcaf_forge.training.trainer import train

    (number, graph), steps, tell = run, short.steps, say or _silent
    config = TrainConfig(
        recurrent=False, learning_rate=1e-3, updates_per_episode=0.5, epsilon_steps=max(steps // 2, 1), n_step=3, target_tau=0.02,
        evaluation_interval=max(steps // 8, 1), checkpoint_interval=10**9,
    )  # fmt: skip
    name = "VDN" if graph is None else f"candidate {number}"
    mixer = VDN() if graph is None else _mixer(number, graph, short.task)
    with tempfile.TemporaryDirectory() as place:
        result = train(
            short.task, mixer, config, seed=short.seed, steps=steps, folder=Path(place) / "run",
            progress=lambda now: tell(f"training with {name}: {now.steps:,} of {steps:,} steps"),
        )  # fmt: skip
    return area_of(result.evaluations[1:])


def _mixer(number: int, graph: OpGraph, task: TaskSpec) -> Mixer:
    """A candidate as the kernel that it would be exported as, evidence left out."""
    from tfcaf_forge.kernels.kernel import Kernel
    from tfcaf_forge.training.mixers import KernelMixer

    manifest = Manifest(
        task=task.name, task_digest=task.digest, n_agents=task.n_agents, state_size=task.state_size, layout=task.names,
        q_scale=task.credit.q_scale, monotonicity=task.credit.monotonicity, affine=is_affine(graph),
        graph_digest=codec.digest(graph), source_digest="", coder="", evidence_digest="", verdicts=(), isolation=(),
        forge_version="", torch_version="",
    )  # fmt: skip
    return KernelMixer(Kernel(graph, manifest), task, name=f"candidate:{number}")


def _silent(text: str) -> None:
    """Nobody wants to know."""
