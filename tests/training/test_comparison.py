import json
from xml.etree import ElementTree

import msgspec
import pytest

from tfcaf_forge.errors import InputError, StoreError
from tfcaf_forge.pipeline.compare import draw, load_results, write_comparison
from tfcaf_forge.training.comparison import compare_runs, marl_eval_json
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.result import Evaluation, TrainingResult, write_result


def run(mixer: str, seed: int, returns: list[float], *, task: str = "t", seconds: float = 1.0) -> TrainingResult:
    evaluations = tuple(
        Evaluation(
            steps=100 * k + (k > 0) * seed,
            seconds=seconds * k,
            mean=value,
            std=0.0,
            episodes=32,
            contribution_error=None if k == 0 else 0.1 * k,
        )
        for k, value in enumerate(returns)
    )
    return TrainingResult(
        task=task,
        task_digest="d",
        mixer=mixer,
        seed=seed,
        status="finished",
        steps=evaluations[-1].steps,
        episodes=1,
        updates=1,
        evaluations=evaluations,
        final_return=returns[-1],
        seconds=1.0,
        evaluation_seconds=0.0,
        steps_per_second=1000.0,
        folder=f"{mixer}-{seed}",
        config=TrainConfig(),
    )


SLOW = [run("vdn", seed, [0.0, 0.1, round(0.2 + seed / 100, 2)]) for seed in range(3)]
FAST = [run("kernel:1234", seed, [0.0, 0.6, round(0.8 + seed / 100, 2)], seconds=2.0) for seed in range(3)]


def test_the_better_mixer_is_shown_as_better():
    vdn, kernel = compare_runs([*SLOW, *FAST]).rows
    assert vdn.seeds == kernel.seeds == (0, 1, 2)
    assert kernel.final.low > vdn.final.high
    assert kernel.auc.value > vdn.auc.value
    assert vdn.over_first is None
    assert kernel.over_first.value == 1.0
    assert kernel.contribution_error == pytest.approx(0.2)


def test_runs_of_one_length_are_each_read_at_their_last_evaluation():
    """Seeds end at 200, 201 and 202 steps. All but the soonest were once read an evaluation earlier, under the name of the last."""
    vdn = compare_runs(SLOW).rows[0]
    last = sorted(run.final_return for run in SLOW)
    assert vdn.final.value == pytest.approx(
        sum(last) / 3, abs=1e-9
    )  # of three, the interquartile mean is weighted around the middle
    assert (vdn.by_steps.x[-1], vdn.by_steps.value[-1]) == (200, vdn.final.value)
    assert vdn.by_seconds.value[-1] == vdn.final.value
    assert vdn.auc.value < vdn.final.value


def test_runs_are_compared_up_to_where_the_shortest_ended():
    long = [run("qmix", seed, [0.0, 0.1, 0.2, 0.9]) for seed in range(3)]
    comparison = compare_runs([*SLOW, *long])
    assert comparison.steps == 200
    assert comparison.rows[1].final.value < 0.3


def test_curves_over_steps_and_over_seconds_have_their_own_ends():
    vdn, kernel = compare_runs([*SLOW, *FAST]).rows
    assert vdn.by_steps.x[-1] == kernel.by_steps.x[-1] == 200
    assert kernel.by_seconds.x[-1] == 2 * vdn.by_seconds.x[-1]
    assert all(
        low <= v <= high for low, v, high in zip(vdn.by_steps.low, vdn.by_steps.value, vdn.by_steps.high, strict=True)
    )


@pytest.mark.parametrize(
    ("results", "complaint"),
    [
        ([], "no training runs"),
        ([*SLOW, *FAST[:2]], "another number of seeds"),
        ([*SLOW, SLOW[0]], "a seed twice"),
        ([*SLOW, *(msgspec.structs.replace(r, task="other") for r in FAST)], "other tasks"),
    ],
)
def test_runs_that_do_not_match_are_refused(results, complaint):
    with pytest.raises(InputError, match=complaint):
        compare_runs(results)


def test_marl_eval_gets_its_own_form():
    tree = marl_eval_json([*SLOW, *FAST])
    seed = tree["tfcaf-forge"]["t"]["kernel:1234"]["seed_2"]
    assert seed["step_2"] == {"step_count": 202, "elapsed_time": 4.0, "mean_episode_return": [0.82]}
    assert seed["absolute_metrics"] == {"mean_episode_return": [0.82]}


def test_results_are_found_written_and_drawn(tmp_path):
    for result in [*SLOW, *FAST]:
        folder = tmp_path / "runs" / result.mixer.replace(":", "-") / str(result.seed)
        folder.mkdir(parents=True)
        write_result(folder, result)
    found = load_results([tmp_path / "runs"])
    assert len(found) == 6
    comparison = compare_runs(found)
    plot, data = write_comparison(comparison, found, tmp_path / "out")
    assert json.loads(data.read_text()) == json.loads(json.dumps(marl_eval_json(found)))
    root = ElementTree.fromstring(plot.read_text())
    texts = [node.text for node in root.iter() if node.tag.endswith("text")]
    assert {"kernel:1234 (3 seeds)", "vdn (3 seeds)", "environment steps", "seconds of training"} <= set(texts)
    assert draw(comparison) == plot.read_text()


def test_a_folder_without_a_run_and_a_damaged_result_are_named(tmp_path):
    with pytest.raises(StoreError, match="holds no training run"):
        load_results([tmp_path])
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(StoreError, match=r"result\.json"):
        load_results([tmp_path])
