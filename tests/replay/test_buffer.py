import numpy as np
import pytest

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.replay.buffer import EpisodeBuffer


def make_buffer(capacity: int = 4, seed: int = 0) -> EpisodeBuffer:
    return EpisodeBuffer(capacity=capacity, horizon=3, n_agents=2, n_actions=3, obs_size=1, state_size=3, seed=seed)


def test_a_sample_holds_stored_episodes_cut_to_the_longest_of_them(make_episodes):
    buffer, stored = make_buffer(), make_episodes([1, 2])
    buffer.add(stored)
    batch = buffer.sample(2)
    assert batch.horizon == 2
    order = np.argsort(batch.lengths)
    assert np.array_equal(batch.select(order).reward, stored.reward[:, :2])
    assert np.array_equal(batch.select(order).state, stored.state[:, :3])
    batch.check()


def test_the_oldest_episodes_make_room_and_leave_no_trace(make_episodes):
    buffer = make_buffer(capacity=2)
    buffer.add(make_episodes([3, 3]))
    newest = make_episodes([1], horizon=1, seed=5)
    buffer.add(newest)
    buffer.add(newest)
    batch = buffer.sample(2).check()
    assert len(buffer) == 2
    assert batch.lengths.tolist() == [1, 1]
    assert np.array_equal(batch.reward, np.repeat(newest.reward, 2, axis=0))


def test_more_episodes_than_the_capacity_keep_the_newest(make_episodes):
    buffer, many = make_buffer(capacity=2), make_episodes([1, 2, 3])
    buffer.add(many)
    assert sorted(buffer.sample(2).lengths.tolist()) == [2, 3]


def test_a_restored_buffer_draws_the_same_batches(make_episodes):
    buffer, twin = make_buffer(), make_buffer(seed=99)
    buffer.add(make_episodes([1, 2, 3]))
    buffer.sample(2)
    twin.load_state_dict(buffer.state_dict())
    for _ in range(5):
        buffer.add(make_episodes([2]))
        twin.add(make_episodes([2]))
        one, two = buffer.sample(2), twin.sample(2)
        for name, array in one.arrays().items():
            assert np.array_equal(array, two.arrays()[name]), name


def test_a_sample_is_the_buffers_to_give_away(make_episodes):
    buffer = make_buffer()
    buffer.add(make_episodes([3]))
    buffer.sample(1).reward[:] = -1
    assert (buffer.sample(1).reward >= 0).all()


def test_too_large_samples_too_long_episodes_and_other_sizes_are_refused(make_episodes):
    buffer = make_buffer()
    buffer.add(make_episodes([1]))
    with pytest.raises(DatasetError, match="a buffer that holds 1"):
        buffer.sample(2)
    with pytest.raises(DatasetError, match="this buffer holds 3"):
        buffer.add(make_episodes([1], horizon=4))
    with pytest.raises(DatasetError, match="state"):
        buffer.add(make_episodes([1], state=4))
