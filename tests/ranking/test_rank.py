from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.graph.examples import const
from tfcaf_forge.errors import DatasetError
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.pipeline.ranked import rank
from tfcaf_forge.ranking.bench import equal_weights, mixing_of
from tfcaf_forge.ranking.credit import distance_from_equal, starved, weakness
from tfcaf_forge.ranking.measure import _fitted_locals
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.ranking.rule import load_rule
from tfcaf_forge.ranking.score import FOLDS
from tfcaf_forge.records.base import canonical_json, from_json
from tfcaf_forge.records.ranking import Interval, Ranking, Score
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.replay.dataset import Dataset, write_dataset
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.resources import bundled_tasks

EPISODES, STEPS = 300, 2


@pytest.fixture(scope="module")
def task() -> TaskSpec:
    return load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])


def world(task: TaskSpec, *, seed: int = 0, noise: float = 0.0, acting: bool = False) -> EpisodeBatch:
    """One-reward episodes in which agent i's observation is worth reward only while agents[i].level is 2.

    So the true credit is level - 1 of each agent, which equal weights cannot express.
    """
    rng = np.random.default_rng(seed)
    shape = (EPISODES, STEPS)
    obs = rng.normal(size=(EPISODES, STEPS + 1, 2, 4)).astype(np.float32)
    state = np.zeros((EPISODES, STEPS + 1, task.state_size), np.float32)
    state[..., [2, 5]] = rng.integers(1, 3, (EPISODES, STEPS + 1, 2))
    worth = np.maximum(obs[:, :-1, :, 0], 0) * (state[:, :-1, [2, 5]] - 1)
    luck = noise * rng.normal(size=shape)
    actions = rng.integers(0, 6, (*shape, 2))
    if acting:  # and only for some of what it can do
        worth = np.where(actions < 3, worth, 0.0)
    reward = worth.sum(-1) + luck
    ends = np.zeros(shape, bool)
    ends[:, -1] = True
    return EpisodeBatch(
        obs=obs,
        state=state,
        available=np.ones((EPISODES, STEPS + 1, 2, 6), bool),
        actions=actions,
        reward=reward.astype(np.float32),
        agent_reward=worth.astype(np.float32),
        terminated=ends,
        truncated=np.zeros(shape, bool),
        valid=np.ones(shape, bool),
    )


@pytest.fixture(scope="module")
def dataset(task: TaskSpec, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("data") / "replay", task, world(task), seed=0)


def graph_of(task: TaskSpec, *nodes: Node) -> OpGraph:
    graph = OpGraph(2, task.state_size, nodes, Ref(len(nodes) + 1))
    return canonical(graph, verify(graph))[0]


def by_level(task: TaskSpec, *, first: int, second: int) -> OpGraph:
    """sum_i q_i (state[index_i] - 1)."""
    return graph_of(
        task,
        const("int", (2,), first, second),
        Node("index.Tensor", (Ref(1), (None, Ref(2)))),
        Node("sub.Tensor", (Ref(3), 1.0, 1)),
        Node("mul.Tensor", (Ref(0), Ref(4))),
        Node("sum.dim_IntList", (Ref(5), (1,), True, None)),
    )


@pytest.fixture(scope="module")
def ranker(dataset: Dataset, task: TaskSpec) -> Ranker:
    return Ranker(dataset, task, seed=0)


def test_the_true_credit_is_found_better_than_equal_weights(ranker: Ranker, task: TaskSpec) -> None:
    true = ranker.score(1, by_level(task, first=2, second=5))
    swapped = ranker.score(2, by_level(task, first=5, second=2))
    ranking = ranker.rank([swapped, true])
    assert ranking.winner == 1
    assert ranking.better_than_baseline
    assert true.gain.low > 0.0
    assert swapped.gain.high < 0.0


def test_equal_weights_are_no_better_than_themselves(ranker: Ranker, task: TaskSpec) -> None:
    score = ranker.score(1, equal_weights(2, task.state_size))
    assert score.gain.value == score.gain.low == score.gain.high == 0.0
    assert not ranker.rank([score]).better_than_baseline


def test_a_scaled_credit_has_the_same_score(ranker: Ranker, task: TaskSpec) -> None:
    doubled = graph_of(task, Node("mul.Tensor", (Ref(0), 2.0)), Node("sum.dim_IntList", (Ref(2), (1,), True, None)))
    assert ranker.score(1, doubled).gain.value == pytest.approx(0.0, abs=1e-6)


def test_a_score_depends_on_nothing_but_graph_data_and_seed(dataset: Dataset, ranker: Ranker, task: TaskSpec) -> None:
    graph = by_level(task, first=2, second=5)
    assert Ranker(dataset, task, seed=0).score(1, graph) == ranker.score(1, graph)
    assert Ranker(dataset, task, seed=1).score(1, graph) != ranker.score(1, graph)


