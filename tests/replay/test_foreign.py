"""Foreign data: what comes in is what was there, and what does not fit is said by array and episode."""

from __future__ import annotations

import numpy as np
import pytest

from tfcaf_forge.errors import ConfigError, DatasetError
from tfcaf_forge.replay.foreign import read_minari, read_npz
from tfcaf_forge.replay.mapping import EPYMARL, Ends, Mapping, Names, load_mapping
from tfcaf_forge.replay.ranges import excesses

NAMED = Names(available="available", terminated="terminated", truncated="truncated", valid="valid")


@pytest.fixture
def long_climbing(climbing):
    import msgspec

    return msgspec.structs.replace(climbing, episode_limit=3)


@pytest.fixture
def file(tmp_path, make_episodes):
    """Writes arrays of episodes of lengths 3, 1, 2 under our own names, some changed or left out."""

    def write(leave_out=(), **changes):
        arrays = {**make_episodes([3, 1, 2]).arrays(), **changes}
        path = tmp_path / "data.npz"
        np.savez(path, **{name: array for name, array in arrays.items() if name not in leave_out})
        return path

    return write


def test_our_own_arrays_come_back_as_they_were(file, long_climbing, make_episodes):
    found = read_npz(file(), Mapping(arrays=NAMED), long_climbing)
    for name, array in make_episodes([3, 1, 2]).arrays().items():
        assert np.array_equal(found.episodes.arrays()[name], array), name
    assert found.assumed == ()


def test_without_a_mapping_our_own_names_are_read_where_the_file_has_them(file, long_climbing, make_episodes):
    batch = make_episodes([3, 1, 2])
    shares = np.stack([batch.reward, -batch.reward], axis=2)
    found = read_npz(file(agent_reward=shares), None, long_climbing)
    assert found.episodes.lengths.tolist() == [3, 1, 2]  # padding is no step
    assert found.episodes.has_agent_reward
    for name, array in (batch.arrays() | {"agent_reward": shares}).items():  # ends and masks among them
        assert np.array_equal(found.episodes.arrays()[name], array), name
    assert found.assumed == ()
    bare = read_npz(file(leave_out=("available", "agent_reward", "truncated")), None, long_climbing)
    assert bare.episodes.lengths.tolist() == [3, 1, 2]
    assert not bare.episodes.has_agent_reward
    assert "no mask of available actions" in bare.assumed[0]


def test_agent_rewards_that_are_zero_throughout_are_none(file, long_climbing):
    assert not read_npz(file(), None, long_climbing).episodes.has_agent_reward


def test_a_mapping_leaves_out_what_it_does_not_name(file, long_climbing):
    found = read_npz(file(), Mapping(), long_climbing)
    assert found.episodes.lengths.tolist() == [3, 3, 3]
    assert not found.episodes.has_agent_reward


def filled_by_a_runner(path, batch, terminated):
    """A file of an EPyMARL `EpisodeBatch` as both of its runners fill it: limit + 1 rows of everything, and `update` marks a row as
    filled with what is seen in it, the row after the last step included; actions, reward and end of that row are not a step's."""
    filled = np.zeros(batch.state.shape[:2], np.int64)
    for e, length in enumerate(batch.lengths):
        filled[e, : length + 1] = 1

    def rows(array):  # one row more, left as it was made
        return np.concatenate([array, np.zeros_like(array[:, :1])], axis=1)[..., None]

    np.savez(
        path, obs=batch.obs, state=batch.state, avail_actions=batch.available.astype(np.int32), actions=rows(batch.actions),
        reward=rows(batch.reward), terminated=rows(terminated.astype(np.uint8)), filled=filled[..., None],
    )  # fmt: skip


def test_an_epymarl_batch_has_the_steps_and_the_ends_that_its_runner_saw(tmp_path, long_climbing, make_episodes):
    batch = make_episodes([3, 1, 2])
    terminated = batch.terminated | batch.truncated  # EPyMARL marks its time limit so, too
    filled_by_a_runner(tmp_path / "e.npz", batch, terminated)
    found = read_npz(tmp_path / "e.npz", EPYMARL, long_climbing)
    for name in ("obs", "state", "actions", "reward", "valid"):
        assert np.array_equal(found.episodes.arrays()[name], batch.arrays()[name]), name
    assert found.episodes.terminated.argmax(axis=1).tolist() == [0, 0, 1]
    assert found.episodes.terminated.any(axis=1).tolist() == [False, True, True]
    assert found.episodes.truncated.any(axis=1).tolist() == [True, False, False]  # 3 steps are the limit
    assert found.assumed == ("1 of 3 episodes: terminated on the last allowed step, read as the time limit",)


