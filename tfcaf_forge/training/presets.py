"""Named hyperparameters: what other people's code trains with, for comparison."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.training.config import TrainConfig, override

_EPYMARL: dict[str, Scalar] = {
    "recurrent": False,
    "obs_last_action": False,
    "rewards": "standardised",
    "reward_moments": "replayed",
    "time_limit": "terminates",
    "target_tau": 0.0,
}
_PYMARL: dict[str, Scalar] = {"optimiser": "rmsprop", "rewards": "raw", "target_tau": 0.0}
_SAYS = (
    "As EPyMARL it stores a time limit as an end (nothing follows it) and counts padding in the rewards' statistics. "
    "Not as EPyMARL: n_envs episodes are collected before their updates, and the state is the task's own"
)


@dataclass(frozen=True)
class Preset:
    """Settings under a name.

    Attributes:
        mixer: what they are for, if the user names none.
        about: where they come from, and what they reproduce that one would not choose.
        changes: what differs from the defaults.
    """

    mixer: str
    about: str
    changes: dict[str, Scalar]

    @property
    def config(self) -> TrainConfig:
        """The whole configuration."""
        return override(TrainConfig(), self.changes)


PRESETS: dict[str, Preset] = {
    "epymarl-vdn": Preset("vdn", f"EPyMARL's defaults for VDN (cbc38c0, 2024), feed-forward. {_SAYS}.", _EPYMARL),
    "epymarl-qmix": Preset("qmix", f"EPyMARL's defaults for QMIX (cbc38c0, 2024), feed-forward. {_SAYS}.", _EPYMARL),
    "epymarl-vdn-rnn": Preset("vdn", f"EPyMARL's VDN with use_rnn. {_SAYS}.", {**_EPYMARL, "recurrent": True}),
    "epymarl-qmix-rnn": Preset("qmix", f"EPyMARL's QMIX with use_rnn. {_SAYS}.", {**_EPYMARL, "recurrent": True}),
    "pymarl-qmix": Preset("qmix", "PyMARL's defaults for QMIX: RMSprop, hard targets, raw rewards.", _PYMARL),
    "paper": Preset("vdn", "What the code published with the TFCAF paper sets (PyMARL's defaults); give the kernel as mixer.", _PYMARL),
    "qplex": Preset("qplex", "QPLEX as published: PyMARL's defaults and four attention heads.", {**_PYMARL, "qplex_heads": 4}),
}  # fmt: skip


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ConfigError: there is none; the nearest name is told.
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(PRESETS)}"
        raise ConfigError(f"there is no preset {name!r}; {hint}")
    return PRESETS[name]
