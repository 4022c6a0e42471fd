"""Runs built by hand: a realistic one, and one whose every text is hostile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.records.equivalence import Equivalence, Export, Leg
from tfcaf_forge.records.manifest import Manifest, VerdictSummary
from tfcaf_forge.records.mutation import Mutant, MutationScore
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Interval, Ranking, Score
from tfcaf_forge.records.rejection import Rejection, Where
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Counterexample, Evidence, Verdict
from tfcaf_forge.reports.view import KernelFile, RunRecords
from tfcaf_forge.resources import bundled_tasks

SOURCE = '''import torch
import torch.nn.functional as F


def tfcaf(local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """Credit by closeness to the nearest food that is still there."""
    agents = state[:, :6].reshape(-1, 2, 3)
    foods = state[:, 6:12].reshape(-1, 2, 3)
    there = (foods[:, :, 2] > 0).float()
    gap = (agents[:, :, None, :2] - foods[:, None, :, :2]).abs().sum(-1)
    near = torch.where(there[:, None, :] > 0, gap, torch.full_like(gap, 14.0)).min(dim=2).values
    weight = F.softmax(-0.3 * near + 0.1 * agents[:, :, 2], dim=1)
    return (2.0 * weight * local_q).sum(dim=1, keepdim=True)
'''
GRAPH_TEXT = """(local_q float[B, 2], state float[B, 14]) -> %3 float[B, 1]
%0 = slice.Tensor(state, dim=1, start=0, end=6, step=1)  float[B, 6]  # agents[0].x, agents[0].y, agents[0].level, …  line 7
%1 = softmax(%0, dim=1)                                  float[B, 6]  # line 12
%2 = mul.Tensor(%1, local_q)                             float[B, 2]  # line 13
%3 = sum.dim_IntList(%2, dim=[1], keepdim=True)          float[B, 1]  # line 13
"""
LAYERS = (
    "restricted-python", "torch-facade", "attribute-guard", "trace", "empty-environment", "rlimits", "wall-clock",
    "one-thread",
)  # fmt: skip


@pytest.fixture
def task() -> TaskSpec:
    return load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])


@pytest.fixture
def run(task: TaskSpec) -> RunRecords:
    return realistic(task)


@pytest.fixture
def hostile(task: TaskSpec) -> RunRecords:
    return poisoned(task)


def absent_food() -> Counterexample:
    state = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 3.0, 3.0, 2.0, -1.0, -1.0, 0.0, -1.0, -1.0)
    return Counterexample(
        state=(state,),
        local_q=((0.0, 0.0),),
        fields={"agents[0].level": 1.0, "foods[1].x": -1.0, "foods[1].y": -1.0, "foods[1].level": 0.0},
        observed="credit = (nan, nan)",
        line=12,
        case="7c1e03ab",
    )


def verdicts(**changed: Verdict) -> tuple[Verdict, ...]:
    usual = [
        Verdict(property_id="contract", status="PROVED", required=True, detail="float32 [B, 1] for every B"),
        Verdict(property_id="finite", status="PROVED", required=True, detail="|Q_tot| ≤ 20 and |credit| ≤ 2"),
        Verdict(property_id="monotone", status="PROVED", required=True, detail="credit in [0, 2]"),
        Verdict(property_id="rows", status="PROVED", required=True, detail="no operation mixes rows"),
        Verdict(property_id="igm", status="TESTED", required=True, trials=2000),
        Verdict(
            property_id="equivariant",
            status="UNKNOWN",
            required=False,
            detail="no rule for `min.dim` under permutation of foods",
        ),
    ]
    return tuple(changed.get(v.property_id, v) for v in usual)


def graph(scale: float) -> OpGraph:
    return OpGraph(2, 14, (Node("mul.Tensor", (Ref(0), scale)),), Ref(2))


def realistic(task: TaskSpec) -> RunRecords:
    notes = {
        1: "Equal weights after a softmax of closeness.",
        11: "Nearest remaining food decides.\nLevels break ties.",
    }
    parents = {4: 1, 5: 1, 6: 4, 7: 4, 8: 4, 9: 6, 10: 6, 11: 4, 12: 11}
    proposals = [
        Proposal(
            id=i,
            round=0 if i < 4 else 1 if i < 9 else 2,
            index=i % 4,
            parent=parents.get(i),
            coder="offline",
            source=SOURCE.replace("0.3", f"0.{i}"),
            note=notes.get(i, ""),
            parameters={"seed": 0},
        )
        for i in range(1, 13)
    ]
    rejections = {
        2: Rejection(
            stage="screen",
            code="while",
            message="`while` is not allowed; loop over range(2)",
            where=Where(line=7, column=4),
        ),
        8: Rejection(
            stage="trace",
            code="data-dependent",
            message="`if mask.any():` branches on data; write torch.where(mask, a, b) instead",
            where=Where(line=10),
        ),
        10: Rejection(stage="limit", code="time-limit", message="no result within 5 s; shorten the loops"),
    }
    monotone = Counterexample(
        state=((0.0,) * 14,),
        local_q=((0.0, 0.0),),
        fields={"foods[0].level": 3.0, "agents[1].x": 0.0},
        observed="credit of agent 1 = -0.31",
        line=11,
        case="51aa90d2",
    )
    evidence: dict[int, Evidence] = {}
    traced: dict[int, Traced] = {}
    isolation = Isolation(
        backend="local",
        active=LAYERS,
        missing={"network-namespace": "unprivileged user namespaces are off on this machine"},
    )
    for proposal in proposals:
        i = proposal.id
        if i in rejections:
            continue
        digest = f"{i:02x}" * 32
        traced[i] = Traced(
            candidate=i,
            proposal=proposal.digest,
            graph=graph(i),
            graph_digest=digest,
            isolation=isolation,
            seconds=0.1 * i,
        )
        if i == 7:
            continue
        changed = {}
        if i == 3:
            changed["monotone"] = Verdict(
                property_id="monotone", status="REFUTED", required=True, trials=31, counterexample=monotone
            )
            changed["finite"] = Verdict(property_id="finite", status="TESTED", required=True, trials=2000)
        if i == 5:
            changed["finite"] = Verdict(
                property_id="finite", status="REFUTED", required=True, trials=4, counterexample=absent_food()
            )
        if i == 9:
            changed["igm"] = Verdict(
                property_id="igm", status="ERRORED", required=True, detail="the examination ran out of memory"
            )
        if i == 12:
            changed["monotone"] = Verdict(
                property_id="monotone", status="UNKNOWN", required=True, detail="stopped by its time limit"
            )
        evidence[i] = Evidence(
            candidate=i,
            task=task.digest,
            graph=digest,
            profile="search",
            seed=0,
            verdicts=verdicts(**changed),
            seconds=1.5,
        )

    def score(candidate: int, value: float, half: float, starved: float) -> Score:
        gain = value - 0.604
        return Score(
            candidate=candidate,
            graph=f"{candidate:02x}" * 32,
            score=Interval(value=value, low=value - half, high=value + half),
            gain=Interval(value=gain, low=gain - 0.034, high=gain + 0.036),
            starved=starved,
            components={"return fit": value - 0.1, "distance from equal weights": abs(gain) * 2},
            predicted=Interval(value=4 * gain, low=4 * gain - half, high=4 * gain + half),
        )

    ranking = Ranking(
        method="rank correlation between an agent's credit-weighted advantage and the return that followed, "
        "averaged over episodes and resampled by episode 2,000 times.",
        task=task.digest,
        dataset="d5" * 32,
        episodes=500,
        transitions=24310,
        seed=0,
        baseline=score(0, 0.604, 0.021, 0.0),
        scores=(score(11, 0.688, 0.024, 0.0), score(4, 0.641, 0.027, 0.004), score(1, 0.612, 0.029, 0.0), score(6, 0.571, 0.041, 0.126)),
        winner=11,
        better_than_baseline=True,
    )  # fmt: skip
    manifest = Manifest(
        task=task.name,
        task_digest=task.digest,
        n_agents=2,
        state_size=14,
        layout=task.names,
        q_scale=2.0,
        monotonicity="required",
        affine=True,
        graph_digest="0b" * 32,
        source_digest="5e" * 32,
        coder="offline",
        evidence_digest="ee" * 32,
        verdicts=(VerdictSummary(property_id="monotone", status="PROVED", required=True),),
        isolation=LAYERS,
        forge_version="0.1.0",
        torch_version="2.13.0",
    )
    folder = "runs/lbf-8x8-2p-2f-coop-0"
    return RunRecords(
        name="lbf-8x8-2p-2f-coop-0",
        task=task,
        settings={"coder": "offline", "seed": 0, "rounds": 3, "candidates": 4, "profile": "search"},
        proposals=proposals,
        rejections=rejections,
        duplicates={7: 4},
        traced=traced,
        evidence=evidence,
        ranking=ranking,
        manifest=manifest,
        kernel=KernelFile(path=f"{folder}/kernel.safetensors", size=2112, sha256="3f2a" * 16),
        graph_text=GRAPH_TEXT,
        dataset={
            "digest": "d5" * 32, "episodes": 500, "transitions": 24310, "policy": "heuristic, 20 % random",
            "mean_return": 0.412, "seed": 0,
        },
        isolation=isolation,
        environment={
            "tfcaf-forge": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "hypothesis": "6.152.1",
            "machine": "Linux x86_64, 2 cores",
        },
        started=datetime(2025, 11, 22, 11, 2, 10, tzinfo=UTC),
        finished=datetime(2025, 11, 22, 11, 3, 2, tzinfo=UTC),
        command="forge synthesize --task lbf-8x8-2p-2f-coop --seed 0",
        next_command=f"forge train --task lbf-8x8-2p-2f-coop --mixer {folder}/kernel.safetensors",
        catalogue={"monotone": {"formula": "∂Q_tot/∂Q_i ≥ 0 for every agent i", "hazard": "greedy actions disagree"}},
    )  # fmt: skip


POISON = (
    "<script>alert(1)</script></style></title><img src=x onerror=alert(2)>\" onmouseover='alert(3)' {{ 7*7 }} {% raw %} "
    "<!-- ]]> &lt;b&gt; \x1b[31mred\x1b[0m \x9b2J \u202eevil\u2066 \u200bzero\ufeff \x00\x07\x7f\u2028 "
    "javascript:alert(4) Z" + "\u0301" * 40 + " " + "\U000e0041"
)


def poisoned(task: TaskSpec) -> RunRecords:
    clean = realistic(task)
    bad_task = TaskSpec(
        name=POISON,
        title=POISON,
        description=POISON + "\n" + "d" * 100_000,
        environment=task.environment,
        agents=task.agents,
        actions=(POISON,),
        episode_limit=1,
        credit=task.credit,
        state=task.state,
    )
    line = "x = '" + "A" * 100_000 + "'\n"
    proposals = [
        Proposal(
            id=p.id, parent=p.parent, coder=POISON, source=f"{POISON}\r{POISON}\r\n{line}{POISON}\n", note=POISON * 50
        )
        for p in clean.proposals
    ]
    long = Proposal(id=13, coder="x", source=line * 3 + "y = 1\n" * 50_000, note="n" * 100_000)
    empty = Proposal(id=14, coder="x", source="")
    bad = Counterexample(
        state=((float("nan"),) * 14,),
        local_q=((float("inf"), 0.0),),
        fields={POISON: float("nan")},
        observed=POISON,
        line=2,
        case=POISON,
    )
    evidence = {
        i: Evidence(
            candidate=i,
            task=bad_task.name,
            graph=POISON,
            profile=POISON,
            seed=0,
            verdicts=tuple(
                Verdict(
                    property_id=v.property_id + POISON,
                    status="REFUTED",
                    required=True,
                    detail=POISON,
                    counterexample=bad,
                )
                for v in e.verdicts
            ),
        )
        for i, e in clean.evidence.items()
    }
    return replace(
        clean,
        name=POISON,
        task=bad_task,
        settings={POISON: POISON},
        proposals=[*proposals, long, empty],
        rejections={2: Rejection(stage="screen", code=POISON, message=POISON * 100, where=Where(line=1))},
        evidence=evidence,
        graph_text=POISON + "\n" + "g" * 100_000,
        dataset={POISON: POISON, "digest": "other"},
        isolation=Isolation(backend=POISON, active=(POISON,), missing={POISON: POISON}),
        environment={POISON: POISON},
        command=POISON + "\ud800",  # records cannot hold a lone surrogate, plain arguments can
        next_command=POISON,
        kernel=KernelFile(path=POISON, size=1, sha256=POISON),
        catalogue={POISON: {POISON: POISON}},
        mutation=MutationScore(
            graph=POISON, seed=0, equivalent=1, invalid=0, checks=(POISON,),
            judged=(
                Mutant(kind="sign", change=POISON, node=0, line=1, fate="survived", why=POISON * 20),
                Mutant(kind="index", change=POISON, node=1, fate="noticed", by=POISON),
            ),
        ),
        equivalence=Equivalence(
            graph=POISON, kernel=POISON, batches=(1, 7), replayed=0,
            legs=(Leg(one=POISON, other=POISON, values=None, credits=float("inf"), bound=POISON, agree=False),),
            exports=(Export(format=POISON, rows=1, max_error=float("inf"), fault=POISON),),
        ),
        observed=Observed(
            file=POISON, sha256=POISON, size=1, graph=POISON, profile=POISON, seed=0, cases=2, by_way={POISON: 1},
            by_status={POISON: 1}, same=False, seconds=0.0,
        ),
    )  # fmt: skip


HEAD = "import torch\n\n\ndef tfcaf(local_q, state):\n"
SCRIPT = (
    f"{HEAD}    return local_q.sum(dim=1, keepdim=True)\n",
    f"{HEAD}    while True:\n        pass\n",
    f"{HEAD}    w = torch.tensor([[1.0, -1.0]])\n    return (w * local_q).sum(dim=1, keepdim=True)\n",
    f"{HEAD}    total = local_q.sum(dim=1, keepdim=True)\n    return total\n",
    f"{HEAD}    w = torch.softmax(torch.cat([state, state * 0.5], 1)[:, :2], dim=1)\n"
    "    w = torch.where(w > 0.5, w, w * 0.9)\n    return (2 * w * local_q).sum(dim=1, keepdim=True)\n",
)  # fmt: skip


class ScriptedCoder:
    """Proposes what a test says: accepted, rejected, refuted, a duplicate, accepted."""

    name = "scripted"

    def propose(self, task: TaskSpec, *, id: int, round: int, index: int, history: Sequence[object]) -> Proposal:
        parent = 1 if id == 5 else None
        return Proposal(
            id=id, round=round, index=index, parent=parent, coder=self.name, source=SCRIPT[index], note="a note"
        )


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run: real environment, sandbox, trials and ranking."""
    from tfcaf_forge import synthesize

    folder = tmp_path_factory.mktemp("runs") / "made"
    synthesize(
        "matrix-climbing", coder=ScriptedCoder(), out=folder, rounds=1, candidates=len(SCRIPT), episodes=60, mutants=10
    )
    return folder