def test_an_epymarl_batch_without_any_end_says_how_it_was_read(tmp_path, long_climbing, make_episodes):
    batch = make_episodes([3, 1, 2])
    filled_by_a_runner(tmp_path / "e.npz", batch, np.zeros_like(batch.terminated))
    found = read_npz(tmp_path / "e.npz", EPYMARL, long_climbing)
    assert found.episodes.lengths.tolist() == [3, 1, 2]
    assert not found.episodes.terminated.any()
    assert found.assumed[0].startswith("3 of 3 episodes: no end tells what filled marks, so its last row counts as")


def test_a_file_whose_filled_marks_steps_alone_is_told_by_its_ends_or_its_rows(tmp_path, long_climbing, make_episodes):
    batch = make_episodes([3, 1, 2])
    for terminated in (batch.terminated | batch.truncated, np.zeros_like(batch.terminated)):
        np.savez(
            tmp_path / "e.npz", obs=batch.obs, state=batch.state, actions=batch.actions[..., None],
            avail_actions=batch.available.astype(np.int32), reward=batch.reward[..., None],
            terminated=terminated[..., None].astype(np.uint8), filled=batch.valid[..., None].astype(np.int64),
        )  # fmt: skip
        found = read_npz(tmp_path / "e.npz", EPYMARL, long_climbing)
        assert found.episodes.lengths.tolist() == [3, 1, 2]
        assert np.array_equal(found.episodes.actions, batch.actions)
        assert found.assumed[0].startswith("3 of 3 episodes: filled marks steps alone")


def test_a_file_whose_ends_contradict_each_other_about_filled_is_refused(tmp_path, long_climbing, make_episodes):
    batch = make_episodes([3, 1, 2])
    terminated = batch.terminated | batch.truncated
    terminated[2] = [False, False, True]
    filled_by_a_runner(tmp_path / "e.npz", batch, terminated)
    with pytest.raises(
        DatasetError, match=r"episode 0 ends one row before .* and episode 2 in that row; name an array"
    ):
        read_npz(tmp_path / "e.npz", EPYMARL, long_climbing)


def test_an_end_before_the_last_step_of_an_episode_is_refused_with_its_place(file, tmp_path, long_climbing):
    done = np.array([0, 0, 0, 1, 0, 0, 0, 1])
    np.savez(
        tmp_path / "x.npz", obs=np.zeros((8, 2, 1)), state=np.zeros((8, 3)), actions=np.zeros((8, 2)),
        reward=np.ones(8), run=np.zeros(8, int), done=done,
    )  # fmt: skip
    rows = Mapping(layout="steps", arrays=Names(episode="run", terminated="done"))
    with pytest.raises(DatasetError, match="episode 0: it is terminated in step 3, and 4 of its steps follow; end it"):
        read_npz(tmp_path / "x.npz", rows, long_climbing)
    cut = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], bool)
    with pytest.raises(DatasetError, match="episode 0: it is truncated in step 0, and 2 of its steps follow"):
        read_npz(file(truncated=cut, terminated=np.zeros_like(cut)), None, long_climbing)


