from dataclasses import replace

import numpy as np
import pytest

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.replay.episode import concatenate, discounted_returns


def test_sizes_lengths_and_returns_are_read_off_the_arrays(make_episodes):
    batch = make_episodes([2, 3])
    assert (batch.n_episodes, batch.horizon, batch.n_agents, batch.n_actions) == (2, 3, 2, 3)
    assert batch.lengths.tolist() == [2, 3]
    assert batch.n_transitions == 5
    assert batch.returns == pytest.approx(batch.reward.sum(axis=1))


def test_discounted_returns_are_those_computed_by_hand():
    reward = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 99.0]], np.float32)
    valid = np.array([[True, True, True], [True, True, False]])
    assert discounted_returns(reward, valid, 0.5).tolist() == [[3.0, 4.0, 4.0], [2.0, 2.0, 0.0]]


def test_transitions_hold_real_steps_only_and_know_what_followed(make_episodes):
    batch = make_episodes([1, 3])
    rows = batch.transitions()
    assert len(rows) == 4
    assert rows.episode.tolist() == [0, 1, 1, 1]
    assert rows.step.tolist() == [0, 0, 1, 2]
    assert rows.terminated.tolist() == [True, False, False, False]
    assert rows.truncated.tolist() == [False, False, False, True]
    assert np.array_equal(rows.next_state[1], rows.state[2])
    assert np.array_equal(rows.next_state[3], batch.state[1, 3])
    assert np.array_equal(rows.rows(np.array([3])).reward, batch.reward[1, 2:])


def test_joining_pads_the_shorter_and_changes_no_real_step(make_episodes):
    short, long = make_episodes([1, 2], horizon=2), make_episodes([3], seed=1)
    joined = concatenate([short, long])
    assert joined.horizon == 3
    assert joined.lengths.tolist() == [1, 2, 3]
    assert np.array_equal(
        joined.transitions().state, np.concatenate([short.transitions().state, long.transitions().state])
    )
    assert joined.available[0, 3].all(), "an action is available in padding, so that an argmax is defined"
    assert np.array_equal(joined.select([2]).trimmed().reward, long.reward)
    joined.check()


def test_joining_nothing_or_other_sizes_is_refused(make_episodes):
    with pytest.raises(DatasetError, match="collect some"):
        concatenate([])
    with pytest.raises(DatasetError, match="state: episodes of different sizes"):
        concatenate([make_episodes([1]), make_episodes([1], state=4)])


def test_selection_keeps_order_and_behaviour(make_episodes):
    batch = replace(make_episodes([1, 2, 3]), behaviour=np.array([0, 1, 2]))
    assert batch.select([2, 0]).behaviour.tolist() == [2, 0]
    assert batch.select(batch.lengths > 1).lengths.tolist() == [2, 3]


def test_trimming_drops_common_padding_without_copying(make_episodes):
    batch = make_episodes([1, 2])
    trimmed = batch.trimmed()
    assert trimmed.horizon == 2
    assert trimmed.obs.shape[1] == 3
    assert np.shares_memory(trimmed.obs, batch.obs)


def test_arrays_that_do_not_fit_are_refused_by_name(make_episodes):
    batch = make_episodes([2])
    with pytest.raises(DatasetError, match=r"state: shape .* must be \[E, T\+1, S\]"):
        replace(batch, state=batch.state[:, :-1])
    with pytest.raises(DatasetError, match="actions: dtype int32"):
        replace(batch, actions=batch.actions.astype(np.int32))


@pytest.mark.parametrize(
    ("array", "place", "value", "fault"),
    [
        ("valid", (0, 0), False, "a real step after a padded one"),
        ("terminated", (0, 0), True, "a real step after an end"),
        ("truncated", (0, 1), True, "both at one step"),
        ("truncated", (0, 2), True, "an end in the padding"),
        ("actions", (0, 1, 1), 3, "outside the range"),
        ("available", (0, 1), False, "not available"),
        ("reward", (0, 1), np.nan, "reward, agent_reward: not finite"),
        ("state", (0, 1, 0), np.inf, "obs, state: not finite"),
    ],
)
def test_contents_that_no_environment_produces_are_refused(make_episodes, array, place, value, fault):
    batch = make_episodes([2, 3])
    getattr(batch, array)[place] = value
    with pytest.raises(DatasetError, match=fault):
        batch.check()