def test_nothing_accepted_has_no_winner(ranker: Ranker) -> None:
    ranking = ranker.rank([])
    assert ranking.winner is None
    assert not ranking.better_than_baseline


def test_ties_go_to_the_earlier_candidate(ranker: Ranker, task: TaskSpec) -> None:
    graph = equal_weights(2, task.state_size)
    assert ranker.rank([ranker.score(5, graph), ranker.score(3, graph)]).winner == 3


def test_bias_and_credit_are_read_off_a_graph(task: TaskSpec) -> None:
    state = np.zeros((3, task.state_size), np.float32)
    state[:, 2], state[:, 5] = 2, 1
    mixing = mixing_of(by_level(task, first=2, second=5), state)
    assert mixing.credit.tolist() == [[1.0, 0.0]] * 3
    assert mixing.bias.tolist() == [0.0] * 3


def test_starvation_and_distance_are_shares_of_rows_and_of_credit() -> None:
    credit = np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0], [0.0, 0.0]], np.float32)
    assert starved(credit).mean() == 0.5
    assert distance_from_equal(credit[:3]) == pytest.approx((0.0 + 0.5 + 0.25) / 3)


def test_data_without_any_reward_cannot_rank_and_says_so(task: TaskSpec, tmp_path: Path) -> None:
    batch = world(task)
    flat = EpisodeBatch(
        **{**batch.arrays(), "reward": np.zeros_like(batch.reward), "agent_reward": np.zeros_like(batch.agent_reward)}
    )
    data = write_dataset(tmp_path / "flat", task, flat, seed=0)
    with pytest.raises(DatasetError, match="every return is 0"):
        Ranker(data, task, seed=0)


def test_too_few_episodes_cannot_rank(task: TaskSpec, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "few", task, world(task).select(slice(5)), seed=0)
    with pytest.raises(DatasetError, match="5 episodes; ranking needs at least 10"):
        Ranker(data, task, seed=0)


def test_the_advantage_tells_credit_from_the_other_agents_credit(task: TaskSpec, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "acting", task, world(task, acting=True), seed=0)
    ranker = Ranker(data, task, seed=0)
    true, swapped = (ranker.gains(by_level(task, first=a, second=b)) for a, b in ((2, 5), (5, 2)))
    assert true["advantage"] > 0.1
    assert swapped["advantage"] < 0.0
    assert true["contribution"] > swapped["contribution"] + 0.5
    assert swapped["contribution_error"] > true["contribution_error"] + 0.2


def test_gains_of_equal_weights_are_zero_and_scale_does_not_matter(ranker: Ranker, task: TaskSpec) -> None:
    same = ranker.gains(equal_weights(2, task.state_size))
    assert all(abs(value) < 1e-12 for name, value in same.items() if name != "contribution_error")
    doubled = graph_of(task, Node("mul.Tensor", (Ref(0), 2.0)), Node("sum.dim_IntList", (Ref(2), (1,), True, None)))
    assert ranker.gains(doubled)["advantage"] == pytest.approx(0.0, abs=1e-6)


def test_credit_that_is_small_everywhere_is_called_weak() -> None:
    assert weakness(np.full((4, 2), 0.5, np.float32), q_scale=2.0) == 0.0
    assert weakness(np.full((4, 2), 0.5, np.float32), q_scale=1.0) == pytest.approx(np.log(2))
    assert weakness(np.full((4, 2), 9.0, np.float32), q_scale=1.0) == 0.0


def test_a_function_that_is_not_affine_is_ranked_by_its_tangent(ranker: Ranker, task: TaskSpec) -> None:
    bent = graph_of(
        task,
        Node("leaky_relu", (Ref(0), 0.5)),
        Node("sum.dim_IntList", (Ref(2), (1,), True, None)),
    )
    score = ranker.score(1, bent)
    assert score.components["affine"] == 0.0
    assert np.isfinite(list(score.components.values())).all()
    at_zero = mixing_of(bent, ranker.states[:4])
    below = mixing_of(bent, ranker.states[:4], -np.ones((4, 2), np.float32))
    assert below.credit.tolist() == [[0.5, 0.5]] * 4
    assert below.bias == pytest.approx(np.zeros(4))
    assert at_zero.credit.shape == (4, 2)


