import numpy as np
import pytest

from tfcaf_forge.evidence.domain import domain_of, sample_local_q, sample_states
from tfcaf_forge.evidence.strategies import batch, pool
from tfcaf_forge.records.task_spec import load_task
from tfcaf_forge.resources import bundled_tasks

TASKS = sorted(bundled_tasks())


@pytest.mark.parametrize("name", TASKS)
def test_samples_lie_in_the_declared_domain(name):
    task = load_task(bundled_tasks()[name])
    rng = np.random.default_rng(1)
    state, local_q = sample_states(task, 500, rng), sample_local_q(task, 500, rng)
    assert state.dtype == local_q.dtype == np.float32
    assert state.shape == (500, task.state_size)
    assert domain_of(task).contains(state, local_q)


def test_an_element_is_absent_as_a_whole_or_not_at_all(task):
    state = sample_states(task, 400, np.random.default_rng(0))
    gone = state[:, 8] == 0
    assert 0 < gone.sum() < 400
    assert (state[gone][:, 6:9] == [-1, -1, 0]).all()
    assert (state[~gone][:, 6:9] >= [1, 1, 2]).all()


def test_one_seed_gives_one_sample(task):
    first, again = (sample_states(task, 64, np.random.default_rng(7)) for _ in range(2))
    assert (first == again).all()


def test_samples_hold_corners_and_coincidences(task):
    state = sample_states(task, 2000, np.random.default_rng(0))
    assert ((state[:, 0:2] == state[:, 3:5]).all(1)).sum() > 20
    assert set(np.unique(state[:, 0])) == set(range(8))


@pytest.mark.parametrize(
    ("field", "value"), [(0, 8.0), (0, 0.5), (6, -1.0), (2, 0.0)], ids=["too high", "not whole", "half absent", "low"]
)
def test_what_is_outside_the_domain_is_told(task, field, value):
    domain = domain_of(task)
    state, local_q = domain.simplest[None].copy(), np.zeros((1, 2), dtype=np.float32)
    assert domain.contains(state, local_q)
    state[0, field] = value
    assert not domain.contains(state, local_q)


def test_a_local_q_out_of_range_is_outside(task):
    domain = domain_of(task)
    assert not domain.contains(domain.simplest[None], np.full((1, 2), 21.0, dtype=np.float32))


def test_a_batch_mixes_replayed_rows_in(task):
    replay = np.full((3, task.state_size), 5.0, dtype=np.float32)
    made = batch(task, 64, 0, replay)
    assert (made.state[32:] == 5.0).all()
    assert not (made.state[:32] == 5.0).all()


def test_the_pool_is_the_replay_where_there_is_one(task):
    replay = sample_states(task, 30, np.random.default_rng(0))
    assert (pool(task, 100, 0, replay).state == replay).all()
    assert pool(task, 20, 0, replay).rows == 20
    assert pool(task, 100, 0).rows == 100
