"""Any Gymnasium environment with several agents, and any PettingZoo parallel environment, as one copy.

Their state is what all agents see, one after the other (PettingZoo: what `state()` says, if it says anything), then the last action
of each agent (-1 at the start). Agents must act by discrete actions. A TaskSpec describes that state field by field.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfcaf_forge.errors import MissingExtra, TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Bools, Floats
from tfcaf_forge.training.envs.copies import Shown, Sizes


class GymnasiumEnv:
    """A Gymnasium environment that takes a list of actions and gives a tuple of observations and a list of rewards.

    Args:
        env_id: registered id; `module:id` imports the module first.
        options: arguments of its class, `episode_limit` (steps; read off the environment if it says), and
            `ends_are_limits` (whether what it reports as terminated is its time limit). If that is absent, an end without a
            truncation is the time limit in the step at which the environment says that its own limit is, as of lbforaging and
            rware, which report one end only, and a real end in every other.

    Raises:
        TaskError: unknown id or option, or no such environment.
        MissingExtra: Gymnasium is not installed.
    """

    def __init__(self, env_id: str, options: Mapping[str, Scalar]) -> None:
        """Build it without Gymnasium's wrappers."""
        rest = dict(options)
        limit = int(rest.pop("episode_limit", 0))
        self._ends_are_limits = rest.pop("ends_are_limits", None)
        self.env = make_gymnasium(env_id, rest)
        try:
            counts = {int(space.n) for space in self.env.action_space}
            obs_sizes = [int(np.prod(space.shape)) for space in self.env.observation_space]
        except (AttributeError, TypeError):
            raise TaskError(
                f"{env_id} has not a tuple of discrete actions and one of observations, one for each agent; "
                "choose a multi-agent environment"
            ) from None
        self._own_limit = int(getattr(self.env, "max_steps", 0) or getattr(self.env, "_max_episode_steps", 0) or 0)
        limit = limit or self._own_limit
        if not limit or len(counts) != 1:
            raise TaskError(f"{env_id}: agents must have one number of actions, and the option episode_limit is needed")
        self._obs_size = max(obs_sizes)
        self._limit = limit
        self._last = [-1] * len(obs_sizes)
        self._steps = 0
        n = len(obs_sizes)
        self.sizes = Sizes(
            n_agents=n,
            n_actions=counts.pop(),
            obs_size=self._obs_size,
            state_size=n * self._obs_size + n,
            episode_limit=limit,
        )

    def reset(self, seed: int) -> Shown:
        """Start an episode."""
        self._steps, self._last = 0, [-1] * self.sizes.n_agents
        shown, _ = self.env.reset(seed=seed)
        obs = stacked(shown, self._obs_size)
        return Shown(obs=obs, state=self.state(obs))

    def step(self, actions: list[int]) -> Shown:
        """Act."""
        self._steps, self._last = self._steps + 1, actions
        shown, rewards, terminated, truncated, _ = self.env.step(actions)
        obs = stacked(shown, self._obs_size)
        if self._means_limit(truncated):
            terminated, truncated = False, np.logical_or(terminated, truncated)
        ended, cut = ending(terminated, truncated, at_limit=self._steps >= self._limit)
        return Shown(obs=obs, state=self.state(obs), agent_reward=rewards, terminated=ended, truncated=cut)

    def _means_limit(self, truncated: ArrayLike) -> bool:
        """Whether an end that is reported in this step is the time limit."""
        if self._ends_are_limits is not None:
            return bool(self._ends_are_limits)
        return self._steps == self._own_limit and not np.any(truncated)

    def state(self, obs: Floats) -> Floats:
        """float32 [S]."""
        return np.concatenate([obs.ravel(), np.array(self._last, np.float32)])