def test_rows_of_unequal_episodes_are_padded(tmp_path, long_climbing):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "plant.npz", seen=rng.random((6, 2, 4)), plant=rng.random((6, 3)), valves=rng.integers(0, 3, (6, 2)),
        gain=np.arange(6.0), shift=np.array([4, 4, 4, 9, 9, 9]), done=np.array([0, 0, 1, 0, 0, 0]),
    )  # fmt: skip
    names = Names(obs="seen", state="plant", actions="valves", reward="gain", episode="shift", terminated="done")
    found = read_npz(tmp_path / "plant.npz", Mapping(layout="steps", arrays=names), long_climbing)
    assert found.episodes.lengths.tolist() == [3, 2]  # nothing was seen after the last step of the second
    assert found.episodes.reward.tolist() == [[0, 1, 2], [3, 4, 0]]
    assert found.episodes.terminated[0, 2]
    assert found.episodes.truncated[1, 1]
    assert [note.split(": ")[1].split(",")[0] for note in found.assumed] == [
        "no mask of available actions",
        "no end is marked",
        "nothing was recorded after the last step",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leave_out": ("state",)}, "there is no array 'state' for state; it holds actions, .*name the right one"),
        ({"state": np.zeros((3, 4, 7), np.float32)}, r"episode 0: state has shape \(4, 7\); .* must be \[3 or 4, 3\]"),
        ({"state": np.zeros((2, 4, 3), np.float32)}, "state has 2 episodes, reward has 3"),
        ({"actions": np.full((3, 3, 2), 0.5)}, "episode 0: actions holds fractions"),
        ({"actions": np.full((3, 3, 2), 7)}, r"actions: outside the range of actions \(episode 0, step 0\)"),
        ({"reward": np.full((3, 3), np.nan)}, r"reward, agent_reward: not finite \(episode 0"),
        ({"valid": np.array([[1, 1, 1], [0, 1, 0], [1, 1, 0]])}, "a real step after a padded one in episode 1"),
        ({"valid": np.zeros((3, 3))}, "episode 0 has 0 steps"),
        ({"obs": np.array([[None], [{}], [3]])}, 'only unpickling could read .* use layout = "steps"'),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_a_remedy(file, long_climbing, changes, message):
    with pytest.raises(DatasetError, match=message):
        read_npz(file(**changes), Mapping(arrays=NAMED), long_climbing)


def test_rows_of_one_episode_must_stand_together(tmp_path, long_climbing):
    np.savez(
        tmp_path / "x.npz", obs=np.zeros((3, 2, 1)), state=np.zeros((3, 3)), actions=np.zeros((3, 2)),
        reward=np.zeros(3), run=np.array([1, 2, 1]),
    )  # fmt: skip
    with pytest.raises(DatasetError, match="the rows of episode 1 do not stand together; sort"):
        read_npz(tmp_path / "x.npz", Mapping(layout="steps", arrays=Names(episode="run")), long_climbing)


def test_what_an_unmarked_end_is_can_be_said(file, long_climbing):
    path = file(leave_out=("terminated", "truncated"))
    names = Names(available="available", valid="valid")
    cut = read_npz(path, Mapping(arrays=names), long_climbing).episodes
    over = read_npz(path, Mapping(arrays=names, ends=Ends(unmarked="terminated")), long_climbing).episodes
    assert cut.truncated.sum() == over.terminated.sum() == 3
    assert cut.terminated.sum() == over.truncated.sum() == 0


def test_a_mapping_file_is_strict(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text('[arrays]\nstates = "plant"\n')
    with pytest.raises(ConfigError, match=r"unknown key `states`.*did you mean `state`"):
        load_mapping(path)
    path.write_text('layout = "steps"\n')
    with pytest.raises(ConfigError, match=r"needs arrays.episode"):
        load_mapping(path)


def test_a_minari_file_with_a_joint_layout_is_read(tmp_path, long_climbing, make_episodes):
    h5py = pytest.importorskip("h5py")
    batch = make_episodes([3, 1, 2])
    with h5py.File(tmp_path / "main_data.hdf5", "w") as out:
        for e, length in enumerate(batch.lengths):
            group = out.create_group(f"episode_{e}")
            for name, array in {"observations": batch.obs, "infos/state": batch.state}.items():
                group[name] = array[e, : length + 1]
            for name, array in {
                "actions": batch.actions, "rewards": batch.reward,
                "terminations": batch.terminated, "truncations": batch.truncated,
            }.items():  # fmt: skip
                group[name] = array[e, :length]
    found = read_minari(tmp_path / "main_data.hdf5", long_climbing)
    assert np.array_equal(found.episodes.state, batch.state)
    assert np.array_equal(found.episodes.truncated, batch.truncated)
    (tmp_path / "no.hdf5").write_bytes(b"no")
    with pytest.raises(DatasetError, match="is no HDF5 file"):
        read_minari(tmp_path / "no.hdf5", long_climbing)


def test_a_state_beyond_its_range_is_named_by_field(climbing):
    states = np.tile(np.array([0.0, -1.0, -1.0], np.float32), (4, 1))
    assert excesses(climbing, states) == ()
    states[1, 2] = 9
    states[2, 1] = 0.5
    first, second = excesses(climbing, states)
    assert (first.field, first.fractional, second.field, second.rows) == ("last_action[0]", True, "last_action[1]", 1)
    assert str(second) == "last_action[1]: values in [9, 9] in 1 states (25.0 %); the task declares [0, 2] or -1"
