"""The target network's values are kept only for as long as they are what it would say."""

from dataclasses import replace

import msgspec
import pytest
import torch

from tfcaf_forge.replay.buffer import EpisodeBuffer
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.kept import KeptValues
from tfcaf_forge.training.learner import Learner
from tfcaf_forge.training.mixers import VDN

HARD = TrainConfig(hidden=8, target_tau=0.0, target_interval=4, n_envs=4)
SIZES = {"n_agents": 2, "n_actions": 6, "obs_size": 12}


def filled(task, episodes: int, capacity: int = 8) -> EpisodeBuffer:
    buffer = EpisodeBuffer(capacity=capacity, horizon=task.episode_limit, state_size=task.state_size, seed=0, **SIZES)
    buffer.add(collect(task, episodes, 0))
    return buffer


class Counting:
    """A network that says how many episodes it was asked about."""

    def __init__(self):
        self.asked, self.factor = [], 1.0

    def __call__(self, inputs, sizes):
        self.asked.append(sizes[0])
        assert sum(sizes) == len(inputs)
        return inputs[..., :6] * self.factor


def kept_for(buffer):
    stored = buffer.sample(1).stored
    return KeptValues(stored.capacity, (stored.steps, 2, 6), torch.device("cpu"))


def ask(kept, network, buffer, episodes):
    batch = buffer.sample(episodes)
    made = kept.of(network, batch.obs, batch.sizes, batch.stored)
    assert torch.equal(made, batch.obs[..., :6] * network.factor)


def test_an_episode_is_asked_about_once(coop):
    buffer, network = filled(coop, 8), Counting()
    kept = kept_for(buffer)
    for _ in range(6):
        ask(kept, network, buffer, 5)
    assert sum(network.asked) == 8
    assert len(network.asked) > 1, "some batches were partly known"


def test_after_the_target_moved_everything_is_asked_again(coop):
    buffer, network = filled(coop, 8), Counting()
    kept = kept_for(buffer)
    ask(kept, network, buffer, 8)
    kept.forget()
    network.factor = 2.0
    ask(kept, network, buffer, 8)
    assert network.asked == [8, 8]


def test_an_episode_that_took_anothers_place_is_asked_about(coop):
    buffer, network = filled(coop, 8), Counting()
    kept = kept_for(buffer)
    ask(kept, network, buffer, 8)
    buffer.add(collect(coop, 3, 1))
    ask(kept, network, buffer, 8)
    assert network.asked == [8, 3]


def test_more_episodes_than_fit_leave_the_newest_with_numbers_of_their_own(coop):
    buffer = filled(coop, 11)
    assert sorted(buffer.sample(8).stored.serial) == list(range(8))
    buffer.add(collect(coop, 5, 1))
    assert sorted(buffer.sample(8).stored.serial) == list(range(5, 13))


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_learner_is_told_the_same_with_and_without(coop, recurrent):
    config = msgspec.structs.replace(HARD, recurrent=recurrent)
    learners = [Learner(config, VDN(), **SIZES, gamma=0.99, seed=0) for _ in range(2)]
    buffers = [filled(coop, 8) for _ in range(2)]
    for _ in range(10):
        batches = [buffer.sample(6) for buffer in buffers]
        with_kept = learners[0].update(batches[0])
        without = learners[1].update(replace(batches[1], stored=None))
        assert with_kept.target == pytest.approx(without.target, abs=1e-6)
        assert with_kept.loss == pytest.approx(without.loss, rel=1e-4)


def test_a_target_that_moves_a_little_each_time_keeps_nothing(coop):
    learner = Learner(msgspec.structs.replace(HARD, target_tau=0.1), VDN(), **SIZES, gamma=0.99, seed=0)
    learner.update(filled(coop, 8).sample(6))
    assert learner.state_dict()["kept"] is None
