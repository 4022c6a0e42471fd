"""A training run in its parts: environments, learner, buffer, counters, evaluation, checkpoint, event file."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from tfcaf_forge.errors import StoreError
from tfcaf_forge.records.base import to_builtins
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.buffer import EpisodeBuffer
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.replay.packed import pack
from tfcaf_forge.training.agents import EpsilonGreedy
from tfcaf_forge.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from tfcaf_forge.training.config import TrainConfig, epsilon_at
from tfcaf_forge.training.diverged import save_batch
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.learner import Learner, TrainingDiverged, UpdateStats
from tfcaf_forge.training.measures import contribution_error, credit_of
from tfcaf_forge.training.mixers import Mixer
from tfcaf_forge.training.result import Evaluation, TrainingResult, TrainProgress, write_result
from tfcaf_forge.training.rollout import rollout

if TYPE_CHECKING:
    from tfcaf_forge.training.events import EventFile

# Streams of randomness, by their place under the run's seed.
_NETWORK, _BUFFER, _ROLLOUT, _EVALUATION = range(4)
_FORMAT = 2  # of the checkpoint


class TrainingRun:
    """The parts of a run and its counters; `trainer.train` has the loop over its methods.

    Args:
        task, mixer, config, seed, folder: as in `trainer.train`.
    """

    def __init__(self, task: TaskSpec, mixer: Mixer, config: TrainConfig, *, seed: int, folder: Path) -> None:
        """Build the environments, the learner and the buffer."""
        self.task, self.config, self.seed, self.folder = task, config, seed, folder
        self.env = make_env(task, config.n_envs)
        self.evaluation_env = make_env(task, config.evaluation_episodes)
        env = self.env
        gamma = task.gamma if config.gamma is None else config.gamma
        sizes = {"obs_size": env.obs_size, "n_agents": env.n_agents, "n_actions": env.n_actions}
        self.learner = Learner(config, mixer, **sizes, gamma=gamma, seed=derive_seed(seed, _NETWORK))
        self.buffer = EpisodeBuffer(
            capacity=config.buffer_episodes,
            horizon=env.episode_limit,
            state_size=env.state_size,
            seed=derive_seed(seed, _BUFFER),
            device=config.device,
            mixing=mixer.mixing(torch.zeros(0, env.state_size, device=config.device)) is not None,
            **sizes,
        )
        self.policy = EpsilonGreedy(self.learner.network, config, env.n_actions)
        self.steps = self.episodes = self.rollouts = 0
        self.owed = 0.0  # updates that the collected episodes have earned and that are not done yet
        self.seconds_before = self.evaluation_seconds = 0.0
        self.steps_before = 0
        self.started = time.perf_counter()
        self.evaluations: list[Evaluation] = []
        self._events: EventFile | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock time over all sessions."""
        return self.seconds_before + time.perf_counter() - self.started

    def collect(self) -> EpisodeBatch:
        """Play one rollout with exploration and store it."""
        self.policy.epsilon = epsilon_at(self.config, self.steps)
        episodes = rollout(self.env, self.policy, seed=derive_seed(self.seed, _ROLLOUT, self.rollouts))
        self.buffer.add(self._stored(episodes), self._mixing(episodes))
        if self.config.reward_moments == "collected":
            self.learner.rewards.add(episodes)
        self.rollouts += 1
        self.episodes += episodes.n_episodes
        self.steps += episodes.n_transitions
        return episodes

    def _stored(self, episodes: EpisodeBatch) -> EpisodeBatch:
        """With `time_limit = "terminates"` a cut episode is stored as one that ended."""
        if self.config.time_limit == "truncates":
            return episodes
        return replace(
            episodes,
            terminated=episodes.terminated | episodes.truncated,
            truncated=np.zeros_like(episodes.truncated),
        )

    def _mixing(self, episodes: EpisodeBatch) -> Tensor | None:
        """Credit and bias of every state that was seen, [E, T+1, N + 1], where the mixer fixes them.

        Padding is all zeros, a state that no environment shows and no credit function was examined on: it is not asked about.
        """
        seen = np.concatenate([np.ones_like(episodes.valid[:, :1]), episodes.valid], axis=1)
        mixing = self.learner.mixer.mixing(torch.from_numpy(episodes.state[seen]).to(self.learner.device))
        if mixing is None:
            return None
        kept = mixing.new_zeros(*seen.shape, mixing.shape[-1])
        kept[torch.from_numpy(seen).to(mixing.device)] = mixing
        return kept

    def learn(self, new_episodes: int) -> UpdateStats | None:
        """As many updates as the new episodes earned.

        Raises:
            TrainingDiverged: as in `Learner.update`; the batch is in `diverged.safetensors`.
        """
        if len(self.buffer) < self.config.batch_episodes:
            return None
        self.owed += new_episodes * self.config.updates_per_episode
        stats = None
        while self.owed >= 1.0:
            try:
                stats = self.learner.update(self.buffer.sample(self.config.batch_episodes))
            except TrainingDiverged as fault:
                path = save_batch(self.folder, fault.batch, str(fault))
                raise TrainingDiverged(f"{fault}; the batch is in {path}", fault.batch) from None
            self.owed -= 1.0
        return stats

    def evaluate(self) -> None:
        """Play greedy episodes on layouts of their own."""
        begun = self.seconds
        self.policy.epsilon = 0.0
        episodes = rollout(self.evaluation_env, self.policy, seed=derive_seed(self.seed, _EVALUATION, self.steps))
        returns = episodes.returns
        self.evaluations.append(
            Evaluation(
                steps=self.steps,
                seconds=begun - self.evaluation_seconds,
                mean=float(returns.mean()),
                std=float(returns.std()),
                episodes=len(returns),
                contribution_error=self._contribution_error(episodes),
            )
        )
        self._scalar("evaluation/return", self.evaluations[-1].mean)
        self._flush()
        self.evaluation_seconds += self.seconds - begun

    def _contribution_error(self, episodes: EpisodeBatch) -> float | None:
        """Of the mixer's credit in greedy episodes, where the environment rewards each agent."""
        if not episodes.has_agent_reward:
            return None
        batch = pack(episodes, device=self.learner.device)
        credit = credit_of(self.learner.network, self.learner.mixer, self.config, batch)
        return contribution_error(credit, batch.agent_reward)

    def crossed(self, interval: int, episodes: EpisodeBatch) -> bool:
        """Whether these episodes crossed a multiple of the interval."""
        return self.steps // interval > (self.steps - episodes.n_transitions) // interval

    def report(self, total: int, episodes: EpisodeBatch | None, stats: UpdateStats | None) -> TrainProgress:
        """Where the run stands; without episodes where a session begins."""
        speed = (self.steps - self.steps_before) / max(time.perf_counter() - self.started, 1e-9)
        return TrainProgress(
            steps=self.steps,
            total=total,
            episodes=self.episodes,
            updates=self.learner.updates,
            train_return=None if episodes is None else float(episodes.returns.mean()),
            evaluation=self.evaluations[-1] if self.evaluations else None,
            epsilon=epsilon_at(self.config, self.steps),
            loss=None if stats is None else stats.loss,
            steps_per_second=speed,
            seconds_left=max(total - self.steps, 0) / max(speed, 1e-9),
        )

    def finish(self, status: Literal["finished", "stopped"]) -> TrainingResult:
        """Write the result."""
        result = TrainingResult(
            task=self.task.name,
            task_digest=self.task.digest,
            mixer=self.learner.mixer.name,
            seed=self.seed,
            status=status,
            steps=self.steps,
            episodes=self.episodes,
            updates=self.learner.updates,
            evaluations=tuple(self.evaluations),
            final_return=self.evaluations[-1].mean if self.evaluations else None,
            seconds=self.seconds,
            evaluation_seconds=self.evaluation_seconds,
            steps_per_second=self.steps / max(self.seconds - self.evaluation_seconds, 1e-9),
            folder=str(self.folder),
            config=self.config,
        )
        write_result(self.folder, result)
        return result

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed."""
        return {
            "format": _FORMAT,
            "task": self.task.digest,
            "mixer": self.learner.mixer.name,
            "seed": self.seed,
            "config": to_builtins(self.config),
        }

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "identity": self.identity(),
            "learner": self.learner.state_dict(),
            "buffer": self.buffer.state_dict(),
            "counters": [self.steps, self.episodes, self.rollouts],
            "owed": self.owed,
            "seconds": self.seconds,
            "evaluation_seconds": self.evaluation_seconds,
            "evaluations": to_builtins(self.evaluations),
        }
        save_checkpoint(self.folder, state)
        self._flush()

    def restore(self, *, resume: bool) -> None:
        """Take over the folder's checkpoint, if there is one and it is of this run."""
        if not resume and (self.folder / CHECKPOINT).exists():
            raise StoreError(f"{self.folder} holds a training run; resume it with --resume, or choose another folder")
        state = load_checkpoint(self.folder)
        if state is None:
            return
        for what, mine in self.identity().items():
            if state["identity"].get(what) != mine:
                raise StoreError(f"{self.folder} was trained with another {what}; choose another folder")
        self.learner.load_state_dict(state["learner"])
        self.buffer.load_state_dict(state["buffer"])
        self.steps, self.episodes, self.rollouts = state["counters"]
        self.owed = state["owed"]
        self.seconds_before, self.evaluation_seconds = state["seconds"], state["evaluation_seconds"]
        self.evaluations = [Evaluation(**evaluation) for evaluation in state["evaluations"]]
        self.steps_before = self.steps

    @contextmanager
    def events(self) -> Generator[None]:
        """TensorBoard's event file, open while the run is."""
        from tfcaf_forge.training.events import EventFile

        self._events = EventFile(self.folder, self.steps)
        try:
            yield
        finally:
            self._events.close()
            self._events = None

    def log(self, episodes: EpisodeBatch, stats: UpdateStats | None) -> None:
        """What TensorBoard shows of a rollout and its updates."""
        self._scalar("train/return", float(episodes.returns.mean()))
        self._scalar("train/length", float(episodes.lengths.mean()))
        self._scalar("train/epsilon", self.policy.epsilon)
        if stats is not None:
            for name in ("loss", "grad_norm", "q_tot", "target"):
                self._scalar(f"learner/{name}", getattr(stats, name))

    def _scalar(self, name: str, value: float) -> None:
        if self._events is not None:
            self._events.scalar(name, value, self.steps)

    def _flush(self) -> None:
        if self._events is not None:
            self._events.flush()


def derive_seed(seed: int, *place: int) -> int:
    """An independent 64-bit seed for a place under a run's seed."""
    return int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0])
