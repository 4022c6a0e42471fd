import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.records.base import to_builtins
from tfcaf_forge.replay.dataset import absent, load_dataset, read_info, write_dataset
from tfcaf_forge.replay.episode import ARRAYS


@pytest.fixture
def written(tmp_path, climbing, make_episodes):
    episodes = replace(make_episodes([1, 1, 1], horizon=1), behaviour=np.array([0, 1, 0]))
    return write_dataset(tmp_path / "replay", climbing, episodes, seed=7, behaviours=("random", "scripted"))


def test_what_was_written_is_read_back_exactly(written, climbing):
    again = load_dataset(written.path, climbing)
    for name, array in written.episodes.arrays().items():
        assert np.array_equal(array, again.episodes.arrays()[name]), name
    assert again.info.behaviour_of == (0, 1, 0)
    assert (again.info.seed, again.info.episodes, again.info.transitions) == (7, 3, 3)
    assert again.digest == written.digest
    assert again.episodes.has_agent_reward is False


def test_arrays_are_memory_maps_that_cannot_be_written(written):
    assert isinstance(written.episodes.obs, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        written.episodes.obs[:] = 0


def test_the_digest_follows_the_content(written, climbing, make_episodes, tmp_path):
    same = write_dataset(tmp_path / "same", climbing, written.episodes, seed=7, behaviours=("random", "scripted"))
    other = write_dataset(tmp_path / "other", climbing, make_episodes([1, 1, 1], horizon=1, seed=1), seed=7)
    assert same.digest == written.digest
    assert other.digest != written.digest


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_one_changed_byte_in_any_array_is_found(written, climbing, name):
    file = written.path / f"{name}.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DatasetError, match=rf"damaged: {name}.npy was changed"):
        load_dataset(written.path, climbing)


def test_a_missing_array_and_a_missing_description_are_named(written, climbing, tmp_path):
    (written.path / "obs.npy").unlink()
    with pytest.raises(DatasetError, match=r"obs.npy: No such file"):
        load_dataset(written.path, climbing)
    with pytest.raises(DatasetError, match="is no replay dataset"):
        load_dataset(tmp_path, climbing)


def test_a_pickled_array_is_refused_even_with_a_fitting_digest(written, climbing):
    file = written.path / "obs.npy"
    with file.open("wb") as stream:
        np.save(stream, np.array([print], dtype=object), allow_pickle=True)
    _rewrite(written, "obs", sha256=__import__("hashlib").sha256(file.read_bytes()).hexdigest())
    with pytest.raises(DatasetError, match=r"damaged: obs\.npy"):
        load_dataset(written.path, climbing)


def test_a_description_that_points_elsewhere_is_refused(written, climbing):
    _rewrite(written, "obs", file="../obs.npy")
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(written.path, climbing)


def test_a_dataset_of_another_task_is_refused(written, climbing):
    import msgspec

    edited = msgspec.structs.replace(climbing, gamma=0.5)
    with pytest.raises(DatasetError, match=r"TaskSpec was edited since.*collect again"):
        load_dataset(written.path, edited)
    with pytest.raises(DatasetError, match="not for other"):
        load_dataset(written.path, msgspec.structs.replace(climbing, name="other"))
    assert load_dataset(written.path).info.task == climbing.name


def test_an_existing_folder_is_never_overwritten(written, climbing):
    with pytest.raises(DatasetError, match="exists; choose another name"):
        write_dataset(written.path, climbing, written.episodes, seed=0)


@pytest.mark.parametrize(("place", "said"), [("file/x", "below a file"), ("/proc/none", "No such file")])
def test_a_place_that_cannot_be_written_to_is_refused_before_and_after_collecting(
    place, said, written, climbing, tmp_path
):
    (tmp_path / "file").write_text("")
    for ask in (absent, lambda path: write_dataset(path, climbing, written.episodes, seed=0)):
        with pytest.raises(DatasetError, match=f"cannot write .*{place}: .*{said}.*; give another place"):
            ask(tmp_path / place)


def test_faulty_episodes_leave_nothing_behind(tmp_path, climbing, make_episodes):
    bad = make_episodes([1, 1], horizon=1)
    bad.reward[0, 0] = np.nan
    with pytest.raises(DatasetError, match="not finite"):
        write_dataset(tmp_path / "replay", climbing, bad, seed=0)
    with pytest.raises(DatasetError, match="the task matrix-climbing declares 3"):
        write_dataset(tmp_path / "replay", climbing, make_episodes([1], state=4), seed=0)
    assert not list(tmp_path.iterdir())


def test_an_unknown_key_in_the_description_is_named(written):
    description = written.path / "dataset.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "episods": 3}))
    with pytest.raises(DatasetError, match="did you mean `episodes`"):
        read_info(written.path)


def test_opening_a_dataset_loads_no_torch():
    code = "import sys, tfcaf_forge.replay.dataset; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _rewrite(written, array, **changes):
    info = to_builtins(written.info)
    info["arrays"][array] |= changes
    (written.path / "dataset.json").write_text(json.dumps(info))


def test_an_episode_without_a_step_is_refused_where_it_comes_in(tmp_path, climbing, make_episodes):
    for lengths, empty in (([1, 3, 0], 2), ([0, 3, 1], 0)):
        with pytest.raises(DatasetError, match=rf"an episode without a step \(episode {empty}, step 0\); leave it out"):
            write_dataset(tmp_path / "data", climbing, make_episodes(lengths), seed=0)
        assert not (tmp_path / "data").exists()
