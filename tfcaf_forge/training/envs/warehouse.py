"""Robots in a warehouse: the real `rware` environment, one copy.

Robots carry requested shelves to the goal cells; a new request follows each delivery, and the shelf has to be put down again
before another one can be fetched.

Papoudakis et al., "Benchmarking multi-agent deep reinforcement learning algorithms in cooperative tasks", NeurIPS 2021.
https://github.com/semitable/robotic-warehouse
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfcaf_forge.errors import MissingExtra, TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Floats
from tfcaf_forge.training.envs.copies import Shown, Sizes
from tfcaf_forge.training.envs.foreign import make_gymnasium, stacked


class WarehouseEnv:
    """One copy of a warehouse with flattened observations.

    The state is: per robot (x, y, direction, carrying: 0 nothing, 1 a shelf, 2 a requested one), per request (x, y, whether a robot
    carries it), the last action of each robot (-1 at the start). Requests stand in the order of rware's queue.
    rware reports its limit of steps as an end; here it is a truncation.

    Args:
        env_id: registered id, such as `rware-tiny-2ag-v2`.
        options: arguments of rware's class.

    Raises:
        TaskError: unknown id or option.
        MissingExtra: rware is not installed.
    """

    def __init__(self, env_id: str, options: Mapping[str, Scalar]) -> None:
        """Build it."""
        try:
            import rware  # noqa: F401  # pyright: ignore[reportUnusedImport] - importing it registers the ids
        except ImportError:
            raise MissingExtra("rware", "rware") from None
        self.env = make_gymnasium(env_id, options)
        if not hasattr(self.env, "request_queue_size") or not self.env.fast_obs:
            raise TaskError(
                f"environment id {env_id!r} is no warehouse with flattened observations; name one of rware's"
            )
        n = int(self.env.n_agents)
        self._last = [-1] * n
        self.sizes = Sizes(
            n_agents=n,
            n_actions=int(self.env.action_space[0].n),
            obs_size=int(self.env.observation_space[0].shape[0]),
            state_size=5 * n + 3 * int(self.env.request_queue_size),
            episode_limit=int(self.env.max_steps),
        )

    def reset(self, seed: int) -> Shown:
        """Start an episode."""
        self._last = [-1] * self.sizes.n_agents
        shown, _ = self.env.reset(seed=seed)
        return Shown(obs=stacked(shown, self.sizes.obs_size), state=self._state())

    def step(self, actions: list[int]) -> Shown:
        """Act."""
        self._last = actions
        shown, rewards, done, _, _ = self.env.step(actions)
        return Shown(
            obs=stacked(shown, self.sizes.obs_size),
            state=self._state(),
            agent_reward=rewards,
            truncated=bool(done),
        )

    def _state(self) -> Floats:
        wanted = list(self.env.request_queue)
        held = [robot.carrying_shelf for robot in self.env.agents]
        numbers: list[float] = []
        for robot, shelf in zip(self.env.agents, held, strict=True):
            carrying = 0 if shelf is None else 2 if shelf in wanted else 1
            numbers += [robot.x, robot.y, robot.dir.value, carrying]
        for shelf in wanted:
            numbers += [shelf.x, shelf.y, float(shelf in held)]
        return np.array([*numbers, *self._last], np.float32)