def test_ties_and_shares_are_said_when_the_graphs_are_known(ranker: Ranker, task: TaskSpec) -> None:
    graphs = {
        1: equal_weights(2, task.state_size),
        2: by_level(task, first=2, second=5),
        3: by_level(task, first=5, second=2),
    }
    ranking = ranker.rank([ranker.score(i, graph) for i, graph in graphs.items()], graphs)
    assert (ranking.winner, ranking.tied) == (2, ())
    assert ranking.best_share["2"] > 0.99
    assert from_json(canonical_json(ranking), Ranking, what="a record") == ranking
    assert ranker.rank([ranker.score(1, graphs[1])]).best_share == {}


def test_the_order_is_that_of_the_predictions_and_not_of_the_explained_returns(ranker: Ranker, task: TaskSpec) -> None:
    """A tenth of the credit explains returns as well as all of it, and trains more slowly."""
    true = by_level(task, first=2, second=5)
    weak = graph_of(
        task,
        const("int", (2,), 2, 5),
        Node("index.Tensor", (Ref(1), (None, Ref(2)))),
        Node("sub.Tensor", (Ref(3), 1.0, 1)),
        Node("mul.Tensor", (Ref(4), 0.05)),
        Node("mul.Tensor", (Ref(0), Ref(5))),
        Node("sum.dim_IntList", (Ref(6), (1,), True, None)),
    )
    graphs = {1: weak, 2: true}
    ranking = ranker.rank([ranker.score(i, graph) for i, graph in graphs.items()], graphs)
    first, last = ranking.scores
    assert first.score.value == pytest.approx(last.score.value, abs=1e-4)
    assert (ranking.winner, ranking.tied) == (2, ())
    assert first.predicted is not None
    assert last.predicted is not None
    assert first.predicted.low > last.predicted.high
    assert ranking.baseline.predicted == Interval(value=0.0, low=0.0, high=0.0)


def test_another_fit_moves_a_prediction_by_half_of_what_it_finds(ranker: Ranker, task: TaskSpec) -> None:
    graph = by_level(task, first=5, second=2)
    predicted, found = ranker.score(1, graph).predicted, ranker.gains(graph)["advantage"]
    assert predicted is not None
    same, higher = (ranker.refined(graph, found + more) for more in (0.0, 0.02))
    assert same == pytest.approx(predicted.value, abs=1e-9)
    rule = load_rule()
    at = rule.figures.index("advantage")
    assert higher - same == pytest.approx(0.01 * rule.weights[at] / rule.scales[at])


def test_a_score_of_before_there_was_a_prediction_is_still_read_and_decides_by_its_value(
    ranker: Ranker, task: TaskSpec
) -> None:
    score = ranker.score(1, by_level(task, first=2, second=5))
    data = json.loads(canonical_json(score))
    del data["predicted"]
    old = from_json(json.dumps(data).encode(), Score, what="old")
    assert (old.predicted, old.decides, old.ahead) == (None, score.score, score.gain)


