import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tfcaf_forge.errors import ConfigError, InputError, StoreError
from tfcaf_forge.training.checkpoint import load_checkpoint
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.learner import TrainingDiverged
from tfcaf_forge.training.mixers import QMIX, QPLEX, VDN, KernelMixer
from tfcaf_forge.training.trainer import train

QUICK = TrainConfig(
    hidden=16,
    n_envs=4,
    batch_episodes=4,
    buffer_episodes=12,
    evaluation_interval=400,
    evaluation_episodes=4,
    checkpoint_interval=300,
    epsilon_steps=1000,
)


def flat(value, path=""):
    """Every leaf of a nested state by its path."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{path}/{key}").items()}
    if isinstance(value, list):
        return {k: v for i, inner in enumerate(value) for k, v in flat(inner, f"{path}/{i}").items()}
    return {path: value}


def assert_same_state(one, two):
    left, right = flat(one), flat(two)
    assert left.keys() == right.keys()
    for path, value in left.items():
        if "seconds" in path:
            continue
        same = torch.equal(value, right[path]) if isinstance(value, torch.Tensor) else value == right[path]
        assert same, path


# A small buffer, whose episodes are replaced while the target network's values of them are kept.
HARD = {"target_tau": 0.0, "target_interval": 6, "buffer_episodes": 12}


@pytest.mark.parametrize("changes", [{"recurrent": True}, {"recurrent": False}, HARD])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(coop, tmp_path, changes):
    import msgspec

    config = msgspec.structs.replace(QUICK, rewards="standardised", **changes)
    whole = train(coop, QMIX(coop, seed=1), config, seed=1, steps=1500, folder=tmp_path / "whole")
    asked = iter(range(100))
    stopped = train(
        coop,
        QMIX(coop, seed=1),
        config,
        seed=1,
        steps=1500,
        folder=tmp_path / "cut",
        should_stop=lambda: next(asked) == 4,
    )
    assert stopped.status == "stopped"
    assert 0 < stopped.steps < whole.steps
    # A new process would draw other initial weights for nothing: the checkpoint replaces them.
    resumed = train(coop, QMIX(coop, seed=77), config, seed=1, steps=1500, folder=tmp_path / "cut", resume=True)
    assert resumed.status == whole.status == "finished"
    assert (resumed.steps, resumed.episodes, resumed.updates) == (whole.steps, whole.episodes, whole.updates)
    assert [(e.steps, e.mean) for e in resumed.evaluations] == [(e.steps, e.mean) for e in whole.evaluations]
    assert_same_state(load_checkpoint(tmp_path / "cut"), load_checkpoint(tmp_path / "whole"))


def test_a_run_that_died_goes_on_from_its_last_checkpoint_to_the_same_end(coop, tmp_path):
    class KilledError(Exception):
        pass

    def die(progress):
        if progress.steps > 700:
            raise KilledError

    whole = train(coop, VDN(), QUICK, seed=3, steps=1000, folder=tmp_path / "whole")
    with pytest.raises(KilledError):
        train(coop, VDN(), QUICK, seed=3, steps=1000, folder=tmp_path / "killed", progress=die)
    train(coop, VDN(), QUICK, seed=3, steps=1000, folder=tmp_path / "killed", resume=True)
    assert whole.updates > 0
    assert_same_state(load_checkpoint(tmp_path / "killed"), load_checkpoint(tmp_path / "whole"))


@pytest.mark.parametrize("mixer", [QPLEX, lambda task: KernelMixer(Levels(), task)])
def test_every_mixer_resumes_bit_for_bit(coop, tmp_path, mixer):
    asked = iter(range(100))
    train(coop, mixer(coop), QUICK, seed=1, steps=900, folder=tmp_path / "whole")
    train(coop, mixer(coop), QUICK, seed=1, steps=900, folder=tmp_path / "cut", should_stop=lambda: next(asked) == 3)
    train(coop, mixer(coop), QUICK, seed=1, steps=900, folder=tmp_path / "cut", resume=True)
    assert_same_state(load_checkpoint(tmp_path / "cut"), load_checkpoint(tmp_path / "whole"))


class Levels(torch.nn.Module):
    n_agents, state_size, affine = 2, 14, True

    def credit(self, state):
        return state[..., [2, 5]] / state[..., [2, 5]].sum(-1, keepdim=True)

    def bias(self, state):
        return torch.zeros_like(state[..., :1])

    def forward(self, local_q, state):
        return (self.credit(state) * local_q).sum(-1, keepdim=True)


def test_credit_is_only_asked_of_states_that_exist_and_its_error_is_logged(tiny, tmp_path):
    import msgspec

    class Strict(Levels):
        state_size = 11

        def credit(self, state):
            assert (state[..., [2, 5]] >= 1).all(), "an agent has a level in every state that exists"
            return super().credit(state)

    config = msgspec.structs.replace(QUICK, evaluation_episodes=32, buffer_episodes=100)
    result = train(tiny, KernelMixer(Strict(), tiny), config, seed=1, steps=1000, folder=tmp_path)
    assert result.updates > 0
    stored = load_checkpoint(tmp_path)["buffer"]["arrays"]["terminated"]
    assert stored[:, :-1].any(), "some episodes end early, so that there is padding that could be asked about"
    errors = [e.contribution_error for e in result.evaluations if e.contribution_error is not None]
    assert errors, "an untrained team of this seed loads now and then, by chance"
    # lbforaging pays agents in proportion to their levels, which is what this function says: where somebody was paid, it is right.
    assert all(error < 1e-6 for error in errors)


def test_two_runs_of_one_seed_are_equal_and_of_another_are_not(coop, tmp_path):
    runs = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(coop, VDN(), QUICK, seed=seed, steps=300, folder=tmp_path / name)
        runs.append(load_checkpoint(tmp_path / name))
    assert_same_state(runs[0], runs[1])
    assert not torch.equal(runs[0]["buffer"]["arrays"]["actions"], runs[2]["buffer"]["arrays"]["actions"])


def test_a_run_leaves_result_checkpoint_and_event_file_and_tells_how_it_goes(coop, tmp_path):
    seen = []
    result = train(coop, VDN(), QUICK, seed=0, steps=900, folder=tmp_path, progress=seen.append)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["final_return"] == result.final_return
    assert written["mixer"] == "vdn"
    assert result.evaluations[0].steps == 0
    assert result.evaluations[-1].steps == result.steps >= 900
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1
    assert not list(tmp_path.glob("*.tmp"))
    assert [p.steps for p in seen] == sorted(p.steps for p in seen)
    assert seen[-1].seconds_left == 0
    assert seen[-1].updates == result.updates > 0
    assert result.steps_per_second > 0


def test_a_folder_with_a_run_is_not_overwritten_and_not_resumed_with_other_settings(climbing, tmp_path):
    config = TrainConfig(hidden=8, evaluation_episodes=1)
    train(climbing, VDN(), config, seed=0, steps=8, folder=tmp_path)
    with pytest.raises(StoreError, match="--resume"):
        train(climbing, VDN(), config, seed=0, steps=8, folder=tmp_path)
    with pytest.raises(StoreError, match="another seed"):
        train(climbing, VDN(), config, seed=1, steps=8, folder=tmp_path, resume=True)
    with pytest.raises(StoreError, match="another mixer"):
        train(climbing, QMIX(climbing), config, seed=0, steps=8, folder=tmp_path, resume=True)
    with pytest.raises(StoreError, match="another config"):
        train(climbing, VDN(), TrainConfig(evaluation_episodes=1), seed=0, steps=8, folder=tmp_path, resume=True)


def test_a_finished_run_can_be_resumed_to_more_steps(climbing, tmp_path):
    config = TrainConfig(hidden=8, evaluation_episodes=1)
    train(climbing, VDN(), config, seed=0, steps=8, folder=tmp_path)
    assert train(climbing, VDN(), config, seed=0, steps=24, folder=tmp_path, resume=True).steps == 24


def test_a_damaged_checkpoint_and_one_with_code_in_it_are_refused(climbing, tmp_path):
    import pickle

    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(StoreError, match="cannot be read"):
        train(climbing, VDN(), QUICK, seed=0, steps=8, folder=tmp_path, resume=True)
    torch.save({"weights": torch.zeros(1)}, tmp_path / "checkpoint.pt")
    with pytest.raises(StoreError, match="is no checkpoint of a training run"):
        train(climbing, VDN(), QUICK, seed=0, steps=8, folder=tmp_path, resume=True)
    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(StoreError, match="cannot be read"):
        train(climbing, VDN(), QUICK, seed=0, steps=8, folder=tmp_path, resume=True)


def test_a_mixer_that_answers_nan_ends_the_run_with_an_error(climbing, tmp_path):
    class Broken(VDN):
        def forward(self, local_q, state, joint=None):
            return super().forward(local_q, state) / 0.0 * 0.0

    with pytest.raises(TrainingDiverged, match=r"mixer vdn.*the batch is in .*diverged\.safetensors"):
        train(climbing, Broken(), QUICK, seed=0, steps=64, folder=tmp_path)
    kept = load_file(tmp_path / "diverged.safetensors")
    assert kept["sizes"].tolist() == [4, 4]
    assert kept["reward"].shape == (4,)


def test_no_steps_and_negative_seeds_are_refused(climbing, tmp_path):
    with pytest.raises(InputError, match="at least 1 step"):
        train(climbing, VDN(), QUICK, seed=0, steps=0, folder=tmp_path)
    with pytest.raises(InputError, match="seed -1"):
        train(climbing, VDN(), QUICK, seed=-1, steps=8, folder=tmp_path)


def test_settings_built_in_code_are_checked_too(climbing, tmp_path):
    with pytest.raises(ConfigError, match="hidden"):
        train(climbing, VDN(), TrainConfig(hidden=0), seed=0, steps=8, folder=tmp_path)


def test_training_leaves_torchs_threads_and_generator_as_they_were(climbing, tmp_path):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_state = np.random.get_state()[1].copy()
    train(climbing, VDN(), TrainConfig(hidden=8, threads=2, evaluation_episodes=1), seed=0, steps=8, folder=tmp_path)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert np.array_equal(numpy_state, np.random.get_state()[1])


@pytest.mark.slow
def test_agents_learn_to_load_together(tiny, tmp_path):
    returns = []
    train(
        tiny,
        VDN(),
        TrainConfig(recurrent=False, updates_per_episode=2.0, epsilon_steps=10_000, evaluation_interval=24_000),
        seed=0,
        steps=24_000,
        folder=tmp_path,
        progress=lambda now: returns.append(now.train_return),
    )
    fifth = len(returns) // 5
    assert np.mean(returns[:fifth]) < 0.25, "a team that acts at random seldom loads"
    assert np.mean(returns[-fifth:]) > 0.5


@pytest.mark.parametrize("time_limit", ["truncates", "terminates"])
def test_a_time_limit_is_stored_as_the_configuration_says(coop, tmp_path, time_limit):
    import msgspec

    config = msgspec.structs.replace(QUICK, time_limit=time_limit, reward_moments="replayed", rewards="standardised")
    train(coop, VDN(), config, seed=0, steps=200, folder=tmp_path)
    stored = load_checkpoint(tmp_path)["buffer"]["arrays"]["terminated"]
    assert bool(stored[:, -1].any()) == (time_limit == "terminates"), "at random nobody loads both foods in time"
