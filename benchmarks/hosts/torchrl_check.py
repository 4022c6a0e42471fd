"""A kernel in TorchRL's `QMixerLoss`: conformance, and a loss that trains the local Q-network through it.

python benchmarks/hosts/torchrl_check.py KERNEL
"""

from __future__ import annotations

import sys
import warnings

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.data import OneHot
from torchrl.modules import MultiAgentMLP, QValueModule, SafeSequential
from torchrl.objectives import QMixerLoss, ValueEstimators

from tfcaf_forge import check_kernel, load_kernel
from tfcaf_forge.integrations.torchrl import mixer


def main(path: str) -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    kernel = load_kernel(path)
    made = mixer(path)
    found = check_kernel(kernel, made, call=lambda m, q, s: m(q.unsqueeze(-1), s), compiled=False)
    print("conformance", "passed" if found.passed else found.failed)
    n, actions, width, rows = kernel.n_agents, 5, 6, 64
    net = MultiAgentMLP(
        n_agent_inputs=width,
        n_agent_outputs=actions,
        n_agents=n,
        centralised=False,
        share_params=True,
        depth=1,
        num_cells=32,
    )
    value = QValueModule(action_value_key=("agents", "action_value"), spec=OneHot(actions), out_keys=[("agents", "action"), ("agents", "action_value"), ("agents", "chosen_action_value")], action_space="one-hot")  # fmt: skip
    q_net = SafeSequential(
        TensorDictModule(net, in_keys=[("agents", "obs")], out_keys=[("agents", "action_value")]), value
    )
    mix = TensorDictModule(made, in_keys=[("agents", "chosen_action_value"), "state"], out_keys=["chosen_action_value"])
    loss = QMixerLoss(q_net, mix, action_space="one-hot", delay_value=True)
    loss.set_keys(
        action=("agents", "action"),
        action_value=("agents", "action_value"),
        local_value=("agents", "chosen_action_value"),
    )
    loss.make_value_estimator(ValueEstimators.TD0, gamma=0.99)
    state = torch.randint(0, 5, (rows, kernel.state_size)).float()
    batch = TensorDict({
        "agents": {"obs": torch.randn(rows, n, width), "action": torch.nn.functional.one_hot(torch.randint(0, actions, (rows, n)), actions)},
        "state": state,
        "next": {"agents": {"obs": torch.randn(rows, n, width)}, "state": state, "reward": torch.randn(rows, 1), "done": torch.zeros(rows, 1, dtype=torch.bool), "terminated": torch.zeros(rows, 1, dtype=torch.bool)},
    }, [rows])  # fmt: skip
    played = mix(q_net(batch.clone()))
    wanted = kernel(played["agents", "chosen_action_value"].squeeze(-1), state)
    print("largest difference of Q_tot", float((played["chosen_action_value"] - wanted).abs().max()))
    optimiser = torch.optim.Adam(loss.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        value_of = loss(batch)["loss"]
        optimiser.zero_grad()
        value_of.backward()
        optimiser.step()
        losses.append(float(value_of.detach()))
    print(
        f"loss {losses[0]:.4f} -> {losses[-1]:.4f} in 60 steps; trained parameters {sum(p.numel() for p in loss.parameters())}"
    )


if __name__ == "__main__":
    main(sys.argv[1])
