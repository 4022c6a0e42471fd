"""EPyMARL and PyMARL: a learner whose mixer is a kernel.

Without any change of EPyMARL's source, in front of its own command line::

    python -m tfcaf_forge.integrations.epymarl --kernel kernel.safetensors --layout foraging \\
        PATH/TO/epymarl/src/main.py --config=qmix --env-config=gymma with learner=tfcaf_learner \\
        env_args.key=lbforaging:Foraging-8x8-2p-2f-coop-v3 env_args.time_limit=50

or in a main program of one's own, after `learners` can be imported: `register("kernel.safetensors", "foraging")`.

EPyMARL: https://github.com/uoe-agents/epymarl; the mixers' signature is PyMARL's, `forward(agent_qs[B, T, n], states[B, T, S])`.
"""

from __future__ import annotations

import argparse
import copy
import runpy
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tfcaf_forge.errors import MissingExtra
from tfcaf_forge.integrations.host import HostMixer
from tfcaf_forge.integrations.layouts import foraging_observations, last_actions
from tfcaf_forge.kernels.artifact import load_kernel

LEARNER = "tfcaf_learner"


def register(kernel: Path | str, layout: str | Sequence[str] | None = None) -> None:
    """Add `tfcaf_learner` to EPyMARL's learners.

    Args:
        kernel: the kernel's file.
        layout: names of the state's columns, or `foraging`; the kernel's own order if None.

    Raises:
        MissingExtra: EPyMARL's `src` folder is not on the path.
    """
    try:
        learners = import_module("learners")
    except ModuleNotFoundError as fault:
        if fault.name != "learners":
            raise
        raise MissingExtra("EPyMARL's package `learners`", "hosts") from None
    learners.REGISTRY[LEARNER] = learner_over(learners.REGISTRY["q_learner"], kernel, layout)


def learner_over(base: Any, kernel: Path | str, layout: str | Sequence[str] | None = None) -> Any:  # noqa: ANN401
    """A Q-learner of EPyMARL or PyMARL whose mixer is a kernel.

    Args:
        base: the host's class, `QLearner(mac, scheme, logger, args)`.
        kernel, layout: as in `register`.
    """

    class TfcafLearner(base):
        """Q-learning with a kernel: no mixer is trained, and the target mixer is a copy that never differs."""

        def __init__(self, mac: Any, scheme: Any, logger: Any, args: Any) -> None:  # noqa: ANN401
            """Build the host's learner without a mixer, then put the kernel in its place."""
            plain = copy.copy(args)
            plain.mixer = None
            super().__init__(mac, scheme, logger, plain)
            self.args = args
            self.mixer = mixer_of(kernel, layout, args.n_agents, _state_size(scheme))
            self.target_mixer = copy.deepcopy(self.mixer)

        def train(self, batch: Any, t_env: int, episode_num: int) -> None:  # noqa: ANN401
            """The host's own update, on states with the last actions beside them."""
            super().train(WithLastActions(batch), t_env, episode_num)

    return TfcafLearner


def mixer_of(kernel: Path | str, layout: str | Sequence[str] | None, n_agents: int, state_size: int) -> HostMixer:
    """The mixer for a host's states with the last actions beside them.

    Args:
        kernel, layout: as in `register`.
        n_agents: N.
        state_size: width of the host's state, S.

    Raises:
        InputError: the layouts do not match; both are shown.
        KernelError: the file is none of ours.
    """
    extra = last_actions(n_agents)
    if layout is None:
        own = load_kernel(kernel).manifest.layout
        return HostMixer(kernel, (*(name for name in own if name not in extra), *extra))
    names = foraging_observations(n_agents, state_size) if layout == "foraging" else _names(layout)
    return HostMixer(kernel, (*names, *extra))


def _names(layout: str | Sequence[str]) -> tuple[str, ...]:
    """`a,b,-,c` as names."""
    return tuple(layout.split(",")) if isinstance(layout, str) else tuple(layout)


class WithLastActions:
    """EPyMARL's episodes, with the last actions beside the state, and with states where an episode is over already.

    EPyMARL pads episodes with zeros, which are no states: what a function makes of them may be NaN, and the mask
    would not remove that, since 0 · NaN is NaN. They are replaced by the episode's first state, and masked as before.
    """

    def __init__(self, batch: Any) -> None:  # noqa: ANN401
        """Keep the host's batch."""
        self._batch = batch

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Everything else is the host's."""
        return getattr(self._batch, name)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401
        """`state` is ours: [B, T, S + N]; everything else is the host's."""
        if key != "state":
            return self._batch[key]
        return extended_state(self._batch["state"], self._batch["actions"], self._batch["filled"])


def extended_state(state: Tensor, actions: Tensor, filled: Tensor) -> Tensor:
    """States with the last actions beside them.

    Args:
        state: [B, T, S].
        actions: int64 [B, T, N, 1], the action taken in each state.
        filled: [B, T, 1], 0 where an episode is over.

    Returns:
        [B, T, S + N]; the last action is -1 in the first state.
    """
    taken = actions.squeeze(-1).to(state.dtype)
    last = torch.cat([torch.full_like(taken[:, :1], -1.0), taken[:, :-1]], dim=1)
    whole = torch.cat([state, last], dim=-1)
    return torch.where(filled.bool(), whole, whole[:, :1])


def _state_size(scheme: Any) -> int:  # noqa: ANN401
    """Width of the state in the host's description of a batch."""
    size = scheme["state"]["vshape"]
    return int(size if isinstance(size, int) else size[0])


def main() -> None:
    """Register the learner, then run EPyMARL's own main program with the arguments that follow its path."""
    parser = argparse.ArgumentParser(prog="python -m tfcaf_forge.integrations.epymarl", description=main.__doc__)
    parser.add_argument("--kernel", type=Path, required=True, help="the kernel's file")
    parser.add_argument("--layout", help="names of the state's columns, with commas; or `foraging`")
    parser.add_argument("program", type=Path, help="EPyMARL's src/main.py; what follows goes to it")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    program, kernel = given.program.resolve(), given.kernel.resolve()
    load_kernel(kernel)  # a wrong file is refused before the host starts
    sys.argv = [str(program), *given.rest]
    sys.path.insert(0, str(program.parent))
    register(kernel, given.layout)
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main()
