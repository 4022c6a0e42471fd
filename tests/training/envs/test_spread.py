"""`simple_spread` on arrays against mpe2's own, driven with the same actions from the same seeds."""

import sys
from dataclasses import fields
from functools import partial

import numpy as np
import pytest

from tests.options import with_options
from tfcaf_forge.errors import TaskError
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.copies import CopiesBatch
from tfcaf_forge.training.envs.make import make_env, with_original
from tfcaf_forge.training.envs.mpe import MpeEnv
from tfcaf_forge.training.envs.spread import SpreadBatch

VARIANTS = [{}, {"local_ratio": 0.2, "max_cycles": 40}, {"N": 5}, {"N": 1, "max_cycles": 7}]


def assert_same(one: Step, two: Step) -> None:
    for field in fields(Step):
        left, right = getattr(one, field.name), getattr(two, field.name)
        assert left.dtype == right.dtype
        assert np.array_equal(left, right), field.name


def together(step: Step, rng: np.random.Generator) -> np.ndarray:
    """Pushes towards the middle, where agents collide."""
    axis = rng.integers(0, 2)
    return 1 + 2 * axis + (step.obs[..., 2 + axis] < 0)


@pytest.mark.parametrize("options", VARIANTS)
def test_everything_that_is_shown_is_mpe2s_to_the_bit(options):
    copies, rng, touched = 4, np.random.default_rng(0), 0
    ours = SpreadBatch(copies, options)
    theirs = CopiesBatch(partial(MpeEnv, "simple_spread_v3", options), copies)
    for episode in range(6):
        one, two = ours.reset(episode), theirs.reset(episode)
        for _ in range(ours.episode_limit + 2):
            assert_same(one, two)
            actions = together(one, rng) if rng.random() < 0.6 else rng.integers(0, 5, (copies, ours.n_agents))
            one, two = ours.step(actions), theirs.step(actions)
            touched += int((np.ptp(one.agent_reward, axis=1) > 0).sum())
        assert one.truncated.all()
    assert touched > 10 or ours.n_agents == 1, "agents collided"


def test_what_was_shown_does_not_change_afterwards():
    env = SpreadBatch(2, {})
    first = env.reset(0)
    kept = first.obs.copy(), first.state.copy()
    env.step(np.full((2, 3), 2))
    assert np.array_equal(first.obs, kept[0])
    assert np.array_equal(first.state, kept[1])


def test_the_bundled_task_is_played_on_arrays_and_by_mpe2_where_one_asks_for_it():
    task = load_task("mpe-spread-3")
    assert isinstance(make_env(task, 2), SpreadBatch)
    assert isinstance(make_env(with_original(task), 2), CopiesBatch)


def test_it_needs_no_other_package(monkeypatch):
    for name in ("mpe2", "pettingzoo", "gymnasium"):
        monkeypatch.setitem(sys.modules, name, None)
    assert make_env(load_task("mpe-spread-3"), 2).reset(0).obs.shape == (2, 3, 18)


def test_options_that_only_mpe2_knows_are_left_to_it():
    task = with_options(load_task("mpe-spread-3"), terminate_on_success=True)
    assert isinstance(make_env(task, 2), CopiesBatch)


@pytest.mark.parametrize(
    "options", [{"N": 0}, {"N": 2.5}, {"max_cycles": True}, {"local_ratio": 1.5}, {"local_ratio": "half"}]
)
def test_an_option_out_of_range_is_named(options):
    with pytest.raises(TaskError, match=next(iter(options))):
        SpreadBatch(1, options)
