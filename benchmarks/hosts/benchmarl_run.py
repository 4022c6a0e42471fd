"""BenchMARL's QMIX, VDN and `Tfcaf` on one VMAS task: returns, and the host's Q_tot next to the kernel's on the same batch.

python benchmarks/hosts/benchmarl_run.py KERNEL --scenario navigation --frames 24000 --seeds 1
"""

from __future__ import annotations

import argparse
import json
import warnings

import torch
from benchmarl.algorithms import QmixConfig, VdnConfig
from benchmarl.environments import VmasTask
from benchmarl.experiment import Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig

from tfcaf_forge import load_kernel
from tfcaf_forge.integrations.benchmarl import algorithm


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel")
    parser.add_argument("--scenario", default="navigation")
    parser.add_argument("--frames", type=int, default=24_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", default="/tmp/benchmarl")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(given.seeds):
        for name in ("tfcaf", "qmix", "vdn"):
            print(json.dumps(train(name, given, seed)), flush=True)


def train(name: str, given: argparse.Namespace, seed: int) -> dict[str, object]:
    """One training; the returns of its last evaluations."""
    shared = {"delay_value": True, "loss_function": "l2"}
    configs = {
        "tfcaf": lambda: algorithm()(kernel=given.kernel, **shared),
        "qmix": lambda: QmixConfig(mixing_embed_dim=32, **shared),
        "vdn": lambda: VdnConfig(**shared),
    }
    kernel = load_kernel(given.kernel)
    task = VmasTask[given.scenario.upper()].get_from_yaml()
    task.config.update({"n_agents": kernel.n_agents, "max_steps": 50})
    config = ExperimentConfig.get_from_yaml()
    config.max_n_frames = given.frames
    config.off_policy_collected_frames_per_batch = 2_000
    config.off_policy_n_envs_per_worker = 40
    config.off_policy_n_optimizer_steps = 50
    config.off_policy_train_batch_size = 128
    config.off_policy_memory_size = 24_000
    config.exploration_anneal_frames = given.frames * 2 // 3
    config.evaluation_interval = 8_000
    config.evaluation_episodes = 20
    config.render, config.loggers, config.create_json = False, [], False
    config.save_folder = given.folder
    model = MlpConfig.get_from_yaml()
    model.num_cells, model.layer_class, model.activation_class = [64, 64], torch.nn.Linear, torch.nn.Tanh
    experiment = Experiment(
        task=task,
        algorithm_config=configs[name](),
        model_config=model,
        critic_model_config=model,
        seed=seed,
        config=config,
    )
    before, after = evaluate(experiment), None
    experiment.run()
    after = evaluate(experiment)
    off = difference(experiment, kernel) if name == "tfcaf" else None
    return {
        "algorithm": name, "seed": seed, "frames": experiment.total_frames,
        "return_before": before, "return_after": after, "largest_difference_of_q_tot": off,
    }  # fmt: skip


def evaluate(experiment: Experiment) -> float:
    """Mean team return of 20 greedy episodes, averaged over agents as BenchMARL does."""
    from torchrl.envs.utils import ExplorationType, set_exploration_type

    with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
        played = experiment.test_env.rollout(
            max_steps=50, policy=experiment.policy, auto_cast_to_device=True, break_when_any_done=False
        )
    return float(played["next", "agents", "reward"].sum(1).mean())


def difference(experiment: Experiment, kernel: torch.nn.Module) -> float:
    """Largest |Q_tot of the host - Q_tot of the kernel| on 512 replayed transitions."""
    batch = experiment.replay_buffers["agents"].sample()
    loss = experiment.losses["agents"]
    with torch.no_grad():
        local = loss.local_value_network_params
        with local.to_module(loss.local_value_network):
            played = loss.local_value_network(batch.clone())
        mixed = loss.mixer_network(played.clone())
    local_q = played["agents", "chosen_action_value"].squeeze(-1)
    state = batch["agents", "observation"].flatten(-2)
    return float((mixed["chosen_action_value"] - kernel(local_q, state)).abs().max())


if __name__ == "__main__":
    main()
