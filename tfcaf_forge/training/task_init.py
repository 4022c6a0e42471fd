"""Draft a TaskSpec from an environment or from recorded episodes: what can be seen is filled in, what cannot is marked."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfcaf_forge.errors import DatasetError, TaskError
from tfcaf_forge.records.base import Scalar, convert
from tfcaf_forge.records.task_spec import Environment, TaskSpec, check_consistency
from tfcaf_forge.replay.episode import ARRAYS, EpisodeBatch, Floats
from tfcaf_forge.training.envs.behaviour import RandomBehaviour
from tfcaf_forge.training.envs.make import BUILDERS
from tfcaf_forge.training.rollout import rollout

FILL = "# FILL"
"""Marks what the draft could not know."""
MARGIN = 0.1
"""Share of the observed width by which a continuous field's range is widened at each end."""
N_ENVS = 8
RECORDED = "recorded"


@dataclass(frozen=True)
class _Seen:
    """What was observed.

    Attributes:
        states: float32 [M, S].
        obs_size: O.
        returns: undiscounted team returns, [E].
        n_agents, n_actions, episode_limit: sizes.
    """

    states: Floats
    obs_size: int
    returns: Floats
    n_agents: int
    n_actions: int
    episode_limit: int


def draft_task(source: str, *, options: Mapping[str, Scalar] | None = None, steps: int = 5_000, seed: int = 0) -> str:
    """A TaskSpec as TOML, with `# FILL` where only the user knows.

    Args:
        source: `KIND:ID` of an environment, such as `pettingzoo:mpe2.simple_spread_v3`, `gymnasium:MODULE:ID` or
            `vmas:navigation`; or the path of an `.npz` file with the arrays of `replay.episode.EpisodeBatch`.
        options: arguments of the environment.
        steps: to watch, by random behaviour.
        seed: of the watching.

    Returns:
        Text that `load_task` accepts.

    Raises:
        TaskError: unknown kind, or the environment cannot be built.
        DatasetError: the file holds no episodes.
        MissingExtra: the environment's package is not installed.
    """
    if source.endswith(".npz"):
        seen, environment = _recorded(Path(source)), Environment(kind=RECORDED, id=Path(source).name)
    else:
        kind, _, name = source.partition(":")
        if not name or kind not in BUILDERS:
            raise TaskError(
                f"{source!r} is no environment; write KIND:ID with a kind of {', '.join(sorted(BUILDERS))}, or an .npz file"
            )
        environment = Environment(kind=kind, id=name, options=dict(options or {}))
        seen = _watched(environment, steps, seed)
    text = _text(environment, seen)
    check_consistency(convert(tomllib.loads(text), TaskSpec, what="the draft", error=TaskError), "the draft")
    return text


def _watched(environment: Environment, steps: int, seed: int) -> _Seen:
    env = BUILDERS[environment.kind](environment, N_ENVS)
    states: list[Floats] = []
    returns: list[Floats] = []
    seeds, played = np.random.SeedSequence(seed), 0
    while played < steps:
        batch = rollout(env, RandomBehaviour(), seed=int(seeds.spawn(1)[0].generate_state(1)[0]))
        states.append(_reached(batch))
        returns.append(batch.returns.astype(np.float32))
        played += batch.n_transitions
    return _Seen(
        np.concatenate(states), env.obs_size, np.concatenate(returns), env.n_agents, env.n_actions, env.episode_limit
    )


def _recorded(path: Path) -> _Seen:
    try:
        with np.load(path, allow_pickle=False) as file:
            batch = EpisodeBatch(**{name: file[name] for name in ARRAYS if name in file})
    except (OSError, ValueError, TypeError, KeyError) as fault:
        raise DatasetError(
            f"cannot read episodes from {path}: {fault}; save the arrays of EpisodeBatch with numpy.savez"
        ) from None
    return _Seen(
        _reached(batch),
        batch.obs_size,
        batch.returns.astype(np.float32),
        batch.n_agents,
        batch.n_actions,
        batch.horizon,
    )


def _reached(batch: EpisodeBatch) -> Floats:
    """Every state that was reached, [M, S]."""
    return batch.state[np.arange(batch.horizon + 1) <= batch.lengths[:, None]]


