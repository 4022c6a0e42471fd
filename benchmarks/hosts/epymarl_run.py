"""EPyMARL with its QMIX and VDN mixers and with a kernel, on foraging: returns, and the learner's Q_tot next to the kernel's
on the same batches, the columns laid out by hand.

    git clone https://github.com/uoe-agents/epymarl
    forge synthesize --task benchmarks/validity/tasks/lbf-5x5-2p-2f.toml --out runs/forage
    python benchmarks/hosts/epymarl_run.py epymarl runs/forage/kernel.safetensors --steps 25000 --seeds 0 1 2

Needs EPyMARL's requirements in the same environment. Nothing of its source is changed. One line of JSON a training; what
EPyMARL says goes to a log file in `--folder`.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import lbforaging  # noqa: F401 - registers its environments
import torch

KEY, LIMIT = "Foraging-5x5-2p-2f-level1-v0", 20
"""lbforaging's Foraging-5x5-2p-2f-v3, whose foods one agent can load: something is learned in 25,000 steps."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("epymarl", type=Path, help="its checkout")
    parser.add_argument("kernel", type=Path)
    parser.add_argument("--steps", type=int, default=25_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/epymarl"))
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        inside(given.epymarl, given.kernel, given.inside)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        for name in ("kernel", "qmix", "vdn"):
            print(json.dumps(train(name, given, seed)), flush=True)


def train(name: str, given: argparse.Namespace, seed: int) -> dict[str, object]:
    """One training in a process of its own, and what EPyMARL's greedy evaluations said."""
    mixer = "learner=tfcaf_learner" if name == "kernel" else f"mixer={name}"
    command = [sys.executable, "-W", "ignore", __file__, str(given.epymarl.resolve()), str(given.kernel.resolve()), "--inside"]  # fmt: skip
    command += ["--config=qmix", "--env-config=gymma", "with", mixer, f"seed={seed}", f"name={name}"]
    command += [f"env_args.key={KEY}", f"env_args.time_limit={LIMIT}", "use_cuda=False"]
    command += [f"t_max={given.steps}", f"epsilon_anneal_time={given.steps // 2}", "lr=0.001", "test_nepisode=100"]
    command += [f"test_interval={given.steps // 5}", f"log_interval={given.steps // 5}", "target_update_interval_or_tau=0.01"]  # fmt: skip
    start = time.perf_counter()
    log = given.folder / f"{name}-{seed}.log"
    with log.open("w") as out:
        subprocess.run(command, check=True, stdout=out, stderr=subprocess.STDOUT)
    text = log.read_text()
    returns = [float(value) for value in re.findall(r"test_return_mean:\s+(-?[\d.]+)", text)]
    found: dict[str, object] = {
        "host": "epymarl", "task": f"foraging 5x5, 2 agents, 2 foods of level 1, {LIMIT} steps", "mixer": name, "seed": seed, "steps": given.steps,
        "return_before": returns[0], "return_after": returns[-1], "seconds": round(time.perf_counter() - start, 1),
    }  # fmt: skip
    told = re.search(r"^DIFFERENCE (.*)$", text, re.M)
    return found | (json.loads(told[1]) if told else {})


def inside(epymarl: Path, kernel: Path, rest: list[str]) -> None:
    """EPyMARL's own main program, with the learner registered and watched."""
    from tfcaf_forge.integrations.epymarl import LEARNER, register

    program = epymarl / "src" / "main.py"
    sys.argv, sys.path[0] = [str(program), *rest], str(program.parent)
    torch.set_num_threads(1)
    register(kernel, "foraging")
    easier = copy.deepcopy(gymnasium.spec("Foraging-5x5-2p-2f-v3"))
    easier.kwargs["max_food_level"] = 1
    gymnasium.register(KEY, easier.entry_point, kwargs=easier.kwargs)
    import learners  # pyright: ignore[reportMissingImports] - EPyMARL's

    seen = Watched(learners.REGISTRY[LEARNER], kernel)
    try:
        runpy.run_path(str(program), run_name="__main__")
    finally:
        if seen.rows:
            print("DIFFERENCE", json.dumps(seen.found), flush=True)


class Watched:
    """Compares, at every update, the learner's Q_tot with the kernel's on columns that are laid out by hand."""

    def __init__(self, learner: Any, kernel: Path) -> None:
        from tfcaf_forge import load_kernel

        self._kernel, self._train = load_kernel(kernel), learner.train
        self.rows, self.worst = 0, 0.0
        learner.train = lambda host, batch, *rest: (self.compare(host, batch), self._train(host, batch, *rest))[1]

    @property
    def found(self) -> dict[str, object]:
        return {
            "kernel": self._kernel.manifest.graph_digest,
            "rows": self.rows,
            "largest_difference_of_q_tot": self.worst,
        }

    def compare(self, host: Any, batch: Any) -> None:
        from tfcaf_forge.integrations.epymarl import WithLastActions

        state, taken, filled = batch["state"], batch["actions"].squeeze(-1).float(), batch["filled"].bool().squeeze(-1)
        last = torch.cat([torch.full_like(taken[:, :1], -1.0), taken[:, :-1]], 1)
        named = {f"{what}.{part}": state[..., 3 * k + p] for k, what in enumerate(("foods[0]", "foods[1]", "agents[0]", "agents[1]")) for p, part in enumerate(("x", "y", "level"))}  # fmt: skip
        named |= {f"last_action[{i}]": last[..., i] for i in range(2)}
        by_hand = torch.stack([named[name] for name in self._kernel.manifest.layout], -1)
        local_q = torch.randn(*state.shape[:2], 2, generator=torch.Generator().manual_seed(self.rows))
        with torch.no_grad():
            mixed = host.mixer(local_q, WithLastActions(batch)["state"])
            off = (mixed - self._kernel(local_q, by_hand))[filled].abs().max()
        self.rows, self.worst = self.rows + int(filled.sum()), max(self.worst, float(off))


if __name__ == "__main__":
    main()
