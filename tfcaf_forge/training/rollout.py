"""Rollout: one whole episode in every copy of an environment, at once."""

from __future__ import annotations

import numpy as np

from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.training.envs.base import BatchedEnv, Step
from tfcaf_forge.training.envs.behaviour import Policy


def rollout(env: BatchedEnv, policy: Policy, *, seed: int) -> EpisodeBatch:
    """Play `env.n_envs` episodes to their ends.

    Args:
        env: is reset first.
        policy: acts for all copies; its actions in copies that have ended are ignored.
        seed: of the environments and of the policy, each with its own stream.

    Returns:
        E = `env.n_envs` episodes, T = `env.episode_limit`.
    """
    env_seed, policy_seed = np.random.SeedSequence(seed).spawn(2)
    policy.begin(env.n_envs, np.random.default_rng(policy_seed))
    step = env.reset(int(env_seed.generate_state(1)[0]))
    record = _Recorder(env, step)
    for t in range(env.episode_limit):
        if not record.alive.any():
            break
        actions = policy.act(step)
        step = env.step(actions)
        record.add(t, actions, step)
    return record.episodes()


class _Recorder:
    """Arrays of one rollout while it is being played; `alive` marks the copies whose episode goes on, bool [B]."""

    def __init__(self, env: BatchedEnv, first: Step) -> None:
        b, t, n = env.n_envs, env.episode_limit, env.n_agents
        self.obs = np.zeros((b, t + 1, n, env.obs_size), np.float32)
        self.state = np.zeros((b, t + 1, env.state_size), np.float32)
        self.available = np.ones((b, t + 1, n, env.n_actions), np.bool_)
        self.actions = np.zeros((b, t, n), np.int64)
        self.reward = np.zeros((b, t), np.float32)
        self.agent_reward = np.zeros((b, t, n), np.float32)
        self.terminated = np.zeros((b, t), np.bool_)
        self.truncated = np.zeros((b, t), np.bool_)
        self.valid = np.zeros((b, t), np.bool_)
        self.has_agent_reward = first.agent_reward is not None
        self.alive = np.ones(b, np.bool_)
        self.obs[:, 0], self.state[:, 0], self.available[:, 0] = first.obs, first.state, first.available

    def add(self, t: int, actions: np.ndarray[tuple[int, ...], np.dtype[np.int64]], step: Step) -> None:
        """Record step t of all copies; `episodes` clears what was recorded of copies that had ended before."""
        self.valid[:, t] = self.alive
        self.actions[:, t] = actions
        self.reward[:, t] = step.reward
        if step.agent_reward is not None:
            self.agent_reward[:, t] = step.agent_reward
        self.terminated[:, t] = step.terminated
        self.truncated[:, t] = step.truncated
        self.obs[:, t + 1] = step.obs
        self.state[:, t + 1] = step.state
        self.available[:, t + 1] = step.available
        self.alive = self.alive & ~step.ended

    def episodes(self) -> EpisodeBatch:
        """What was recorded, without what copies showed after their end."""
        padding = ~self.valid
        for array in (self.actions, self.reward, self.agent_reward, self.terminated, self.truncated):
            array[padding] = 0
        for array, empty in ((self.obs, 0), (self.state, 0), (self.available, 1)):
            array[:, 1:][padding] = empty
        return EpisodeBatch(
            obs=self.obs,
            state=self.state,
            available=self.available,
            actions=self.actions,
            reward=self.reward,
            agent_reward=self.agent_reward,
            terminated=self.terminated,
            truncated=self.truncated,
            valid=self.valid,
            has_agent_reward=self.has_agent_reward,
        )
