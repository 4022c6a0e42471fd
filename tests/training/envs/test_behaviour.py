import numpy as np
import pytest

from tests.options import with_options
from tfcaf_forge.errors import TaskError
from tfcaf_forge.training.envs.behaviour import ForagingBehaviour, RandomBehaviour, random_actions
from tfcaf_forge.training.envs.behaviour_spread import SpreadBehaviour
from tfcaf_forge.training.envs.behaviour_warehouse import WarehouseBehaviour
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.rollout import rollout


def test_random_actions_are_available_and_uniform():
    available = np.tile(np.array([True, False, True, True]), (3000, 1))
    chosen = random_actions(available, np.random.default_rng(0))
    shares = np.bincount(chosen, minlength=4) / len(chosen)
    assert shares[1] == 0
    assert shares[[0, 2, 3]] == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize("name", ["lbf-8x8-2p-2f-coop", "lbf-10x10-3p-3f", "lbf-15x15-4p-3f"])
def test_the_forager_eats_nearly_everything_and_a_random_team_nearly_nothing(tasks, name):
    env = make_env(tasks[name], 32)
    assert rollout(env, ForagingBehaviour(tasks[name], epsilon=0.1), seed=0).returns.mean() > 0.9
    assert rollout(env, RandomBehaviour(), seed=0).returns.mean() < 0.25


def test_the_scripted_team_spreads_far_better_than_a_random_one(tasks, climbing):
    task = tasks["mpe-spread-3"]
    env = make_env(task, 6)
    scripted = rollout(env, SpreadBehaviour(task, epsilon=0.0), seed=0)
    assert scripted.returns.mean() > rollout(env, RandomBehaviour(), seed=0).returns.mean() * 0.7
    assert scripted.reward[:, -1].mean() > -1.0, "at the end every landmark is nearly covered"
    with pytest.raises(TaskError, match="spreads over landmarks only"):
        SpreadBehaviour(climbing)


def test_the_robots_deliver_and_a_random_team_does_not(tasks, climbing):
    task = tasks["rware-small-4ag"]
    env = make_env(task, 3)
    assert rollout(env, WarehouseBehaviour(task, epsilon=0.0), seed=0).returns.min() > 25
    assert rollout(env, RandomBehaviour(), seed=0).returns.mean() < 2
    with pytest.raises(TaskError, match="robots in a warehouse only"):
        WarehouseBehaviour(climbing)


def test_robots_leave_shelves_that_cannot_be_driven_out_and_do_not_wait_for_each_other_for_ever(tasks):
    deep = """
        ..........
        .xxx..xxx.
        .xxx..xxx.
        .xxx..xxx.
        ..........
        ....gg....
    """.strip().replace(" ", "")
    task = with_options(tasks["rware-small-4ag"], layout=deep)
    batch = rollout(make_env(task, 4), WarehouseBehaviour(task, epsilon=0.0), seed=0)
    quarter = task.episode_limit // 4
    assert batch.reward[:, -quarter:].sum(axis=1).min() > 0, "all four teams still deliver at the end"


def test_a_task_with_worker_processes_has_its_script_as_well(tasks):
    task = with_options(tasks["rware-tiny-2ag"], workers=2)
    assert WarehouseBehaviour(task).name == "warehouse-0.3"


def test_robots_that_act_at_random_for_a_while_find_places_for_their_shelves_again(tasks):
    task = tasks["rware-tiny-2ag"]
    robots = WarehouseBehaviour(task, epsilon=0.4)
    batch = rollout(make_env(task, 4), robots, seed=0)
    assert batch.returns.min() > 5
    half = task.episode_limit // 2
    assert batch.reward[:, half:].sum(axis=1).min() > 2, "they deliver in the second half as well"


def test_the_forager_plays_foraging_only(climbing):
    with pytest.raises(TaskError, match="level-based foraging only"):
        ForagingBehaviour(climbing)