def _text(environment: Environment, seen: _Seen) -> str:
    ident = re.sub(r"[^a-z0-9]+", "-", environment.id.lower()).strip("-") or "task"
    q = float(_nice(2.0 * max(float(np.abs(seen.returns).max(initial=0.0)), 1.0), up=True))
    recorded = environment.kind == RECORDED
    how = "" if recorded else " by random behaviour"
    account = "forge dataset check DATA --task FILE" if recorded else "forge task check"
    head = [
        f"# Drafted by `forge task init` from {environment.kind}:{environment.id}{how}. What it could not know is",
        f"# marked {FILL}: correct it, then hold the file to account with `{account}`.",
        "schema = 1",
        f"name = {json.dumps(ident)}",
        f'title = "{ident}: {seen.n_agents} agents"  {FILL} a line for people',
        f'description = ""  {FILL} what the agents do, what they share, what they see',
        f"actions = {json.dumps([f'action_{i}' for i in range(seen.n_actions)])}  {FILL} their meanings, in this order",
        f"episode_limit = {seen.episode_limit}",
        f"gamma = 0.99  {FILL} what you train with",
        "",
        "[environment]",
        f"kind = {json.dumps(environment.kind)}",
        f"id = {json.dumps(environment.id)}",
        *_options(environment.options),
        "",
        "[agents]",
        f"count = {seen.n_agents}",
        f"interchangeable = []  {FILL} groups such as [[0, 1]], if swapping them changes nothing",
        "",
        "[credit]",
        f'monotonicity = "required"  {FILL} or "relaxed"',
        f"q_low = {-q!r}  {FILL} from returns in [{seen.returns.min():.4g}, {seen.returns.max():.4g}], twice as wide",
        f"q_high = {q!r}",
        f"q_scale = {float(seen.n_agents)!r}",
    ]
    return "\n".join([*head, *_blocks(seen)]) + "\n"


def _options(options: Mapping[str, Scalar]) -> list[str]:
    return (
        ["[environment.options]", *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in options.items())]
        if options
        else []
    )


def _blocks(seen: _Seen) -> list[str]:
    """The state's blocks: observations agent by agent where the state is that, last actions where it ends with them."""
    size, n = seen.states.shape[1], seen.n_agents
    last = _ends_with_actions(seen)
    rest = size - (n if last else 0)
    if rest == n * seen.obs_size:
        columns = [[a * seen.obs_size + k for a in range(n)] for k in range(seen.obs_size)]
        lines = _block("agents", n, [(f"o{k}", c) for k, c in enumerate(columns)], seen.states, "what the agent sees")
    else:
        lines = _block("world", None, [(f"s{k}", [k]) for k in range(rest)], seen.states, "the state")
    if last:
        lines += [
            "", "[[state]]", 'name = "last_action"', f"count = {n}", "per_agent = true", 'description = "-1 before the first step"',
            "[[state.field]]", 'kind = "categorical"', "low = 0", f"high = {seen.n_actions - 1}", "absent = -1",
        ]  # fmt: skip
    return lines


def _ends_with_actions(seen: _Seen) -> bool:
    tail = seen.states[:, -seen.n_agents :]
    whole = bool(np.all(tail == np.round(tail)))
    return whole and bool((tail == -1).any()) and float(tail.min()) == -1.0 and float(tail.max()) <= seen.n_actions - 1


def _block(
    name: str, count: int | None, columns: Sequence[tuple[str, list[int]]], states: Floats, what: str
) -> list[str]:
    lines = ["", "[[state]]", f'name = "{name}"']
    lines += [f"count = {count}", "per_agent = true"] if count is not None else []
    lines.append(f'description = ""  {FILL} {what}; is it `interchangeable`?')
    for field, places in columns:
        lines += _field(field, states[:, places])
    return lines


def _field(name: str, values: Floats) -> list[str]:
    """One field: whole numbers as they were seen, others with a margin."""
    low, high = float(values.min()), float(values.max())
    whole = bool(np.all(values == np.round(values)))
    notes = f"{FILL} name, unit, meaning, `absent`"
    if low == high:
        notes += "; it never changed: is it `irrelevant`?"
    if not whole:
        margin = MARGIN * max(high - low, 1e-3)
        low, high = _nice(low - margin, up=False), _nice(high + margin, up=True)
    return [
        "[[state.field]]",
        f'name = "{name}"  {notes}',
        f'kind = "{"integer" if whole else "continuous"}"',
        f"low = {int(low) if whole else low!r}",
        f"high = {int(high) if whole else high!r}",
    ]


def _nice(value: float, *, up: bool) -> float:
    """Rounded outward to three digits."""
    if value == 0.0:
        return 0.0
    scale = 10.0 ** (np.floor(np.log10(abs(value))) - 2)
    return float(f"{(np.ceil if up else np.floor)(value / scale) * scale:.6g}")
