import numpy as np
import pytest
import torch

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.replay.buffer import EpisodeBuffer
from tfcaf_forge.replay.packed import ACTED, REACHED, pack


def make_buffer(capacity: int = 4, seed: int = 0, *, mixing: bool = False) -> EpisodeBuffer:
    return EpisodeBuffer(
        capacity=capacity, horizon=3, n_agents=2, n_actions=3, obs_size=1, state_size=3, seed=seed, mixing=mixing
    )


def test_a_sample_is_the_stored_episodes_without_padding_step_by_step_the_longest_first(make_episodes):
    buffer, stored = make_buffer(), make_episodes([1, 3])
    buffer.add(stored)
    batch = buffer.sample(2)
    assert batch.sizes == (2, 2, 1, 1)
    # Steps 0 of both (the longer first), step 1, step 2; then what each leads to, in the same order.
    assert batch.reward.tolist() == [*stored.reward[[1, 0], 0], *stored.reward[1, 1:]]
    rows = [stored.state[1, 0], stored.state[0, 0], stored.state[1, 1], stored.state[0, 1], *stored.state[1, 2:]]
    assert np.array_equal(batch.state.numpy(), np.stack(rows))
    assert np.array_equal(batch.state[batch.current].numpy(), np.stack([rows[0], rows[1], rows[2], rows[4]]))
    assert np.array_equal(batch.following(batch.state).numpy(), np.stack(rows[2:]))
    assert batch.step.tolist() == [0, 0, 1, 2]


def test_a_sample_equals_packing_the_same_episodes(make_episodes):
    stored = make_episodes([1, 2, 3])
    buffer = make_buffer(capacity=3)
    buffer.add(stored)
    sample, drawn = buffer.sample(3), np.random.default_rng(0).choice(3, 3, replace=False)
    packed = pack(stored.select(drawn))
    assert sample.sizes == packed.sizes
    for name in (*REACHED, *ACTED, "current"):
        assert torch.equal(getattr(sample, name), getattr(packed, name)), name


def test_credit_and_bias_are_kept_with_their_states(make_episodes):
    buffer, stored = make_buffer(mixing=True), make_episodes([1, 2])
    mixing = torch.from_numpy(stored.state[..., :1] * np.array([1.0, 2.0, 3.0], np.float32))
    buffer.add(stored, mixing)
    batch = buffer.sample(2)
    assert torch.equal(batch.mixing, batch.state[:, :1] * torch.tensor([1.0, 2.0, 3.0]))


def test_the_oldest_episodes_make_room_and_leave_no_trace(make_episodes):
    buffer = make_buffer(capacity=2)
    buffer.add(make_episodes([3, 3]))
    newest = make_episodes([1], horizon=1, seed=5)
    buffer.add(newest)
    buffer.add(newest)
    batch = buffer.sample(2)
    assert len(buffer) == 2
    assert batch.sizes == (2, 2)
    assert batch.reward.tolist() == newest.reward.repeat(2).tolist()


def test_more_episodes_than_the_capacity_keep_the_newest(make_episodes):
    buffer, many = make_buffer(capacity=2), make_episodes([1, 2, 3])
    buffer.add(many)
    assert buffer.sample(2).sizes == (2, 2, 2, 1)


def test_a_restored_buffer_draws_the_same_batches(make_episodes):
    buffer, twin = make_buffer(), make_buffer(seed=99)
    buffer.add(make_episodes([1, 2, 3]))
    buffer.sample(2)
    twin.load_state_dict(buffer.state_dict())
    for _ in range(5):
        buffer.add(make_episodes([2]))
        twin.add(make_episodes([2]))
        one, two = buffer.sample(2), twin.sample(2)
        for name in (*REACHED, *ACTED, "current"):
            assert torch.equal(getattr(one, name), getattr(two, name)), name


def test_a_sample_is_the_buffers_to_give_away(make_episodes):
    buffer = make_buffer()
    buffer.add(make_episodes([3]))
    kept = buffer.sample(1).reward.clone()
    buffer.sample(1).reward[:] = -1
    assert torch.equal(buffer.sample(1).reward, kept)


def test_too_large_samples_too_long_episodes_and_other_sizes_are_refused(make_episodes):
    buffer = make_buffer()
    buffer.add(make_episodes([1]))
    with pytest.raises(DatasetError, match="a buffer that holds 1"):
        buffer.sample(2)
    with pytest.raises(DatasetError, match="this buffer holds 3"):
        buffer.add(make_episodes([1], horizon=4))
    with pytest.raises(DatasetError, match="state"):
        buffer.add(make_episodes([1], state=4))
