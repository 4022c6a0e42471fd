"""BenchMARL: the algorithm `Tfcaf`, which is its QMIX with a kernel in place of the mixing network.

    from tfcaf_forge.integrations.benchmarl import algorithm

    config = algorithm()(kernel="kernel.safetensors", layout=names, delay_value=True, loss_function="l2")
    Experiment(task=task, algorithm_config=config, model_config=…, critic_model_config=…, seed=0, config=…).run()

The state is BenchMARL's: the task's global state where it has one, else the group's observations, agent by agent.

BenchMARL: https://github.com/facebookresearch/BenchMARL
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from functools import cache
from importlib import import_module
from typing import Any

from tfcaf_forge.errors import InputError, MissingExtra
from tfcaf_forge.integrations import torchrl


@cache
def algorithm() -> Any:  # noqa: ANN401 - a subclass of benchmarl.algorithms.QmixConfig
    """The configuration class `TfcafConfig`; its algorithm is `Tfcaf`.

    Its fields are `kernel` (the file), `layout` (names of the state's columns; the kernel's own order if None), and QMIX's
    `delay_value` and `loss_function`.

    Raises:
        MissingExtra: BenchMARL is not installed.
    """
    try:
        qmix: Any = import_module("benchmarl.algorithms.qmix")
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] not in ("benchmarl", "torchrl", "tensordict", "hydra"):
            raise
        raise MissingExtra("benchmarl", "hosts") from None
    module: Any = import_module("tensordict.nn").TensorDictModule

    class Tfcaf(qmix.Qmix):
        """Q-learning with a vetted kernel as mixer."""

        def __init__(self, kernel: str, layout: tuple[str, ...] | None, **kwargs: Any) -> None:  # noqa: ANN401
            """Keep the kernel's file; QMIX's mixing network is never built."""
            super().__init__(mixing_embed_dim=0, **kwargs)
            self.kernel, self.layout = kernel, layout

        def get_mixer(self, group: str) -> Any:  # noqa: ANN401 - tensordict.nn.TensorDictModule
            """The kernel behind the keys under which BenchMARL keeps the state."""
            key, shape = self._state_of(group)
            mixer = torchrl.mixer(self.kernel, self.layout, state_shape=shape, device=self.device)
            agents = len(self.group_map[group])
            if mixer.n_agents != agents:
                raise InputError(f"the kernel is for {mixer.n_agents} agents, the group {group} has {agents}")
            return module(mixer, in_keys=[(group, "chosen_action_value"), key], out_keys=["chosen_action_value"])

        def _state_of(self, group: str) -> tuple[Any, tuple[int, ...]]:
            if self.state_spec is not None:
                key = next(iter(self.state_spec.keys(True, True)))
                return key, tuple(self.state_spec[key].shape)
            keys = list(self.observation_spec[group].keys(True, True))
            if len(keys) != 1:
                raise InputError(f"the group {group} has {len(keys)} observations and no state; give the task a state")
            return (group, keys[0]), tuple(self.observation_spec[group, keys[0]].shape)

    @dataclass
    class TfcafConfig(qmix.QmixConfig):
        """Configuration of `Tfcaf`."""

        mixing_embed_dim: int = 0
        kernel: str = MISSING  # type: ignore[assignment]
        layout: tuple[str, ...] | None = None

        def get_algorithm(self, experiment: Any) -> Any:  # noqa: ANN401
            """The algorithm of an experiment, without QMIX's width of the mixing network."""
            given = {name: getattr(self, name) for name in ("kernel", "layout", "delay_value", "loss_function")}
            return Tfcaf(**given, experiment=experiment)

        @staticmethod
        def associated_class() -> Any:  # noqa: ANN401
            """`Tfcaf`."""
            return Tfcaf

    return TfcafConfig
