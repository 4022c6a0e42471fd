"""The functions whose order is to be predicted: where they come from, vetted, kept as graphs.

A task's functions are VDN, fixed random weights, hand-written ones in `functions/TASK/` (each says its kind), for
level-based foraging with two agents and two foods those of `tests/quality`, the recorded answers, and what the offline
coder writes. All pass every required property: bad ones are wrong in meaning, which no property sees.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from tfcaf_forge.graph import codec
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import Data, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.proposals.files import proposal_from_text
from tfcaf_forge.proposals.offline import OfflineCoder
from tfcaf_forge.ranking.bench import equal_weights
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
QUALITY = ROOT / "tests" / "quality"
RECORDED = ROOT / "tfcaf_forge" / "proposals" / "recorded"
BORROWED = {"lbf-5x5-2p-2f": "lbf-8x8-2p-2f-coop"}
"""Tasks whose state is laid out alike: functions of the second are functions of the first."""


class Function(Plain, frozen=True, kw_only=True):
    """One function of the benchmark; `kind` is what its author expects, and no score sees it."""

    name: str
    kind: str
    source: str
    graph: OpGraph


def functions(task: TaskSpec, *, offline: int, seed: int = 0) -> Iterator[Function | str]:
    """Accepted functions, no graph twice; a string says why one was left out."""
    seen: set[str] = set()
    graphs = [Function(name="vdn", kind="baseline", source="", graph=equal_weights(task.n_agents, task.state_size))]
    graphs += [random_weights(task, k) for k in range(3)]
    for made in graphs:
        seen.add(codec.digest(made.graph))
        yield made
    with Sandbox("local", load_profile("default")) as sandbox:
        examiner = Examiner(task, sandbox, seed=seed)
        for number, (name, kind, source) in enumerate(sources(task, offline), 1):
            made = _vetted(examiner, number, name, kind, source)
            if isinstance(made, Function):
                digest = codec.digest(made.graph)
                made = made if digest not in seen else f"{name}: the same graph as an earlier one"
                seen.add(digest)
            yield made


def random_weights(task: TaskSpec, seed: int) -> Function:
    """Fixed weights, log-normal with sigma 1.2, scaled to a mean of 1."""
    weights = np.exp(1.2 * np.random.default_rng(1000 + seed).normal(size=task.n_agents))
    weights = [round(float(w), 4) for w in weights / weights.mean()]
    nodes = (
        Node("const", (Data("float", (task.n_agents,), tuple(weights)),)),
        Node("mul.Tensor", (Ref(0), Ref(2))),
        Node("sum.dim_IntList", (Ref(3), (1,), True, None)),
    )
    graph = OpGraph(task.n_agents, task.state_size, nodes, Ref(4))
    return Function(name=f"random-{seed}", kind="random", source="", graph=canonical(graph, verify(graph))[0])


def sources(task: TaskSpec, offline: int) -> Iterator[tuple[str, str, str]]:
    """(name, kind, source) of everything that is written in Python."""
    for path in sorted((HERE / "functions" / task.name).glob("*.py")):
        yield path.stem, _header(path)["kind"], path.read_text()
    borrowed = BORROWED.get(task.name)
    for kind, folder in (("good", QUALITY / "good"), ("bad", QUALITY / "bad" / "semantic")):
        for path in sorted(folder.glob("*.py")):
            if borrowed is not None and _header(path)["task"] == borrowed:
                yield path.stem, kind, path.read_text()
    for path in sorted(RECORDED.glob("*.toml")):
        sheet = tomllib.loads(path.read_text())
        for place, answer in enumerate(sheet["answer"]):
            if sheet["task"] == borrowed and answer["purpose"] == "propose":
                yield f"recorded-{place}", "recorded", answer["text"]
    for k in range(offline):
        proposal = OfflineCoder(seed=k).propose(task, id=1, round=0, index=k % 5, history=[])
        yield f"offline-{k}", "offline", proposal.source


def _header(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)


def _vetted(examiner: Examiner, number: int, name: str, kind: str, source: str) -> Function | str:
    proposal = proposal_from_text(source, id=number)
    if isinstance(proposal, Rejection):
        return f"{name}: {proposal}"
    traced = examiner.trace(proposal)
    if isinstance(traced, Rejection):
        return f"{name}: {traced}"
    evidence = examiner.examine(traced)
    broken = [v.property_id for v in evidence.verdicts if v.required and not v.holds]
    if broken:
        return f"{name}: refuted, {', '.join(broken)}"
    return Function(name=name, kind=kind, source=proposal.source, graph=traced.graph)


def write(path: Path, found: list[Function]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=0) + b"\n")


def read(path: Path) -> list[Function]:
    return msgspec.json.decode(path.read_bytes(), type=list[Function], strict=True)
