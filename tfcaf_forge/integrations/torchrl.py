"""TorchRL: a kernel as the `Mixer` of `QMixerLoss`.

    from tfcaf_forge.integrations.torchrl import mixer

    module = TensorDictModule(
        mixer("kernel.safetensors", layout=names),
        in_keys=[("agents", "chosen_action_value"), "state"],
        out_keys=["chosen_action_value"],
    )
    loss = QMixerLoss(q_network, module, action_space=...)

TorchRL: https://github.com/pytorch/rl, `torchrl.modules.models.multiagent.Mixer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tfcaf_forge.errors import MissingExtra
from tfcaf_forge.integrations.host import HostMixer
from tfcaf_forge.kernels.kernel import Kernel


def mixer(
    kernel: Kernel | Path | str,
    layout: Sequence[str] | None = None,
    *,
    state_shape: Sequence[int] | None = None,
    device: Any = "cpu",  # noqa: ANN401 - whatever torch takes for a device
) -> Any:  # noqa: ANN401 - torchrl.modules.Mixer
    """A TorchRL mixer: chosen action values [*B, N, 1] and a state [*B, *state_shape] give Q_tot [*B, 1].

    Args:
        kernel: a kernel, or its file.
        layout: names of the state's columns, flattened; the kernel's own order if None.
        state_shape: sizes of the state in TorchRL's data, such as (N, O) for the agents' observations together;
            one dimension if None.
        device: where the kernel's layout lies.

    Raises:
        MissingExtra: TorchRL is not installed.
        InputError: the layouts do not match; both are shown.
        KernelError: the file is none of ours.
    """
    try:
        base: Any = import_module("torchrl.modules.models.multiagent").Mixer
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] not in ("torchrl", "tensordict"):
            raise
        raise MissingExtra("torchrl", "hosts") from None
    inner = HostMixer(kernel, layout).to(device)
    shape = torch.Size(state_shape or (inner.width,))

    class TfcafMixer(base):
        """A vetted kernel in place of a learned mixer; nothing in it is trained."""

        def __init__(self) -> None:
            """Tell TorchRL the sizes."""
            super().__init__(n_agents=inner.kernel.n_agents, needs_state=True, state_shape=shape, device=device)
            self.inner = inner

        def mix(self, chosen_action_value: Tensor, state: Tensor) -> Tensor:
            """[*B, N, 1], [*B, *state_shape] -> [*B, 1]."""
            return self.inner(chosen_action_value.squeeze(-1), state.flatten(-len(shape)))

    return TfcafMixer()
