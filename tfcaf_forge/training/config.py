"""TrainConfig: every setting of a training run, in one flat TOML file."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.records.base import Plain, Scalar, convert, to_builtins

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class TrainConfig(Plain, frozen=True, kw_only=True):
    """Settings of the learner and of its loop. What the task says (agents, gamma, …) is not repeated here.

    Attributes:
        hidden: width of the agents' network.
        recurrent: GRU over time; if False a feed-forward network, which sees one step at a time.
        obs_agent_id: append the agent's index (one-hot) to its observation, so that shared parameters can differ by agent.
        obs_last_action: append the agent's last action (one-hot).
        learning_rate, optimiser: of `adam` or `rmsprop` (smoothing 0.99, epsilon 1e-5, as PyMARL).
        grad_clip: largest norm of the gradient; 1e9 clips nothing.
        gamma: discount; the task's if absent.
        double_q: the online network chooses the next action, the target network values it.
        n_step: steps until the target bootstraps; 1 is the usual one-step target.
        td_lambda: TD(lambda) targets; 0 is the usual one-step target. Only one of `n_step`, `td_lambda` may be set.
        target_tau: soft target update after each update; 0 for hard ones.
        target_interval: hard target update every so many updates, if `target_tau` is 0.
        buffer_episodes: the replay buffer's capacity.
        batch_episodes: whole episodes an update.
        updates_per_episode: updates for each collected episode, once the buffer holds a batch.
        epsilon_start, epsilon_end, epsilon_steps: linear schedule of exploration over environment steps.
        rewards: `raw`; `scaled` (divided by their running standard deviation: the order of policies stays, and rare
            rewards are not too small to learn from); `standardised` (their running mean is subtracted too, as EPyMARL does).
        reward_moments: what those statistics are of: every `collected` step once; or the `replayed` batches, with their
            padding as zeros, which is what EPyMARL does.
        time_limit: a time limit `truncates` (the value goes on, and bootstraps) or `terminates` (nothing follows), which
            is what EPyMARL stores.
        n_envs: episodes that are collected at once.
        evaluation_interval: environment steps between greedy evaluations.
        evaluation_episodes: episodes of each.
        checkpoint_interval: environment steps between checkpoints.
        qmix_embed: width of QMIX's mixing network, and of QPLEX's queries and keys.
        qmix_hypernet: width of the hidden layer of QMIX's weight hypernetworks (0 for a single linear layer), and of
            QPLEX's queries.
        qplex_heads: attention heads of QPLEX.
        threads: torch threads. Two processes that contend for two cores ran nine times slower with default threads.
        device: where torch computes.
    """

    hidden: Count = 64
    recurrent: bool = True
    obs_agent_id: bool = True
    obs_last_action: bool = True
    learning_rate: Positive = 5e-4
    optimiser: Literal["adam", "rmsprop"] = "adam"
    grad_clip: Positive = 10.0
    gamma: Share | None = None
    double_q: bool = True
    n_step: Count = 1
    td_lambda: Share = 0.0
    target_tau: Share = 0.01
    target_interval: Count = 200
    buffer_episodes: Count = 5000
    batch_episodes: Count = 32
    updates_per_episode: Positive = 1.0
    epsilon_start: Share = 1.0
    epsilon_end: Share = 0.05
    epsilon_steps: Count = 50_000
    rewards: Literal["raw", "scaled", "standardised"] = "scaled"
    reward_moments: Literal["collected", "replayed"] = "collected"
    time_limit: Literal["truncates", "terminates"] = "truncates"
    n_envs: Count = 8
    evaluation_interval: Count = 10_000
    evaluation_episodes: Count = 32
    checkpoint_interval: Count = 100_000
    qmix_embed: Count = 32
    qmix_hypernet: Annotated[int, Meta(ge=0)] = 64
    qplex_heads: Count = 4
    threads: Count = 1
    device: str = "cpu"


def load_config(path: Path, *, base: TrainConfig | None = None) -> TrainConfig:
    """Read a TOML file; what it leaves out is as in `base`, or has its default.

    Raises:
        ConfigError: it cannot be read, has an unknown key (the nearest known one is named), or a value out of range or not finite.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigError(f"cannot read the configuration {path}: {fault.strerror}; check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: not valid TOML: {fault}") from None
    return _checked(data if base is None else {**to_builtins(base), **data}, str(path))


def override(config: TrainConfig, changes: dict[str, Scalar]) -> TrainConfig:
    """The same settings with some changed, checked like a file; errors as in `load_config`."""
    return _checked({**to_builtins(config), **changes}, "configuration")


def check_config(config: TrainConfig) -> TrainConfig:
    """Check settings that were built in code; errors as in `load_config`. Returns them."""
    return override(config, {})


def epsilon_at(config: TrainConfig, steps: int) -> float:
    """The share of random actions after so many environment steps."""
    done = min(steps / config.epsilon_steps, 1.0)
    return config.epsilon_start + done * (config.epsilon_end - config.epsilon_start)


def _checked(data: object, what: str) -> TrainConfig:
    config = convert(data, TrainConfig, what=what, error=ConfigError)
    _refuse_infinite(config, what)
    if config.n_step > 1 and config.td_lambda > 0.0:
        raise ConfigError(f"{what}: n_step = {config.n_step} and td_lambda = {config.td_lambda}; set only one of them")
    if config.batch_episodes > config.buffer_episodes:
        raise ConfigError(
            f"{what}: batch_episodes = {config.batch_episodes} is more than buffer_episodes = {config.buffer_episodes}; "
            "enlarge the buffer"
        )
    return config


def _refuse_infinite(config: TrainConfig, what: str) -> None:
    """TOML knows `inf` and `nan`; JSON, in which results are kept, does not."""
    for name, value in to_builtins(config).items():
        if isinstance(value, float) and not math.isfinite(value):
            remedy = "write 1e9 to clip nothing" if name == "grad_clip" else "write a number"
            raise ConfigError(f"{what}: {name} = {value} is not finite; {remedy}")
