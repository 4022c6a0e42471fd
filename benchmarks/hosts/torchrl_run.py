"""TorchRL's `QMixerLoss` with its QMIX and VDN mixers and with a kernel, on one VMAS task: returns, and the host's Q_tot next
to the kernel's on the same batch.

    forge task init vmas:navigation --option n_agents=2 --option episode_limit=50 -o navigation.toml
    forge synthesize --task navigation.toml --out runs/navigation
    python benchmarks/hosts/torchrl_run.py runs/navigation/kernel.safetensors --frames 40000 --seeds 0 1 2

Needs `pip install 'tfcaf-forge[hosts,vmas]'`.
One line of JSON a training. The kernel's mixer first has to pass `forge.check_kernel`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictSequential
from torchrl.collectors import SyncDataCollector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import RewardSum, StepCounter, TransformedEnv
from torchrl.envs.libs.vmas import VmasEnv
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import EGreedyModule, MultiAgentMLP, QMixer, QValueModule, VDNMixer
from torchrl.objectives import QMixerLoss, SoftUpdate, ValueEstimators

from tfcaf_forge import check_kernel, load_kernel
from tfcaf_forge.integrations import torchrl

EPISODE, COPIES, BATCH, UPDATES = 50, 40, 128, 200
LOCAL, STATE, MIXED = ("agents", "chosen_action_value"), ("agents", "observation"), "chosen_action_value"
VALUES, ACTION = ("agents", "action_value"), ("agents", "action")


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("--scenario", default="navigation")
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    torch.set_num_threads(1)
    for seed in given.seeds:
        for name in ("kernel", "qmix", "vdn"):
            print(json.dumps(train(name, given, seed)), flush=True)


def train(name: str, given: argparse.Namespace, seed: int) -> dict[str, object]:
    """One training, and what a greedy team earns before and after it."""
    torch.manual_seed(seed)
    kernel = load_kernel(given.kernel)
    env = team(given.scenario, COPIES, kernel.n_agents, seed)
    network = agents(env, kernel.n_agents)
    before, start = evaluate(given.scenario, network, kernel.n_agents), time.perf_counter()
    loss, buffer = learn(env, network, mixer(name, given.kernel, env, kernel.n_agents), given.frames)
    seconds = time.perf_counter() - start
    found = {
        "host": "torchrl", "task": f"vmas {given.scenario}, {kernel.n_agents} agents", "mixer": name, "seed": seed,
        "steps": given.frames, "return_before": before, "return_after": evaluate(given.scenario, network, kernel.n_agents),
        "seconds": round(seconds, 1),
    }  # fmt: skip
    if name == "kernel":
        found["kernel"] = kernel.manifest.graph_digest
        found["rows"], found["largest_difference_of_q_tot"] = difference(loss, buffer, kernel)
    return found


def team(scenario: str, copies: int, n_agents: int, seed: int) -> TransformedEnv:
    """Copies of the scenario; a time limit is truncation, not an end."""
    base = VmasEnv(
        scenario, num_envs=copies, continuous_actions=False, categorical_actions=True, seed=seed, n_agents=n_agents
    )
    return TransformedEnv(base, StepCounter(max_steps=EPISODE))


def agents(env: TransformedEnv, n_agents: int) -> TensorDictSequential:
    """Local Q-values, one network for all agents, and their greedy actions."""
    spec = env.full_action_spec_unbatched[ACTION]
    net = MultiAgentMLP(
        n_agent_inputs=env.observation_spec[STATE].shape[-1], n_agent_outputs=int(spec.space.n), n_agents=n_agents,
        centralised=False, share_params=True, depth=2, num_cells=64, activation_class=torch.nn.Tanh,
    )  # fmt: skip
    greedy = QValueModule(action_value_key=VALUES, out_keys=[ACTION, VALUES, LOCAL], spec=spec)
    return TensorDictSequential(TensorDictModule(net, in_keys=[STATE], out_keys=[VALUES]), greedy)


def mixer(name: str, path: str, env: TransformedEnv, n_agents: int) -> TensorDictModule:
    shape = env.observation_spec[STATE].shape[-2:]
    if name == "vdn":
        return TensorDictModule(VDNMixer(n_agents=n_agents, device="cpu"), in_keys=[LOCAL], out_keys=[MIXED])
    if name == "qmix":
        made = QMixer(state_shape=shape, mixing_embed_dim=32, n_agents=n_agents, device="cpu")
    else:
        made = torchrl.mixer(path, state_shape=shape)
        flat = torchrl.mixer(path)
        check_kernel(load_kernel(path), flat, call=lambda m, q, s: m(q.unsqueeze(-1), s), compiled=False).require()
    return TensorDictModule(made, in_keys=[LOCAL, STATE], out_keys=[MIXED])


def learn(
    env: TransformedEnv, network: TensorDictSequential, mix: TensorDictModule, frames: int
) -> tuple[QMixerLoss, TensorDictReplayBuffer]:
    """Q-learning from replayed transitions: collect, store, take steps, move the target."""
    loss = QMixerLoss(network, mix, delay_value=True, action_space=env.full_action_spec_unbatched[ACTION])
    loss.set_keys(action=ACTION, action_value=VALUES, local_value=LOCAL, global_value=MIXED)
    loss.make_value_estimator(ValueEstimators.TD0, gamma=0.95)
    target, optimiser = SoftUpdate(loss, tau=0.005), torch.optim.Adam(loss.parameters(), lr=1e-3)
    explore = EGreedyModule(
        spec=env.full_action_spec_unbatched[ACTION], action_key=ACTION, eps_init=0.8, eps_end=0.01,
        annealing_num_steps=frames * 2 // 3,
    )  # fmt: skip
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(frames), batch_size=BATCH)
    collector = SyncDataCollector(
        env, TensorDictSequential(network, explore), frames_per_batch=COPIES * EPISODE, total_frames=frames
    )
    for played in collector:
        rows = played.reshape(-1).exclude(VALUES, LOCAL)
        rows["next", "reward"] = rows["next", "agents", "reward"].mean(-2)
        explore.step(len(rows))
        buffer.extend(rows)
        for _ in range(UPDATES):
            optimiser.zero_grad()
            loss(buffer.sample())["loss"].backward()
            torch.nn.utils.clip_grad_norm_(loss.parameters(), 5.0)
            optimiser.step()
            target.step()
    collector.shutdown()
    return loss, buffer


def evaluate(scenario: str, network: TensorDictSequential, n_agents: int) -> float:
    """Mean undiscounted return of 200 greedy episodes, averaged over the agents."""
    env = TransformedEnv(team(scenario, 200, n_agents, 10_000), RewardSum())
    with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
        played = env.rollout(EPISODE, policy=network, break_when_any_done=False)
    return float(played["next", "agents", "episode_reward"][:, -1].mean())


def difference(loss: QMixerLoss, buffer: TensorDictReplayBuffer, kernel: torch.nn.Module) -> tuple[int, float]:
    """Rows, and the largest |Q_tot of the host - Q_tot of the kernel| on replayed transitions, the local values the same."""
    batch: TensorDict = buffer.sample(2048)
    with torch.no_grad():
        with loss.local_value_network_params.to_module(loss.local_value_network):
            played = loss.local_value_network(batch.clone())
        mixed = loss.mixer_network(played.clone())[MIXED]
        wanted = kernel(played[LOCAL].squeeze(-1), batch[STATE].flatten(-2))
    return len(batch), float((mixed - wanted).abs().max())


if __name__ == "__main__":
    main()
