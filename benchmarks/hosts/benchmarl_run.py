"""BenchMARL's VDN, QMIX and `Tfcaf` on one VMAS task: returns, and the host's Q_tot next to the kernel's on the same batch.

    forge task init vmas:navigation --option n_agents=2 --option episode_limit=50 -o navigation.toml
    forge synthesize --task navigation.toml --out runs/navigation
    python benchmarks/hosts/benchmarl_run.py runs/navigation/kernel.safetensors --frames 40000 --seeds 0 1 2

Needs `pip install 'tfcaf-forge[hosts,vmas]'`.
One line of JSON a training.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import torch
from benchmarl.algorithms import QmixConfig, VdnConfig
from benchmarl.environments import VmasTask
from benchmarl.experiment import Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from torchrl.envs.utils import ExplorationType, set_exploration_type

from tfcaf_forge import load_kernel
from tfcaf_forge.integrations.benchmarl import TfcafConfig

EPISODE = 50
EVALUATED = 200


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("--scenario", default="navigation")
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmarl"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed in given.seeds:
        for name in ("kernel", "qmix", "vdn"):
            print(json.dumps(train(name, given, seed)), flush=True)


def train(name: str, given: argparse.Namespace, seed: int) -> dict[str, object]:
    """One training, and what a greedy team earns before and after it."""
    kernel = load_kernel(given.kernel)
    task = VmasTask[given.scenario.upper()].get_from_yaml()
    task.config.update({"n_agents": kernel.n_agents, "max_steps": EPISODE})
    model = MlpConfig.get_from_yaml()
    model.num_cells, model.layer_class, model.activation_class = [64, 64], torch.nn.Linear, torch.nn.Tanh
    experiment = Experiment(
        task=task,
        algorithm_config=algorithm(name, given.kernel),
        model_config=model,
        critic_model_config=model,
        seed=seed,
        config=settings(given),
    )
    before, start = evaluate(experiment), time.perf_counter()
    experiment.run()
    seconds = time.perf_counter() - start
    found = {
        "host": "benchmarl", "task": f"vmas {given.scenario}, {kernel.n_agents} agents", "mixer": name, "seed": seed,
        "steps": experiment.total_frames, "return_before": before, "return_after": evaluate(experiment),
        "seconds": round(seconds, 1),
    }  # fmt: skip
    if name == "kernel":
        found["kernel"] = kernel.manifest.graph_digest
        found["rows"], found["largest_difference_of_q_tot"] = difference(experiment, kernel)
    return found


def algorithm(name: str, kernel: str) -> object:
    shared = {"delay_value": True, "loss_function": "l2"}
    if name == "kernel":
        return TfcafConfig(kernel=kernel, **shared)
    return QmixConfig(mixing_embed_dim=32, **shared) if name == "qmix" else VdnConfig(**shared)


def settings(given: argparse.Namespace) -> ExperimentConfig:
    """BenchMARL's own, but for sizes that fit a short run on one core, and a learning rate that learns in one."""
    config = ExperimentConfig.get_from_yaml()
    config.max_n_frames, config.lr, config.gamma = given.frames, 1e-3, 0.95
    config.off_policy_collected_frames_per_batch, config.off_policy_n_envs_per_worker = 2_000, 40
    config.off_policy_n_optimizer_steps, config.off_policy_train_batch_size = 200, 128
    config.off_policy_memory_size = given.frames
    config.exploration_anneal_frames = given.frames * 2 // 3
    config.evaluation, config.evaluation_episodes = False, EVALUATED
    config.render, config.loggers, config.create_json = False, [], False
    config.save_folder = str(given.folder)
    return config


def evaluate(experiment: Experiment) -> float:
    """Mean undiscounted return of greedy episodes, averaged over the agents as BenchMARL does."""
    with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
        played = experiment.test_env.rollout(
            max_steps=EPISODE, policy=experiment.policy, auto_cast_to_device=True, break_when_any_done=False
        )
    return float(played["next", "agents", "reward"].sum(1).mean())


def difference(experiment: Experiment, kernel: torch.nn.Module) -> tuple[int, float]:
    """Rows, and the largest |Q_tot of the host - Q_tot of the kernel| on replayed transitions, the local values the same."""
    batch = torch.cat([experiment.replay_buffers["agents"].sample() for _ in range(16)])
    loss = experiment.losses["agents"]
    with torch.no_grad():
        with loss.local_value_network_params.to_module(loss.local_value_network):
            played = loss.local_value_network(batch.clone())
        mixed = loss.mixer_network(played.clone())
    local_q = played["agents", "chosen_action_value"].squeeze(-1)
    state = batch["agents", "observation"].flatten(-2)
    return len(batch), float((mixed["chosen_action_value"] - kernel(local_q, state)).abs().max())


if __name__ == "__main__":
    main()
