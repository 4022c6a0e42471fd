"""BenchMARL: the algorithm `Tfcaf`, which is its VDN with a kernel in place of the sum.

    from tfcaf_forge.integrations.benchmarl import TfcafConfig

    config = TfcafConfig(kernel="kernel.safetensors", layout=names, delay_value=True, loss_function="l2")
    Experiment(task=task, algorithm_config=config, model_config=…, critic_model_config=…, seed=0, config=…).run()

The state is BenchMARL's: the task's global state where it has one, else the group's observations, agent by agent.
Both classes are built when they are first asked for; `TfcafConfig` can be pickled, as BenchMARL does with every configuration.

BenchMARL: https://github.com/facebookresearch/BenchMARL
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from tfcaf_forge.errors import InputError, MissingExtra
from tfcaf_forge.integrations import torchrl

__all__ = ["Tfcaf", "TfcafConfig"]  # noqa: F822  # pyright: ignore[reportUnsupportedDunderAll] - resolved lazily below


def __getattr__(name: str) -> Any:  # noqa: ANN401 - subclasses of benchmarl's Vdn and VdnConfig
    """`Tfcaf` and `TfcafConfig`.

    Raises:
        MissingExtra: BenchMARL is not installed.
    """
    if name == "Tfcaf":
        return _algorithm()
    if name == "TfcafConfig":
        return _config()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _algorithm() -> Any:  # noqa: ANN401
    class Tfcaf(_vdn().Vdn):
        """Q-learning with a vetted kernel as mixer.

        Args:
            kernel: the kernel's file.
            layout: names of the state's columns; the kernel's own order if None.
        """

        def __init__(self, kernel: str, layout: tuple[str, ...] | None, **kwargs: Any) -> None:  # noqa: ANN401
            """Keep the kernel's file; the mixers are built when the losses are."""
            super().__init__(**kwargs)
            self.kernel, self.layout = kernel, layout

        def get_mixer(self, group: str) -> Any:  # noqa: ANN401 - tensordict.nn.TensorDictModule
            """The kernel behind the keys under which BenchMARL keeps the state."""
            key, shape = state_of(group, self.state_spec, self.observation_spec)
            mixer = torchrl.mixer(self.kernel, self.layout, state_shape=shape, device=self.device)
            agents = len(self.group_map[group])
            if mixer.n_agents != agents:
                raise InputError(f"the kernel is for {mixer.n_agents} agents, the group {group} has {agents}")
            module: Any = import_module("tensordict.nn").TensorDictModule
            return module(mixer, in_keys=[(group, "chosen_action_value"), key], out_keys=["chosen_action_value"])

    return _published(Tfcaf)


@cache
def _config() -> Any:  # noqa: ANN401
    @dataclass(kw_only=True)
    class TfcafConfig(_vdn().VdnConfig):
        """Configuration of `Tfcaf`: VDN's `delay_value` and `loss_function`, and the kernel."""

        kernel: str
        layout: tuple[str, ...] | None = None

        @staticmethod
        def associated_class() -> Any:  # noqa: ANN401
            """`Tfcaf`."""
            return _algorithm()

    return _published(TfcafConfig)


def state_of(group: str, states: Any, observations: Any) -> tuple[Any, tuple[int, ...]]:  # noqa: ANN401 - torchrl's Composite
    """Under which key BenchMARL keeps a group's state, and the state's sizes.

    Args:
        group: the group's name.
        states: the specification of the task's global state, or None where it has none.
        observations: the specification of the groups' observations.

    Raises:
        InputError: there is no state, and more than one kind of observation.
    """
    if states is not None:
        key = next(iter(states.keys(True, True)))
        return key, tuple(states[key].shape)
    keys = list(observations[group].keys(True, True))
    if len(keys) != 1:
        raise InputError(f"the group {group} has {len(keys)} observations and no state; give the task a state")
    return (group, keys[0]), tuple(observations[group, keys[0]].shape)


def _vdn() -> Any:  # noqa: ANN401 - the module benchmarl.algorithms.vdn
    try:
        return import_module("benchmarl.algorithms.vdn")
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] not in ("benchmarl", "torchrl", "tensordict", "hydra"):
            raise
        raise MissingExtra("benchmarl", "hosts") from None


def _published(made: Any) -> Any:  # noqa: ANN401 - a class
    """The class under the name by which this module gives it, where pickle looks for it."""
    made.__qualname__ = made.__name__
    return made
