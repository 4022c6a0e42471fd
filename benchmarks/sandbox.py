"""What the sandbox costs: medians of one run, on this machine, side by side with what one would do otherwise.

python benchmarks/sandbox.py [--candidates 40] [--workers 2] [--docker] [--gvisor] [--peers PYTHON]

Executors of other projects live in an environment of their own, with torch; PYTHON is its interpreter:
python -m venv peers && peers/bin/pip install torch smolagents 'llm-sandbox[docker]'
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
FRESH = "import torch\nexec({source!r})\ntfcaf(torch.ones(3, 2), torch.ones(3, 14)).sum()\n"


def candidates(count: int) -> Iterator[str]:
    """Different functions of the size that models write; no two have one graph."""
    for number in range(count):
        yield (
            "def tfcaf(local_q, state):\n"
            "    batch, agents = local_q.shape\n"
            "    weights = torch.zeros(batch, agents)\n"
            "    for agent in range(agents):\n"
            "        place = state[:, 3 * agent : 3 * agent + 2]\n"
            "        far = torch.sqrt(((place - state[:, 8:10]) ** 2).sum(dim=1) + 1e-6)\n"
            f"        weights[:, agent] = torch.exp(-far / {number + 2}.0) + torch.where(far > 2.0, 0.1, 0.5)\n"
            "    weights = weights / weights.sum(dim=1, keepdim=True)\n"
            "    return (local_q * weights).sum(dim=1, keepdim=True)\n"
        )


def work(count: int) -> Iterator[tuple]:
    from tfcaf_forge.records.proposal import Proposal
    from tfcaf_forge.sandbox.receive import Contract

    rng = np.random.default_rng(0)
    probes = [
        (rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 14)).astype(np.float32))
        for rows in (1, 3, 16)
    ]
    for number, source in enumerate(candidates(count)):
        yield Proposal(id=number, coder="file", source=source), Contract(n_agents=2, state_size=14), probes


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begin)


def median(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:8.1f} ms   ({min(values):.1f} to {max(values):.1f}, n={len(values)})"


def backend(name: str, count: int) -> dict[str, str]:
    """Start, and one candidate after another in one warm worker."""
    from tfcaf_forge.records.traced import Traced
    from tfcaf_forge.sandbox.profile import load_profile
    from tfcaf_forge.sandbox.sandbox import BACKENDS, Sandbox

    starts = [timed(lambda: BACKENDS[name](load_profile()).close()) for _ in range(3)]
    with Sandbox(name) as box:
        todo = list(work(count + 2))
        for item in todo[:2]:
            box.trace(*item)  # the host's own torch
        times = []
        for item in todo[2:]:
            begin = time.perf_counter()
            outcome = box.trace(*item)
            times.append(1000 * (time.perf_counter() - begin))
            assert isinstance(outcome, Traced), outcome
        layers = f"{len(box.isolation.active)} layers"
    return {f"{name}: start": median(starts), f"{name}: a candidate, {layers}": median(times)}


def isolation(count: int) -> dict[str, str]:
    """A process that does nothing, in all layers and in none: what is left is fork, layers and clean-up."""
    from tfcaf_forge.sandbox.local import LocalWorker
    from tfcaf_forge.sandbox.profile import load_profile

    rows = {}
    for what, bare in (("local: isolation", False), ("local: of which fork and end of a process", True)):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(_idle_guest(bare))
            file.flush()
            with LocalWorker(msgspec.structs.replace(load_profile()), main=Path(file.name)) as worker:
                rows[what] = median([timed(lambda: worker.ask({"source": ""})) for _ in range(count)])
    return rows


def _idle_guest(bare: bool) -> str:
    change = (
        "from guest import child\nrun = child.run\n"
        "child.run = lambda house, layers, request, act, host: "
        "run(house, layers if 'id' not in request else ('session', 'descriptors'), request, act, host)\n"
    )
    return (
        f"import sys\nsys.path[:0] = [{str(REPOSITORY / 'sandboxes')!r}]\n"
        "from guest.main import parse, streams\n"
        "found = parse(sys.argv[1:])\nsys.path.extend(found.sites)\n"
        "source, sink = streams(found.fd)\n"
        f"{change if bare else ''}"
        "from guest.serve import serve\n"
        "serve(source, sink, examine=lambda request: {}, marker=found.marker)\n"
    )


def pool(count: int, workers: int) -> dict[str, str]:
    from tfcaf_forge.sandbox.pool import Pool

    with Pool(workers) as opened:
        list(opened.trace_many(work(4 * workers)))
        begin = time.perf_counter()
        done = sum(1 for _ in opened.trace_many(work(count)))
        seconds = time.perf_counter() - begin
    return {f"local: {workers} workers": f"{done / seconds:8.1f} candidates a second"}


def fresh(count: int) -> dict[str, str]:
    """A new interpreter that imports torch for each candidate; no isolation at all, and no trace."""
    sources = list(candidates(count))
    times = [
        timed(lambda source=source: subprocess.run([sys.executable, "-c", FRESH.format(source=source)], check=True))
        for source in sources
    ]
    return {"a fresh subprocess that imports torch (no isolation)": median(times)}


def docker_run(count: int) -> dict[str, str]:
    """A new container for each candidate."""
    from tfcaf_forge.sandbox.docker_image import TAG

    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", TAG, "-I", "-c"]
    path = "import sys; sys.path.append('/opt/forge/site')\n"
    times = [
        timed(lambda source=source: subprocess.run([*command, path + FRESH.format(source=source)], check=True))
        for source in candidates(count)
    ]
    return {"a fresh `docker run` (torch imported, no trace)": median(times)}


PEERS = {
    "smolagents LocalPythonExecutor (in the same process)": """
