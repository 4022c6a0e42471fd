"""Environment steps per second, training included, next to EPyMARL and JaxMARL, in one go.

    python benchmarks/trainer.py [--parts [--mixers vdn qmix KERNEL]]    ours alone; where an update's time goes
    python benchmarks/trainer.py --epymarl PATH [--epymarl-python PYTHON]
    python benchmarks/trainer.py --jaxmarl PATH [--jaxmarl-python PYTHON]

PATH is your own checkout, PYTHON the interpreter of its own environment (default: PATH/.venv/bin/python). Nothing of
either is in this repository; EPyMARL writes its `results/` as it always does. Same task, network, batch (32 episodes) and
updates per episode. Ours runs in one thread, as EPyMARL sets itself; `--threads 2` gives ours both cores of a small machine.
Runs alternate, each in its own process; a line has the medians and the ratio. Two clocks: wall, and the processor
time of the training process, which a busy machine disturbs less (it misses EPyMARL's environment processes, in its favour).

EPyMARL collects with its episode runner where it updates after each episode, and with its parallel runner of ten processes
where it updates after ten. Ours collects ten episodes at once in both, then does the updates that they earned.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASKS = {
    "lbf-8x8-2p-2f-coop": ("lbforaging:Foraging-2s-8x8-2p-2f-coop-v3", 50),
    "lbf-15x15-4p-3f": ("lbforaging:Foraging-15x15-4p-3f-v3", 50),
}
CONFIGS = {
    "ff 64": (False, 64, 1.0),
    "gru 64": (True, 64, 1.0),
    "gru 128": (True, 128, 1.0),
    "ff 64, 1 in 10": (False, 64, 0.1),
    "gru 64, 1 in 10": (True, 64, 0.1),
}

# Runs in the peer's interpreter: its own main, with the clock read at each call of its learner.
EPYMARL = """
import importlib.util, json, os, sys, time, types
sys.path.insert(0, "."); sys.dont_write_bytecode = True
for name in ("smaclite",):  # environments that it imports whether they are installed or not, and that are not used here
    if importlib.util.find_spec(name) is None:
        sys.modules[name] = types.ModuleType(name)
import learners.q_learner as learner
marks, train = [], learner.QLearner.train
def timed(self, batch, t_env, episode):
    made = train(self, batch, t_env, episode)
    marks.append((t_env, time.perf_counter(), time.process_time()))
    return made