class PettingZooEnv:
    """A PettingZoo parallel environment; `action_mask` in its observations or infos is heeded.

    An agent that has left shows zeros and may only take action 0, which the environment does not see.

    Args:
        module: dotted name of a module with `parallel_env`, such as `mpe2.simple_spread_v3`.
        options: arguments of `parallel_env`, and `episode_limit`.

    Raises:
        TaskError: no such environment, an unknown option, or actions that are not discrete.
        MissingExtra: the module cannot be imported.
    """

    def __init__(self, module: str, options: Mapping[str, Scalar]) -> None:
        """Build it."""
        rest = dict(options)
        limit = int(rest.pop("episode_limit", 0) or rest.get("max_cycles", 0))
        if not limit:
            raise TaskError(f"{module}: the option episode_limit (or max_cycles) is needed; add it to the task file")
        self.env = make_pettingzoo(module, rest)
        self.agents: list[str] = list(self.env.possible_agents)
        spaces = [self.env.action_space(agent) for agent in self.agents]
        if not all(hasattr(space, "n") for space in spaces):
            raise TaskError(f"{module}: its actions are not discrete; choose a variant with discrete actions")
        self._counts = [int(space.n) for space in spaces]
        self._obs_size = max(_size(self.env.observation_space(agent)) for agent in self.agents)
        self._limit, self._steps = limit, 0
        self._last = [-1] * len(self.agents)
        self.env.reset(seed=0)
        n = len(self.agents)
        self.sizes = Sizes(
            n_agents=n,
            n_actions=max(self._counts),
            obs_size=self._obs_size,
            state_size=len(self._global(np.zeros((n, self._obs_size), np.float32))) + n,
            episode_limit=limit,
        )

    def reset(self, seed: int) -> Shown:
        """Start an episode."""
        self._steps, self._last = 0, [-1] * len(self.agents)
        shown, infos = self.env.reset(seed=seed)
        return self._shown(shown, infos, {}, terminated=False, truncated=False)

    def step(self, actions: list[int]) -> Shown:
        """Act."""
        self._steps, self._last = self._steps + 1, actions
        chosen = {agent: a for agent, a in zip(self.agents, actions, strict=True) if agent in self.env.agents}
        shown, rewards, ends, cuts, infos = self.env.step(chosen)
        truncated = [bool(cuts.get(agent)) for agent in chosen]
        left = [agent not in self.env.agents and not cuts.get(agent) for agent in chosen]
        terminated = np.logical_or([bool(ends.get(agent)) for agent in chosen], left)
        ended, cut = ending(terminated, truncated, at_limit=self._steps >= self._limit)
        return self._shown(shown, infos, rewards, terminated=ended, truncated=cut)

    def _shown(
        self, shown: Mapping[str, Any], infos: Mapping[str, Any], rewards: Mapping[str, float], **ends: bool
    ) -> Shown:
        obs = stacked([_plain(shown.get(agent)) for agent in self.agents], self._obs_size)
        last = np.array(self._last, np.float32)
        return Shown(
            obs=obs,
            state=np.concatenate([self._global(obs), last]),
            available=self._available(shown, infos),
            agent_reward=[float(rewards.get(agent, 0.0)) for agent in self.agents],
            **ends,
        )

    def _available(self, shown: Mapping[str, Any], infos: Mapping[str, Any]) -> Bools:
        available = np.arange(self.sizes.n_actions) < np.array(self._counts)[:, None]
        for i, agent in enumerate(self.agents):
            if agent not in shown:
                available[i] = np.arange(self.sizes.n_actions) == 0
                continue
            mask = shown[agent].get("action_mask") if isinstance(shown[agent], dict) else None
            mask = infos.get(agent, {}).get("action_mask") if mask is None else mask
            if mask is not None:
                available[i, : self._counts[i]] &= np.asarray(mask, np.bool_)
        return available

    def _global(self, obs: Floats) -> Floats:
        try:
            return np.asarray(self.env.state(), np.float32).ravel()
        except (AttributeError, NotImplementedError):
            return obs.ravel()


def ending(terminated: ArrayLike, truncated: ArrayLike, *, at_limit: bool) -> tuple[bool, bool]:
    """Whether an episode has terminated or was truncated, as `Shown` has it.

    Nothing follows a step in which all agents terminate, be it the last one that is allowed. Any other end is a truncation.

    Args:
        terminated, truncated: bool [N], of the agents that acted; or one bool for all.
        at_limit: whether this step is the last one that is allowed.
    """
    ended, over = bool(np.all(terminated)), bool(np.all(np.logical_or(terminated, truncated)))
    return ended, (over or at_limit) and not ended


def make_gymnasium(env_id: str, options: Mapping[str, Scalar]) -> Any:  # noqa: ANN401 - a foreign object
    """A registered environment without wrappers; errors as of `GymnasiumEnv`."""
    try:
        import gymnasium
        from gymnasium.envs.registration import load_env_creator
    except ImportError:
        raise MissingExtra("gymnasium", "lbf") from None
    module, _, name = env_id.rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        spec = gymnasium.spec(name)
        return load_env_creator(str(spec.entry_point))(**{**spec.kwargs, **options})
    except ImportError as fault:
        raise TaskError(f"environment id {env_id!r}: {fault}; install the package that has it") from None
    except gymnasium.error.Error as fault:
        raise TaskError(f"environment id {env_id!r}: {fault}; see the package's documentation for its names") from None
    except TypeError as fault:
        raise TaskError(f"{env_id}: {fault}; see the arguments of its class") from None


def make_pettingzoo(module: str, options: Mapping[str, Scalar]) -> Any:  # noqa: ANN401
    """A parallel environment; errors as of `PettingZooEnv`."""
    try:
        made = importlib.import_module(module)
    except ImportError as fault:
        if module.partition(".")[0] == "mpe2":
            raise MissingExtra("mpe2", "mpe") from None
        raise TaskError(f"environment id {module!r}: {fault}; install the package that has it") from None
    if not hasattr(made, "parallel_env"):
        raise TaskError(f"environment id {module!r} has no parallel_env; name a PettingZoo module that has one")
    try:
        return made.parallel_env(**options)
    except TypeError as fault:
        raise TaskError(f"{module}: {fault}; see the arguments of its parallel_env") from None


def stacked(shown: Sequence[Any], size: int) -> Floats:
    """Observations as one array, each flattened and padded with zeros: float32 [N, size]."""
    obs = np.zeros((len(shown), size), np.float32)
    for i, one in enumerate(shown):
        flat = np.asarray(one, np.float32).ravel()
        obs[i, : flat.size] = flat
    return obs


def _size(space: Any) -> int:  # noqa: ANN401
    inner = space["observation"] if hasattr(space, "spaces") else space
    return int(np.prod(inner.shape))


def _plain(shown: Any) -> Any:  # noqa: ANN401
    """An agent's observation without its mask; nothing for one that has left."""
    if shown is None:
        return ()
    return shown["observation"] if isinstance(shown, dict) else shown
