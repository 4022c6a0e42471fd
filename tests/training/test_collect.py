import subprocess
import sys
import time

import numpy as np
import pytest

from tfcaf_forge.errors import InputError
from tfcaf_forge.replay.dataset import load_dataset, write_dataset
from tfcaf_forge.training.collect import collect, default_mixture


def test_a_mixture_is_shared_equally_shuffled_and_recorded(coop, tmp_path):
    calls = []
    batch = collect(coop, 41, 0, n_envs=8, progress=lambda done, total: calls.append((done, total)))
    assert np.bincount(batch.behaviour).tolist() == [21, 20]
    assert 0 < batch.behaviour[:20].mean() < 1
    assert calls[-1] == (41, 41)
    assert batch.returns[batch.behaviour == 1].mean() > batch.returns[batch.behaviour == 0].mean() + 0.5
    names = [behaviour.name for behaviour in default_mixture(coop)]
    written = write_dataset(tmp_path / "replay", coop, batch, seed=0, behaviours=names)
    assert load_dataset(written.path, coop).info.behaviours == ("random", "forager-0.3")


def test_one_seed_gives_one_dataset(coop):
    one, two, other = collect(coop, 6, 3), collect(coop, 6, 3), collect(coop, 6, 4)
    assert all(np.array_equal(array, two.arrays()[name]) for name, array in one.arrays().items())
    assert not np.array_equal(one.state, other.state)


def test_five_hundred_episodes_take_seconds(coop):
    begun = time.perf_counter()
    batch = collect(coop, 500, 0)
    assert batch.check().n_episodes == 500
    assert time.perf_counter() - begun < 10, "1.6 s where this was written"


def test_a_matrix_game_is_collected_at_random(climbing):
    batch = collect(climbing, 90, 0).check()
    assert batch.n_transitions == 90
    assert {tuple(pair) for pair in batch.actions[:, 0]} == {(i, j) for i in range(3) for j in range(3)}
    assert batch.has_agent_reward is False


def test_nothing_to_collect_is_refused(climbing):
    with pytest.raises(InputError, match="at least one episode"):
        collect(climbing, 0, 0)
    with pytest.raises(InputError, match="0 behaviours"):
        collect(climbing, 1, 0, behaviours=())


def test_collecting_loads_no_torch():
    code = "import sys, tfcaf_forge.training.collect, tfcaf_forge.training.task_check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
