"""Collect and rank: replay datasets, and the order of functions on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from tfcaf_forge.errors import InputError
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.pipeline.contest import contest
from tfcaf_forge.pipeline.executor import Executor
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.proposals.files import proposal_from_file
from tfcaf_forge.ranking.contribution import contributions, default_actions, situations
from tfcaf_forge.ranking.rank import Ranker, explains
from tfcaf_forge.ranking.score import Doubles
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.ranking import Order, Ranking
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset, absent, load_dataset, write_dataset
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox

Progress = Callable[[int, int], None]


class Ranked(Plain, frozen=True, kw_only=True):
    """A ranking of files.

    Attributes:
        names: by the id that the ranking uses.
        refused: files that could not be ranked, each with the reason.
        ranking: scores; None if every file was refused.
        order: the order in which training is predicted to go; likewise.
    """

    names: dict[int, str]
    refused: dict[str, str]
    ranking: Ranking | None
    order: Order | None = None


def collect(
    task: str | Path | TaskSpec,
    out: Path,
    *,
    episodes: int = 500,
    seed: int = 0,
    behaviours: Sequence[str] = (),
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> Dataset:
    """Record real episodes into a replay dataset.

    Args:
        task: a bundled task's name, a path, or a TaskSpec.
        out: the dataset's folder; must not exist.
        episodes: how many.
        seed: decides every number of the result.
        behaviours: the mixture, as `training.mixture` writes it; the task's default if empty.
        progress: called with (episodes done, episodes in all).
        tell: told what takes long before the first episode.

    Raises:
        InputError: a behaviour is unknown.
        TaskError, MissingExtra: the environment cannot be built.
        DatasetError: `out` exists.
    """
    from tfcaf_forge.training.collect import collect as play
    from tfcaf_forge.training.collect import default_mixture
    from tfcaf_forge.training.mixture import make_behaviour, parse_behaviour

    spec = load_task(task)
    absent(out)
    wanted = [parse_behaviour(text) for text in behaviours]
    mixture = [make_behaviour(spec, one, seed, tell) for one in wanted] or default_mixture(spec)
    shares = [one.share for one in wanted] or None
    batch = play(spec, episodes, seed, behaviours=mixture, shares=shares, progress=progress)
    return write_dataset(out, spec, batch, seed=seed, behaviours=[b.name for b in mixture])


def rank(
    files: Sequence[Path],
    task: str | Path | TaskSpec,
    replay: Path,
    *,
    seed: int = 0,
    minutes: float = 0.0,
    simulate: bool = False,
    backend: str = "local",
    limits: str = "default",
    tell: Callable[[str], None] | None = None,
    executor: Executor | None = None,
) -> Ranked:
    """Rank kernels and source files on a replay dataset. Sources are vetted first, on the replayed states among others.

    A file whose function is not finite on a replayed row is refused, with the row and its fields.

    Args:
        files: `.safetensors` kernels, or Python files.
        task: a bundled task's name, a path, or a TaskSpec.
        replay: the dataset's folder.
        seed: of features, bootstrap samples and trials.
        minutes: budget of longer fits and of short trainings (`pipeline.contest`).
        simulate: find out what the agents contributed by simulation from the recorded states, where the environment can.
        backend, limits: the sandbox's backend and profile, for source files.
        tell: told what takes long.
        executor: where the short trainings run; in this process if None.

    Raises:
        InputError: no files, or one cannot be read.
        DatasetError: the dataset is damaged or belongs to another task.
    """
    if not files:
        raise InputError("no files to rank; give kernels (.safetensors) or Python files")
    spec = load_task(task)
    dataset = load_dataset(replay, spec)
    ranker = Ranker(dataset, spec, seed, contribution=simulated(dataset, spec) if simulate else None)
    names: dict[int, str] = {}
    refused: dict[str, str] = {}
    made: dict[int, OpGraph] = {}
    scores = []
    with _Graphs(spec, ranker, seed, backend, limits) as graphs:
        for number, file in enumerate(files, 1):
            found = graphs.of(file, number)
            if isinstance(found, str):
                refused[str(file)] = found
                continue
            names[number], made[number] = str(file), found
            scores.append(ranker.score(number, found))
    if not scores:
        return Ranked(names=names, refused=refused, ranking=None)
    order = contest(made, ranker, dataset, spec, seed=seed, minutes=minutes, tell=tell, executor=executor)
    return _modest(Ranked(names=names, refused=refused, ranking=ranker.rank(scores, made), order=order))


def _modest(found: Ranked) -> Ranked:
    """The same, where the first explains none of the held-out returns without the claim that it is better than equal weights."""
    ranking, order = found.ranking, found.order
    if ranking is None or order is None:
        return found
    empty = {score.candidate for score in ranking.scores if not explains(score)}
    if ranking.winner in empty:
        ranking = replace(ranking, better_than_baseline=False)
    if order.ids[0] in empty:
        order = replace(order, better_than_baseline=False)
    return replace(found, ranking=ranking, order=order)


def simulated(dataset: Dataset, task: TaskSpec) -> Doubles:
    """Shapley values of what was done, [M, N], against the first available action; errors as in `simulator`."""
    from tfcaf_forge.training.simulate import simulator

    rows = dataset.episodes.transitions()
    return contributions(
        simulator(task), situations(dataset.episodes), gamma=task.gamma, default=default_actions(rows.available)
    ).value


class _Graphs:
    """Graphs from files; the sandbox is started with the first source file."""

    def __init__(self, task: TaskSpec, ranker: Ranker, seed: int, backend: str, limits: str) -> None:
        self._task, self._ranker, self._seed, self._backend, self._limits = task, ranker, seed, backend, limits
        self._sandbox: Sandbox | None = None

    def of(self, file: Path, number: int) -> OpGraph | str:
        """The graph of a file, or why it cannot be ranked."""
        if file.suffix == ".safetensors":
            return self._of_kernel(file)
        proposal = proposal_from_file(file, id=number)
        if isinstance(proposal, Rejection):
            return str(proposal)
        self._sandbox = self._sandbox or Sandbox(self._backend, load_profile(self._limits))
        examiner = Examiner(self._task, self._sandbox, seed=self._seed, states=self._ranker.states)
        traced = examiner.trace(proposal)
        if isinstance(traced, Rejection):
            return str(traced)
        undefined = self._ranker.undefined(traced.graph)
        if undefined is not None:
            return undefined
        evidence = examiner.examine(traced)
        broken = [v.property_id for v in evidence.verdicts if v.required and not v.holds]
        return f"refuted: {', '.join(broken)}" if broken else traced.graph

    def _of_kernel(self, file: Path) -> OpGraph | str:
        from tfcaf_forge.kernels.artifact import read_kernel

        graph, manifest = read_kernel(file)
        if manifest.task_digest != self._task.digest:
            return f"it was made for the task {manifest.task}, whose TaskSpec differs"
        return self._ranker.undefined(graph) or graph

    def __enter__(self) -> _Graphs:
        return self

    def __exit__(self, *fault: object) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
