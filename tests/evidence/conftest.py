"""Small graphs with known properties, on the default task: two agents, two foods, fourteen fields."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import torch

from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.graph.opgraph import Arg, Data, Node, OpGraph, Ref, Special
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.resources import bundled_tasks

Q, S = Ref(0), Ref(1)
X0, Y0, X1, LEVEL_F0, LEVEL_F1, ACTION0 = 0, 1, 3, 8, 11, 12


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def task() -> TaskSpec:
    return load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])


@pytest.fixture(scope="session")
def relaxed(task: TaskSpec) -> TaskSpec:
    return msgspec.structs.replace(task, credit=msgspec.structs.replace(task.credit, monotonicity="relaxed"))


class Build:
    """Writes a graph node by node; node k claims source line k + 1."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def __call__(self, op: str, *args: Arg) -> Ref:
        self.nodes.append(Node(op, args, len(self.nodes) + 1))
        return Ref(len(self.nodes) + 1)

    def field(self, index: int) -> Ref:
        return self("slice.Tensor", S, 1, index, index + 1, 1)

    def weighted(self, weight: Ref) -> Ref:
        return self.total(self("mul.Tensor", Q, weight))

    def total(self, ref: Ref) -> Ref:
        return self("sum.dim_IntList", ref, (1,), True, None)


def _equal_weights(b: Build) -> Ref:
    return b.total(Q)


def _softmax_of_positions(b: Build) -> Ref:
    both = b("cat", (b.field(X0), b.field(X1)), 1)
    return b.weighted(b("_softmax", both, 1, False))


def _largest(b: Build) -> Ref:
    return b("amax", Q, (1,), True)


def _negated(b: Build) -> Ref:
    return b.total(b("neg", Q))


def _level_slope(b: Build) -> Ref:
    """Weight 3 - foods[0].level."""
    return b.weighted(b("rsub.Scalar", b.field(LEVEL_F0), 3.0, 1))


def _level_margin(b: Build) -> Ref:
    """Weight 4.5 - foods[0].level: positive in the declared domain, not beyond it."""
    return b.weighted(b("rsub.Scalar", b.field(LEVEL_F0), 4.5, 1))


def _meeting(b: Build) -> Ref:
    """Weight 1 / |agents[0].x - agents[1].x|."""
    gap = b("abs", b("sub.Tensor", b.field(X0), b.field(X1), 1))
    return b.weighted(b("reciprocal", gap))


def _food_share(b: Build) -> Ref:
    """Weights by the foods' levels over their sum."""
    levels = b("cat", (b.field(LEVEL_F0), b.field(LEVEL_F1)), 1)
    return b.weighted(b("div.Tensor", levels, b.total(levels)))


def _guarded_division(b: Build) -> Ref:
    """where(level > 0, q / level, q): a finite value, and a gradient of 0 * inf."""
    level = b.field(LEVEL_F0)
    share = b("div.Tensor", Q, level)
    return b.total(b("where.self", b("gt.Scalar", level, 0), share, Q))


def _step_down(b: Build) -> Ref:
    """0.1 q + (q < 0): rises everywhere and falls by 1 at 0."""
    low = b("_to_copy", b("lt.Scalar", Q, 0), "float")
    return b.total(b("add.Tensor", b("mul.Tensor", Q, 0.1), low, 1))


def _batch_mean(b: Build) -> Ref:
    level = b("mean.dim", b.field(LEVEL_F1), (0,), True, None)
    return b.weighted(b("abs", level))


def _masked_softmax(b: Build) -> Ref:
    """A softmax over the foods that are there; nothing but -inf where none is."""
    levels = b("cat", (b.field(LEVEL_F0), b.field(LEVEL_F1)), 1)
    masked = b("masked_fill.Scalar", levels, b("eq.Scalar", levels, 0), Special("-inf"))
    return b.weighted(b("_softmax", masked, 1, False))


def _attention(b: Build) -> Ref:
    return b.weighted(b("_softmax", Q, 1, False))


def _one_agent(b: Build) -> Ref:
    return b("slice.Tensor", Q, 1, 0, 1, 1)


def _detached(b: Build) -> Ref:
    return b.total(b("detach", Q))


def _table_too_short(b: Build) -> Ref:
    """A table of four values, read at foods[0].level, which goes up to 4."""
    table = b("const", Data("float", (4,), (1.0, 1.0, 2.0, 3.0)))
    index = b("_to_copy", b("select.int", S, 1, LEVEL_F0), "int")
    return b.weighted(b("unsqueeze", b("index.Tensor", table, (index,)), 1))


def _last_action_weight(b: Build) -> Ref:
    return b.weighted(b.field(ACTION0))


def _turns_above_twelve(b: Build) -> Ref:
    """Q up to 12, and 24 - Q above: only a local value that was multiplied by q_scale = 2 gets there."""
    falling = b("rsub.Scalar", Q, 24.0, 1.0)
    return b.total(b("where.self", b("gt.Scalar", Q, 12.0), falling, Q))


def _root_to_twelve(b: Build) -> Ref:
    """-sqrt(12 - Q): NaN above 12."""
    return b.total(b("neg", b("sqrt", b("rsub.Scalar", Q, 12.0, 1.0))))


_GRAPHS: dict[str, Callable[[Build], Ref]] = {
    "equal-weights": _equal_weights,
    "softmax-of-positions": _softmax_of_positions,
    "largest": _largest,
    "negated": _negated,
    "level-slope": _level_slope,
    "level-margin": _level_margin,
    "meeting": _meeting,
    "food-share": _food_share,
    "guarded-division": _guarded_division,
    "step-down": _step_down,
    "batch-mean": _batch_mean,
    "masked-softmax": _masked_softmax,
    "attention": _attention,
    "one-agent": _one_agent,
    "detached": _detached,
    "table-too-short": _table_too_short,
    "last-action-weight": _last_action_weight,
    "turns-above-twelve": _turns_above_twelve,
    "root-to-twelve": _root_to_twelve,
}


@pytest.fixture(scope="session")
def subject(task: TaskSpec) -> Callable[..., Subject]:
    """A fresh subject by its graph's name."""

    def make(name: str, of: TaskSpec = task) -> Subject:
        build = Build()
        output = _GRAPHS[name](build)
        return Subject(OpGraph(of.n_agents, of.state_size, tuple(build.nodes), output), of)

    return make