learner.QLearner.train = timed
import atexit
def tell():
    (s0, w0, c0), (s1, w1, c1) = marks[len(marks) // 5], marks[-1]
    print("BENCH " + json.dumps({"steps": s1 - s0, "wall": w1 - w0, "cpu": c1 - c0, "updates": len(marks) - 1 - len(marks) // 5}))
atexit.register(tell)
import runpy
runpy.run_path("main.py", run_name="__main__")
"""

OURS = """
import json, sys, tempfile, time
started = float(sys.argv[2])
from pathlib import Path
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.trained import make_mixer
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.trainer import train
task, mixer, steps, settings = json.loads(sys.argv[1])
task, config, marks = load_task(task), TrainConfig(**settings), []
def mark(now):
    if now.updates:
        marks.append((now.steps, time.perf_counter(), time.process_time(), now.updates))
with tempfile.TemporaryDirectory() as folder:
    train(task, make_mixer(mixer, task, config, 0), config, seed=0, steps=steps, folder=Path(folder), progress=mark)
(s0, w0, c0, u0), (s1, w1, c1, u1) = marks[len(marks) // 5], marks[-1]
whole = {"whole": time.time() - started, "whole_cpu": time.process_time(), "whole_updates": u1}
print("BENCH " + json.dumps({"steps": s1 - s0, "wall": w1 - w0, "cpu": c1 - c0, "updates": u1 - u0, **whole}))
"""

JAXMARL = """
import json, os, sys, time
started = float(sys.argv.pop(1))
sys.path[:0] = [os.path.abspath(os.path.join(os.getcwd(), "../..")), os.getcwd()]
import atexit, runpy
atexit.register(lambda: print("BENCH " + json.dumps({"wall": time.time() - started, "cpu": time.process_time()})))
runpy.run_path("qmix_rnn.py", run_name="__main__")
"""


def bench(command: list[str], folder: Path, threads: int) -> dict[str, float]:
    """Run a process and read its line of numbers."""
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("BENCH ")]
    if not lines:
        sys.exit(f"{' '.join(command[:2])} … in {folder} printed no result:\n{done.stderr[-3000:]}")
    return json.loads(lines[-1].removeprefix("BENCH "))


def ours(task: str, mixer: str, steps: int, threads: int, settings: dict[str, object]) -> dict[str, float]:
    """A run of this trainer without evaluations and checkpoints; NumPy has one thread, torch what is asked."""
    settings = {
        "obs_last_action": False,
        "target_tau": 0.0,
        "evaluation_interval": 10**9,
        "evaluation_episodes": 1,
        "checkpoint_interval": 10**9,
        "threads": threads,
        **settings,
    }
    root = Path(__file__).resolve().parent.parent
    arguments = [json.dumps([task, mixer, steps, settings]), str(time.time())]
    return bench([sys.executable, "-c", OURS, *arguments], root, 1)


def ours_as_epymarl(task: str, config: str, mixer: str, steps: int, threads: int) -> dict[str, float]:
    recurrent, hidden, updates = CONFIGS[config]
    settings = {
        "recurrent": recurrent,
        "hidden": hidden,
        "updates_per_episode": updates,
        "n_envs": 10,
        "rewards": "standardised",
    }
    return ours(task, mixer, steps, threads, settings)


def epymarl(path: Path, python: Path, task: str, config: str, mixer: str, steps: int, threads: int) -> dict[str, float]:
    recurrent, hidden, updates = CONFIGS[config]
    key, limit = TASKS[task]
    with tempfile.TemporaryDirectory() as results:
        options = [
            f"env_args.key={key}", f"env_args.time_limit={limit}", f"t_max={steps}", "use_cuda=False", f"hidden_dim={hidden}",
            f"use_rnn={recurrent}", "test_interval=1000000000", "test_nepisode=1", f"local_results_path={results}",
        ]  # fmt: skip
        if updates < 1:
            options += ["runner=parallel", f"batch_size_run={round(1 / updates)}"]
        command = [str(python), "-c", EPYMARL, f"--config={mixer}", "--env-config=gymma", "with", *options]
        return bench(command, path / "src", threads)


def jaxmarl(path: Path, python: Path, steps: int) -> dict[str, float]:
    overrides = [
        "+alg=ql_rnn_mpe", f"alg.TOTAL_TIMESTEPS={steps}", "alg.TEST_DURING_TRAINING=False", "WANDB_MODE=disabled",
        "SAVE_PATH=null", "hydra.run.dir=/tmp", "hydra.output_subdir=null",
    ]  # fmt: skip
    command = [str(python), "-c", JAXMARL, str(time.time()), *overrides]
    return bench(command, path / "baselines" / "QLearning", os.cpu_count() or 1)


def ours_as_jaxmarl(steps: int, threads: int) -> dict[str, float]:
    """Its network, environments, batch and mixer: 8 episodes at once, then one update of 32 episodes."""
    settings = {
        "recurrent": True,
        "hidden": 64,
        "n_envs": 8,
        "updates_per_episode": 1 / 8,
        "qmix_hypernet": 128,
        "learning_rate": 5e-3,
        "grad_clip": 25.0,
        "gamma": 0.9,
        "rewards": "raw",
    }
    return ours("mpe-spread-3", "qmix", steps, threads, settings)


def rate(runs: list[dict[str, float]], clock: str) -> float:
    return statistics.median(run["steps"] / run[clock] for run in runs)


def side_by_side(asked: argparse.Namespace) -> None:
    """A line a configuration: steps per second of both, and the ratios."""
    python = asked.epymarl_python or asked.epymarl / ".venv/bin/python" if asked.epymarl else None
    print(f"{'':18} {'wall clock':^30} {'processor time':^30}")
    print(f"{asked.task:18} {'ours':>9} {'EPyMARL':>9} {'ratio':>9}  {'ours':>9} {'EPyMARL':>9} {'ratio':>9}")
    for config in asked.configs or CONFIGS:
        mine: list[dict[str, float]] = []
        theirs: list[dict[str, float]] = []
        few = CONFIGS[config][2] == 1.0
        for _ in range(asked.runs):
            mine.append(
                ours_as_epymarl(asked.task, config, asked.mixer, asked.steps if few else 4 * asked.steps, asked.threads)
            )
            if python is not None:
                steps = (asked.steps if few else 4 * asked.steps) // 2
                theirs.append(
                    epymarl(asked.epymarl, python, asked.task, config, asked.mixer, steps, asked.epymarl_threads)
                )
        cells = []
        for clock in ("wall", "cpu"):
            us = rate(mine, clock)
            them = rate(theirs, clock) if theirs else float("nan")
            cells.append(f"{us:9,.0f} {them:9,.0f} {us / them:8.1f}x")
        print(f"{config:18} {cells[0]}  {cells[1]}", flush=True)


def against_jaxmarl(asked: argparse.Namespace) -> None:
    """From the start of the process to the last step, imports and compilation counted."""
    python = asked.jaxmarl_python or asked.jaxmarl / ".venv/bin/python"
    mine, theirs = [], []
    for _ in range(asked.runs):
        mine.append(ours_as_jaxmarl(asked.jaxmarl_steps, asked.threads))
        theirs.append(jaxmarl(asked.jaxmarl, python, asked.jaxmarl_steps))
    print(f"QMIX, GRU 64, simple_spread, {asked.jaxmarl_steps:,} steps from process start, medians of {asked.runs}:")
    for clock, name, own in (("wall", "wall clock", "whole"), ("cpu", "processor time", "whole_cpu")):
        us, them = (statistics.median(run[key] for run in runs) for runs, key in ((mine, own), (theirs, clock)))
        print(f"  {name:15} ours {us:7.1f} s   JaxMARL {them:7.1f} s   ratio {them / us:5.2f}x", flush=True)
    print(f"  ours made {mine[0]['whole_updates']:,} updates, from 32 episodes on; JaxMARL learns from step 10,000 on")


def clocked(call, times: int) -> float:
    """Least processor time of a call in milliseconds."""
    spent = []
    for _ in range(times):
        begun = time.process_time()
        call()
        spent.append((time.process_time() - begun) * 1e3)
    return min(spent)


def prepared(task, env, config, mixer: str):
    """A learner with a mixer, and a buffer with 40 random episodes."""
    import numpy as np
    import torch

    from tfcaf_forge.pipeline.trained import make_mixer
    from tfcaf_forge.replay.buffer import EpisodeBuffer
    from tfcaf_forge.training.agents import EpsilonGreedy
    from tfcaf_forge.training.learner import Learner
    from tfcaf_forge.training.rollout import rollout

    sizes = {"obs_size": env.obs_size, "n_agents": env.n_agents, "n_actions": env.n_actions}
    made = make_mixer(mixer, task, config, 0)
    learner = Learner(config, made, **sizes, gamma=task.gamma, seed=0)
    episodes = rollout(env, EpsilonGreedy(learner.network, config, env.n_actions, 1.0), seed=0)
    seen = np.concatenate([np.ones((env.n_envs, 1), np.bool_), episodes.valid], axis=1)
    mixing = made.mixing(torch.from_numpy(episodes.state[seen]))
    buffer = EpisodeBuffer(
        capacity=64, horizon=env.episode_limit, state_size=env.state_size, seed=0, mixing=mixing is not None, **sizes
    )
    kept = torch.zeros(*seen.shape, task.n_agents + 1)
    if mixing is not None:
        kept[torch.from_numpy(seen)] = mixing
    buffer.add(episodes, None if mixing is None else kept)
    return learner, buffer


def where_the_time_goes(asked: argparse.Namespace) -> None:
    """Processor time of one update and its parts, for each mixer, and of the network's matrix products alone."""
    import torch

    from tfcaf_forge.pipeline.tasks import load_task
    from tfcaf_forge.resources import keep_freed_memory
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.envs.make import make_env

    torch.set_num_threads(1)
    keep_freed_memory()  # as training does
    task = load_task(asked.task)
    env = make_env(task, 40)
    print(f"\none update of 32 episodes, one thread, least processor time of {asked.times} in ms")
    print(f"{'':10} {'products':>9} {'network':>9} {'sample':>7} " + " ".join(f"{m[-14:]:>14}" for m in asked.mixers))
    for name, (recurrent, hidden) in {"ff 64": (False, 64), "gru 64": (True, 64), "gru 128": (True, 128)}.items():
        config = TrainConfig(recurrent=recurrent, hidden=hidden, obs_last_action=False)
        pairs = [prepared(task, env, config, mixer) for mixer in asked.mixers]
        # The mixers take turns, so that a machine that slows down slows all of them.
        spent = [float("inf")] * len(pairs)
        for _ in range(asked.times):
            for k, (learner, buffer) in enumerate(pairs):
                spent[k] = min(spent[k], clocked(updating(learner, buffer), 1))
        row = network_parts(*pairs[0], config, env.n_actions, asked.times)
        print(
            f"{name:10} {row[0]:9.2f} {row[1]:9.2f} {row[2]:7.2f} " + " ".join(f"{x:14.2f}" for x in spent), flush=True
        )


def updating(learner, buffer):
    return lambda: learner.update(buffer.sample(32))


def network_parts(learner, buffer, config, n_actions: int, times: int) -> list[float]:
    """Products alone; target pass, online pass and gradients; a sample."""
    import torch

    from tfcaf_forge.training.agents import network_inputs

    batch = buffer.sample(32)
    inputs = network_inputs(config, batch)
    parameters = list(learner.network.parameters())

    def network() -> None:
        with torch.no_grad():
            learner.target_network(inputs, batch.sizes)
        torch.autograd.grad(learner.network(inputs, batch.sizes).sum(), parameters)

    def bare() -> None:
        products(inputs, config.hidden, n_actions, batch.sizes, recurrent=config.recurrent)

    return [clocked(bare, times), clocked(network, times), clocked(lambda: buffer.sample(32), times)]


def products(inputs, hidden: int, actions: int, sizes: tuple[int, ...], *, recurrent: bool) -> None:
    """The matrix products that a target pass, an online pass and its gradients cannot do without, and nothing else."""
    import torch

    rows, n = inputs.shape[0] * inputs.shape[1], inputs.shape[1]
    x, h, q = inputs.view(rows, -1), torch.ones(rows, hidden), torch.ones(rows, actions)
    first, last = torch.ones(x.shape[1], hidden), torch.ones(hidden, actions)
    wide = torch.ones(hidden, 3 * hidden if recurrent else hidden)
    gates = torch.ones(rows, wide.shape[1])
    parts = h.split([size * n for size in sizes]) if recurrent else ()
    for _ in range(2):  # target, online
        for one, other in ((x, first), (h, wide), (h, last), *((part, wide) for part in parts)):
            torch.mm(one, other)
    for one, other in ((q, last.t()), (h.t(), q), (gates, wide.t()), (h.t(), gates), (x.t(), h)):
        torch.mm(one, other)
    if recurrent:
        torch.mm(h.t(), gates)
        for part in gates.split([size * n for size in sizes]):
            torch.mm(part, wide.t())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="lbf-8x8-2p-2f-coop", choices=sorted(TASKS))
    parser.add_argument("--mixer", default="qmix", choices=["vdn", "qmix"])
    parser.add_argument("--configs", nargs="*", choices=sorted(CONFIGS))
    parser.add_argument("--runs", type=int, default=3, help="alternating runs of each")
    parser.add_argument("--steps", type=int, default=8000, help="environment steps of a run of ours; EPyMARL gets half")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of ours")
    parser.add_argument("--epymarl", type=Path)
    parser.add_argument("--epymarl-python", type=Path)
    parser.add_argument(
        "--epymarl-threads", type=int, default=os.cpu_count(), help="NumPy's; it sets torch's to one itself"
    )
    parser.add_argument("--jaxmarl", type=Path)
    parser.add_argument("--jaxmarl-python", type=Path)
    parser.add_argument("--jaxmarl-steps", type=int, default=200_000)
    parser.add_argument("--parts", action="store_true", help="where the time of an update goes")
    parser.add_argument(
        "--mixers", nargs="*", default=["vdn", "qmix", "qplex"], help="for --parts; also paths of kernels"
    )
    parser.add_argument("--times", type=int, default=30, help="for --parts")
    asked = parser.parse_args()
    if asked.epymarl or not (asked.parts or asked.jaxmarl):
        side_by_side(asked)
    if asked.parts:
        where_the_time_goes(asked)
    if asked.jaxmarl:
        against_jaxmarl(asked)


if __name__ == "__main__":
    main()
