import numpy as np
import pytest

from tfcaf_forge.errors import InputError, TaskError
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.mixers import VDN
from tfcaf_forge.training.mixture import Wanted, make_behaviour, parse_behaviour
from tfcaf_forge.training.trainer import train


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("random", Wanted("random")),
        ("random=0.5", Wanted("random", share=0.5)),
        ("forager", Wanted("forager", epsilon=0.3)),
        ("script", Wanted("script", epsilon=0.3)),
        ("forager@0.05=2", Wanted("forager", epsilon=0.05, share=2.0)),
        ("vdn:20000@0.2", Wanted("vdn", "20000", 0.2)),
        ("run:runs/train/x@0.1", Wanted("run", "runs/train/x", 0.1)),
    ],
)
def test_a_behaviour_is_read_from_its_name(text, wanted):
    assert parse_behaviour(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "greedy", "vdn", "vdn:many@0.1", "vdn:²", "run", "random@2", "forager@0.1.2", "random=0", "random:3"]
)
def test_a_wrong_name_says_what_is_known(text):
    with pytest.raises(InputError, match="behaviour"):
        parse_behaviour(text)


def test_episodes_follow_the_shares(climbing):
    mixture = [make_behaviour(climbing, parse_behaviour("random"), 0)] * 3
    batch = collect(climbing, 10, 0, behaviours=mixture, shares=[1.0, 2.0, 4.0])
    assert np.bincount(batch.behaviour).tolist() == [1, 3, 6]


def test_a_trained_team_plays_better_than_chance_and_the_same_again(climbing):
    trained = make_behaviour(climbing, parse_behaviour("vdn:1500@0.1"), 0)
    assert trained.name == "vdn-1500-0.1"
    batch = collect(climbing, 60, 1, behaviours=[trained])
    chance = collect(climbing, 60, 1, behaviours=[make_behaviour(climbing, parse_behaviour("random"), 0)])
    assert batch.returns.mean() > chance.returns.mean() + 2.0
    again = make_behaviour(climbing, parse_behaviour("vdn:1500@0.1"), 0)
    assert np.array_equal(collect(climbing, 60, 1, behaviours=[again]).actions, batch.actions)


def test_a_run_that_has_not_finished_plays_from_its_checkpoint(climbing, tmp_path):
    config = TrainConfig(hidden=8, recurrent=False, evaluation_episodes=1)
    train(climbing, VDN(), config, seed=0, steps=64, folder=tmp_path)
    wanted = Wanted("run", str(tmp_path), 0.1)
    finished = collect(climbing, 20, 0, behaviours=[make_behaviour(climbing, wanted, 0)])
    (tmp_path / "result.json").unlink()  # as in a run that is still going, or was killed
    again = collect(climbing, 20, 0, behaviours=[make_behaviour(climbing, wanted, 0)])
    assert np.array_equal(again.actions, finished.actions)


def test_a_folder_without_a_run_is_refused(climbing, tmp_path):
    with pytest.raises(InputError, match="holds no training run; make one with"):
        make_behaviour(climbing, Wanted("run", str(tmp_path)), 0)


def test_a_task_without_a_script_says_which_have_one(climbing):
    with pytest.raises(TaskError, match=r"no script plays it .*warehouses"):
        make_behaviour(climbing, parse_behaviour("script@0.1"), 0)


def test_the_script_is_the_tasks_own(tasks):
    names = {"lbf-8x8-2p-2f-coop": "forager-0.1", "mpe-spread-3": "spread-0.1", "rware-tiny-2ag": "warehouse-0.1"}
    for task, name in names.items():
        assert make_behaviour(tasks[task], parse_behaviour("script@0.1"), 0).name == name
