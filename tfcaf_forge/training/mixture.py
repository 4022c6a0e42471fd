"""Behaviour mixtures by name: what `--behaviour` says, and the policy that it means.

    random                 uniform over the available actions
    script@0.3             the task's scripted team with 30 % random actions (foraging, simple_spread, warehouses)
    forager@0.3            the same in level-based foraging
    vdn:20000@0.2          a VDN trained for 20,000 environment steps, with 20 % random actions
    run:FOLDER@0.05        the agents of a training run of `forge train`

`=3` at the end gives a behaviour three times the episodes of one without a number.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.base import convert
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import Ints
from tfcaf_forge.training.agents import AgentNetwork, EpsilonGreedy, input_size
from tfcaf_forge.training.checkpoint import CHECKPOINT, load_checkpoint
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.behaviour import NOISE, Behaviour, ForagingBehaviour, RandomBehaviour
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.envs.scripted import scripted
from tfcaf_forge.training.mixers import VDN
from tfcaf_forge.training.trainer import train

PARTLY = TrainConfig(recurrent=False, checkpoint_interval=10**9, epsilon_steps=20_000, td_lambda=0.6)
"""How the VDN of a mixture is trained: feed-forward, so that it takes a minute and not ten."""
_FORM = re.compile(
    r"(?P<kind>random|script|forager|vdn|run)(:(?P<what>[^@=]+))?(@(?P<epsilon>[0-9.]+))?(=(?P<share>[0-9.]+))?"
)


@dataclass(frozen=True)
class Wanted:
    """One behaviour of a mixture.

    Attributes:
        kind: random, script, forager, vdn or run.
        what: steps of training, or a run's folder; empty otherwise.
        epsilon: share of random actions.
        share: its episodes, relative to the others'.
    """

    kind: str
    what: str = ""
    epsilon: float = 0.0
    share: float = 1.0


class TrainedBehaviour:
    """Trained agents, epsilon-greedy."""

    def __init__(self, name: str, policy: EpsilonGreedy) -> None:
        """Give the policy a name."""
        self.name = name
        self._policy = policy

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """An episode starts."""
        self._policy.begin(n_envs, rng)

    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        return self._policy.act(step)


def parse_behaviour(text: str) -> Wanted:
    """Read one `--behaviour`.

    Raises:
        InputError: it is not of a known form.
    """
    match = _FORM.fullmatch(text.strip())
    known = "random, script@0.3, forager@0.3, vdn:20000@0.2, run:FOLDER@0.05, each with =SHARE if you like"
    if match is None:
        raise InputError(f"behaviour {text!r} is unknown; write one of: {known}")
    kind, what = match["kind"], match["what"] or ""
    if (kind in ("vdn", "run")) != bool(what) or (kind == "vdn" and not what.isdecimal()):
        raise InputError(
            f"behaviour {text!r}: a vdn needs its number of training steps, a run its folder; as in {known}"
        )
    try:
        epsilon = float(match["epsilon"] or (NOISE if kind in ("script", "forager") else 0.0))
        share = float(match["share"] or 1.0)
    except ValueError:
        raise InputError(f"behaviour {text!r}: a number is malformed; as in {known}") from None
    if not 0.0 <= epsilon <= 1.0 or share <= 0.0:
        raise InputError(
            f"behaviour {text!r}: the share of random actions lies in [0, 1], the share of episodes above 0"
        )
    return Wanted(kind, what, epsilon, share)


def make_behaviour(task: TaskSpec, wanted: Wanted, seed: int, tell: Callable[[str], None] | None = None) -> Behaviour:
    """The policy itself; a VDN is trained here.

    Args:
        task: what is played.
        wanted: which behaviour.
        seed: of the training.
        tell: told what takes long.

    Raises:
        TaskError: no script, or not the scripted forager, plays this task.
        InputError: a folder is no training run of this task.
    """
    if wanted.kind == "random":
        return RandomBehaviour()
    if wanted.kind == "script":
        return scripted(task, wanted.epsilon)
    if wanted.kind == "forager":
        return ForagingBehaviour(task, epsilon=wanted.epsilon)
    if wanted.kind == "run":
        network, config = _of_run(task, Path(wanted.what))
        return _trained(f"run-{Path(wanted.what).name}-{wanted.epsilon:g}", task, network, config, wanted.epsilon)
    with tempfile.TemporaryDirectory() as place:
        folder, steps = Path(place) / "vdn", int(wanted.what)

        def show(done: int) -> None:
            if tell is not None:
                tell(f"training VDN: {done:,} of {steps:,} steps")

        train(task, VDN(), PARTLY, seed=seed, steps=steps, folder=folder, progress=lambda now: show(now.steps))
        network, config = _of_run(task, folder)
    return _trained(f"vdn-{steps}-{wanted.epsilon:g}", task, network, config, wanted.epsilon)


def _trained(name: str, task: TaskSpec, network: AgentNetwork, config: TrainConfig, epsilon: float) -> TrainedBehaviour:
    return TrainedBehaviour(name, EpsilonGreedy(network, config, len(task.actions), epsilon))


def _of_run(task: TaskSpec, folder: Path) -> tuple[AgentNetwork, TrainConfig]:
    """Network and settings of a training run, from its checkpoint alone: the run may still be going, or have been killed."""
    state = load_checkpoint(folder) if folder.is_dir() else None
    if state is None:
        raise InputError(f"{folder} holds no training run; make one with: forge train --task {task.name} --mixer vdn")
    if state["identity"]["task"] != task.digest:
        raise InputError(f"{folder} was trained on another task than {task.name}; give a run of this one")
    settings = {**state["identity"]["config"], "device": "cpu"}
    config = convert(settings, TrainConfig, what=f"{folder / CHECKPOINT}: settings")
    env = make_env(task, 1)
    size = input_size(config, obs_size=env.obs_size, n_agents=env.n_agents, n_actions=env.n_actions)
    with torch.random.fork_rng(devices=[]):
        network = AgentNetwork(size, config.hidden, env.n_actions, recurrent=config.recurrent)
    network.load_state_dict(state["learner"]["network"])
    return network, config