from smolagents.local_python_executor import LocalPythonExecutor
def run(source):
    executor = LocalPythonExecutor(["torch"])
    executor.send_tools({})
    executor("import torch\\n" + source + "\\nx = tfcaf(torch.ones(3, 2), torch.ones(3, 14))")
""",
    "llm-sandbox, a session for each": """
from llm_sandbox import SandboxSession
def run(source):
    with SandboxSession(lang="python", image=IMAGE, keep_template=True, skip_environment_setup=True, runtime_configs=SETTINGS) as box:
        done = box.run("import sys; sys.path.append('/opt/forge/site')\\n" + FRESH.format(source=source))
        assert done.exit_code == 0, done
""",
    "llm-sandbox, one session for all": """
from llm_sandbox import SandboxSession
box = SandboxSession(lang="python", image=IMAGE, keep_template=True, skip_environment_setup=True, runtime_configs=SETTINGS)
box.open()
def run(source):
    done = box.run("import sys; sys.path.append('/opt/forge/site')\\n" + FRESH.format(source=source))
    assert done.exit_code == 0, done
""",
}
"""Executors of other projects. They run the function once; none traces it, and none compares a graph with it."""
PEER_IMAGE = "tfcaf-forge-bench-peer"
"""Our image with a `python` on its path, which llm-sandbox asks for: both run the same torch."""
_PEER = """
import json, sys, time
IMAGE, FRESH = sys.argv[1:3]
SETTINGS = {"network_mode": "none", "user": "0:0", "entrypoint": ["sleep", "infinity"]}
{peer}
times = []
for source in json.load(sys.stdin):
    begin = time.perf_counter()
    run(source)
    times.append(1000 * (time.perf_counter() - begin))
if "box" in globals():
    box.close()
print("TIMES", json.dumps(times))
"""


def peers(python: str, count: int) -> dict[str, str]:
    """Executors of other projects, where they are installed beside `python`; what cannot run says why."""
    from tfcaf_forge.sandbox.docker_image import TAG

    layer = f"FROM {TAG}\nUSER 0\nRUN ln -sf $(command -v python3) /usr/local/bin/python\n"
    subprocess.run(
        ["docker", "build", "-q", "--network", "none", "-t", PEER_IMAGE, "-"],
        input=layer,
        text=True,
        capture_output=True,
    )
    rows: dict[str, str] = {}
    for name, peer in PEERS.items():
        sources = json.dumps(list(candidates(count if "smolagents" in name else max(3, count // 8))))
        done = subprocess.run(
            [python, "-c", _PEER.replace("{peer}", peer), PEER_IMAGE, FRESH],
            input=sources,
            capture_output=True,
            text=True,
        )
        said = [line for line in done.stdout.splitlines() if line.startswith("TIMES")]
        rows[name] = (
            median(json.loads(said[0].removeprefix("TIMES")))
            if said
            else f"cannot run here: {(done.stderr.strip().splitlines() or ['no answer'])[-1][:100]}"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--docker", action="store_true", help="the Docker backend, and a `docker run` per candidate")
    parser.add_argument("--gvisor", action="store_true", help="the same with gVisor's kernel")
    parser.add_argument("--peers", metavar="PYTHON", help="other projects' executors, beside this interpreter")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    few = max(3, options.candidates // 8)
    stages: list[Callable[[], dict[str, str]]] = [
        lambda: backend("local", options.candidates),
        lambda: isolation(options.candidates),
        lambda: pool(2 * options.candidates, options.workers),
        lambda: fresh(few),
    ]
    if options.docker:
        stages += [lambda: backend("docker", options.candidates), lambda: docker_run(few)]
    if options.gvisor:
        stages += [lambda: backend("gvisor", few)]
    if options.peers:
        stages += [lambda: peers(options.peers, options.candidates)]
    rows: dict[str, str] = {}
    for stage in stages:
        for what, value in stage().items():
            rows[what] = value
            print(f"{what:<56} {value}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
