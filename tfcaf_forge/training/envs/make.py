"""From a TaskSpec to its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.records.task_spec import Environment, TaskSpec
from tfcaf_forge.training.envs.base import BatchedEnv
from tfcaf_forge.training.envs.copies import OneEnv


def without(options: Mapping[str, Scalar], name: str) -> dict[str, Scalar]:
    """The options but one, which is this package's own and not the environment's."""
    return {key: value for key, value in options.items() if key != name}


def _foraging(environment: Environment, n_envs: int) -> BatchedEnv:
    options = without(environment.options, "original")
    if environment.options.get("original"):
        from tfcaf_forge.training.envs.lbf import LbforagingCopies

        return LbforagingCopies(environment.id, n_envs, options)
    from tfcaf_forge.training.envs.foraging import ForagingBatch

    return ForagingBatch(environment.id, n_envs, options)


def _matrix(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.matrix import MatrixBatch

    if environment.options:
        raise TaskError(f"matrix games have no option {min(environment.options)}; remove it")
    return MatrixBatch(environment.id, n_envs)


def _predator_prey(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.predator_prey import PredatorPreyBatch

    return PredatorPreyBatch(environment.id, n_envs, environment.options)


def _mpe(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.mpe import MpeEnv
    from tfcaf_forge.training.envs.spread import SpreadBatch

    options = without(environment.options, "original")
    if _spreads_on_arrays(environment):
        return SpreadBatch(n_envs, options)
    return _copies(MpeEnv, replace(environment, options=options), n_envs)


def _spreads_on_arrays(environment: Environment) -> bool:
    """Whether `spread.SpreadBatch` plays this particle task."""
    known, original = {"N", "local_ratio", "max_cycles", "original"}, environment.options.get("original")
    return environment.id == "simple_spread_v3" and environment.options.keys() <= known and not original


def _rware(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.warehouse import WarehouseEnv

    return _copies(WarehouseEnv, environment, n_envs)


def _gymnasium(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.foreign import GymnasiumEnv

    return _copies(GymnasiumEnv, environment, n_envs)


def _pettingzoo(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.foreign import PettingZooEnv

    return _copies(PettingZooEnv, environment, n_envs)


def _vmas(environment: Environment, n_envs: int) -> BatchedEnv:
    from tfcaf_forge.training.envs.vmas import VmasBatch

    return VmasBatch(environment.id, n_envs, environment.options)


def _copies(one: Callable[[str, dict[str, Scalar]], OneEnv], environment: Environment, n_envs: int) -> BatchedEnv:
    """Copies in this process, or in `options.workers` processes."""
    from tfcaf_forge.training.envs.copies import CopiesBatch
    from tfcaf_forge.training.envs.workers import WorkerBatch

    options, workers = without(environment.options, "workers"), environment.options.get("workers", 0)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise TaskError(f"option workers = {workers!r}; it must be a whole number, 0 for none")
    make = partial(one, environment.id, options)
    return WorkerBatch(make, n_envs, workers=workers) if workers else CopiesBatch(make, n_envs)


BUILDERS: dict[str, Callable[[Environment, int], BatchedEnv]] = {
    "gymnasium": _gymnasium,
    "lbforaging": _foraging,
    "matrix": _matrix,
    "mpe": _mpe,
    "pettingzoo": _pettingzoo,
    "predator-prey": _predator_prey,
    "rware": _rware,
    "vmas": _vmas,
}
COPIED = ("lbforaging", "mpe")
"""Kinds of which this package plays at least one environment by a copy of its rules."""
EXTRAS = {"mpe": "mpe", "rware": "rware"}


def extra_of(task: TaskSpec) -> str | None:
    """The extra of this package that training on a task needs; None for none, or a package of the user's own."""
    return None if _spreads_on_arrays(task.environment) else EXTRAS.get(task.environment.kind)


def with_original(task: TaskSpec) -> TaskSpec:
    """The same task, played by the original package where a copy of its rules on arrays plays it otherwise.

    The original is slower, and has to be installed. `environment.options.original = true` in a task file does the same.
    """
    if task.environment.kind not in COPIED:
        return task
    environment = replace(task.environment, options={**task.environment.options, "original": True})
    return replace(task, environment=environment)


def make_env(task: TaskSpec, n_envs: int) -> BatchedEnv:
    """Build `n_envs` copies of the task's environment, and hold it against the task's sizes.

    Raises:
        TaskError: unknown kind, id or option, or the environment contradicts the TaskSpec.
        MissingExtra: the environment's package is not installed.
    """
    env = build_env(task, n_envs)
    for what, declared, found in size_faults(task, env):
        raise TaskError(
            f"task {task.name} declares {what} = {declared}, its environment has {found}; correct the task file"
        )
    return env


def build_env(task: TaskSpec, n_envs: int) -> BatchedEnv:
    """Build the environment without holding it against the task's sizes; errors as in `make_env`."""
    if n_envs < 1:
        raise TaskError(f"{n_envs} copies of an environment; it takes at least 1")
    kind = task.environment.kind
    if kind not in BUILDERS:
        raise TaskError(f"task {task.name}: environment kind {kind!r} is unknown; known: {', '.join(sorted(BUILDERS))}")
    return BUILDERS[kind](task.environment, n_envs)


def size_faults(task: TaskSpec, env: BatchedEnv) -> list[tuple[str, int, int]]:
    """Sizes that differ: (what, declared, found)."""
    sizes = [
        ("agents", task.n_agents, env.n_agents),
        ("actions", len(task.actions), env.n_actions),
        ("state fields", task.state_size, env.state_size),
        ("episode_limit", task.episode_limit, env.episode_limit),
    ]
    return [size for size in sizes if size[1] != size[2]]