@pytest.fixture(scope="module")
def strays(task: TaskSpec, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Episodes with one state in which a level is 0, which the task does not declare."""
    batch = world(task)
    batch.state[7, 1, 2] = 0
    return write_dataset(tmp_path_factory.mktemp("strays") / "replay", task, batch, seed=0)


def divided(task: TaskSpec, *, bent: bool = False) -> OpGraph:
    """sum_i q_i divided by agents[0].level, of tanh q_i if bent."""
    return graph_of(
        task,
        Node("slice.Tensor", (Ref(1), 1, 2, 3, 1)),
        Node("tanh", (Ref(0),)) if bent else Node("mul.Tensor", (Ref(0), 1.5)),
        Node("sum.dim_IntList", (Ref(3), (1,), True, None)),
        Node("div.Tensor", (Ref(4), Ref(2))),
    )


@pytest.mark.parametrize("bent", [False, True])
def test_what_is_not_finite_on_a_replayed_row_stands_last_and_never_wins(
    strays: Dataset, task: TaskSpec, bent: bool
) -> None:
    ranker = Ranker(strays, task, seed=0)
    graphs = {1: divided(task, bent=bent), 2: by_level(task, first=5, second=2)}
    scores = [ranker.score(i, graph) for i, graph in graphs.items()]
    ranking = ranker.rank(scores, graphs)
    assert [score.candidate for score in ranking.scores] == [2, 1]
    assert (ranking.winner, ranking.best_share) == (2, {"2": 1.0, "1": 0.0})
    assert scores[0].components["undefined_rows"] == 1.0
    assert "undefined_rows" not in scores[1].components
    assert from_json(canonical_json(ranking), Ranking, what="a record") == ranking
    assert list(ranker.predictions(graphs)) == [2, 1]
    assert ranker.refined(graphs[1], np.nan) < ranker.refined(graphs[2], -5.0)
    alone = ranker.rank(scores[:1], {1: graphs[1]})
    assert (alone.winner, alone.better_than_baseline) == (None, False)


def test_the_row_and_the_field_at_which_a_function_is_not_finite_are_named(strays: Dataset, task: TaskSpec) -> None:
    ranker = Ranker(strays, task, seed=0)
    why = ranker.undefined(divided(task))
    assert why is not None
    assert "on 1 of 600 replayed rows, first in episode 7, step 1, where" in why
    assert "agents[0].level = 0" in why
    assert ranker.undefined(by_level(task, first=2, second=5)) is None


def test_a_file_whose_function_is_not_finite_on_a_replayed_row_is_refused(
    strays: Dataset, task: TaskSpec, tmp_path: Path
) -> None:
    file = tmp_path / "divided.py"
    file.write_text(
        "def tfcaf(local_q, state):\n    return local_q.sum(dim=1, keepdim=True) / state[:, 2:3]\n",
        encoding="utf-8",
    )
    found = rank([file], task, strays.path)
    assert found.ranking is None
    assert "agents[0].level = 0" in found.refused[str(file)]


def single_steps(task: TaskSpec, *, cut: int) -> EpisodeBatch:
    """Episodes of one step; the first `cut` of them were cut, the others have ended."""
    batch = world(task)
    arrays = {
        n: a[:, : 1 + (n in ("obs", "state", "available"))] if a.ndim > 1 else a for n, a in batch.arrays().items()
    }
    truncated = np.arange(EPISODES)[:, None] < cut
    return EpisodeBatch(**{**arrays, "truncated": truncated, "terminated": ~truncated})


def test_single_steps_that_all_were_cut_cannot_rank_and_name_the_remedy(task: TaskSpec, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "cut", task, single_steps(task, cut=EPISODES), seed=0)
    with pytest.raises(DatasetError, match=r"one step that was cut.*ends\.unmarked = \"terminated\""):
        Ranker(data, task, seed=0)


def test_a_single_step_that_has_ended_is_enough_to_rank(task: TaskSpec, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "cut", task, single_steps(task, cut=EPISODES - 1), seed=0)
    gains = Ranker(data, task, seed=0).gains(by_level(task, first=2, second=5))
    assert np.isfinite(list(gains.values())).all()


def test_a_tangent_does_not_depend_on_the_returns_of_its_own_fold(ranker: Ranker, task: TaskSpec) -> None:
    bent = graph_of(task, Node("tanh", (Ref(0),)), Node("sum.dim_IntList", (Ref(2), (1,), True, None)))
    bench = ranker.bench
    held = bench.episode % FOLDS == 2
    once = replace(bench, target=np.where(held, -7.0 * bench.target, bench.target))
    start = mixing_of(bent, bench.state)
    own, other = (_fitted_locals(start, one) for one in (bench, once))
    assert np.array_equal(own[held], other[held])
    assert not np.allclose(own[~held], other[~held])


def noise(task: TaskSpec, seed: int) -> EpisodeBatch:
    """Episodes in which no action and no observation has anything to do with the reward."""
    rng, shape = np.random.default_rng(seed), (150, 10)
    ends = np.zeros(shape, bool)
    ends[:, -1] = True
    state = [rng.integers(slot.low, slot.high + 1, (150, 11)) for slot in task.layout]
    return EpisodeBatch(
        obs=rng.normal(size=(150, 11, 2, 4)).astype(np.float32),
        state=np.stack(state, -1).astype(np.float32),
        available=np.ones((150, 11, 2, 6), bool),
        actions=rng.integers(0, 6, (*shape, 2)),
        reward=rng.normal(size=shape).astype(np.float32),
        agent_reward=np.zeros((*shape, 2), np.float32),
        terminated=np.zeros(shape, bool),
        truncated=ends,
        valid=np.ones(shape, bool),
        has_agent_reward=False,
    )


def test_what_explains_nothing_is_not_called_better_than_equal_weights(task: TaskSpec, tmp_path: Path) -> None:
    """On noise a function that damps local values errs less than equal weights, and still explains nothing."""
    file = tmp_path / "damped.py"
    file.write_text(
        "def tfcaf(local_q, state):\n    return torch.tanh(local_q.sum(dim=1, keepdim=True))\n", encoding="utf-8"
    )
    said = 0
    for seed in range(3):
        data = write_dataset(tmp_path / f"noise-{seed}", task, noise(task, seed), seed=0)
        found = rank([file], task, data.path)
        assert found.refused == {}
        assert found.ranking is not None
        assert found.order is not None
        (score,) = found.ranking.scores
        assert score.score.value < 0.0
        assert not found.ranking.better_than_baseline
        assert not found.order.better_than_baseline
        said += score.ahead.low > found.ranking.margin
    assert said, "no dataset on which the prediction alone would have said it"
