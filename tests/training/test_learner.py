"""The learner against values that are known in closed form."""

import numpy as np
import pytest
import torch

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.replay.packed import pack
from tfcaf_forge.training import targets
from tfcaf_forge.training.agents import network_inputs
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.learner import Learner, RewardMoments, TrainingDiverged
from tfcaf_forge.training.mixers import QMIX, VDN, KernelMixer, Mixer

CONFIG = TrainConfig(recurrent=False, hidden=16, learning_rate=1e-2, target_tau=0.2, rewards="raw", n_step=1)


def ring(*, truncated: bool) -> EpisodeBatch:
    """One agent with one action earns 1 a step, for two steps; then the episode is cut, or is over by its own rules."""
    end = np.array([[False, True]])
    return EpisodeBatch(
        obs=np.ones((1, 3, 1, 1), np.float32),
        state=np.ones((1, 3, 1), np.float32),
        available=np.ones((1, 3, 1, 1), np.bool_),
        actions=np.zeros((1, 2, 1), np.int64),
        reward=np.ones((1, 2), np.float32),
        agent_reward=np.ones((1, 2, 1), np.float32),
        terminated=end & (not truncated),
        truncated=end & truncated,
        valid=np.ones((1, 2), np.bool_),
    )


def learned_value(episodes: EpisodeBatch, **changes) -> float:
    """What the learner believes of the first step after 250 updates, at gamma = 0.5; the agent sees no clock."""
    import msgspec

    config = msgspec.structs.replace(CONFIG, obs_last_action=False, **changes)
    learner = Learner(config, VDN(), obs_size=1, n_agents=1, n_actions=1, gamma=0.5, seed=0)
    packed = pack(episodes)
    for _ in range(250):
        stats = learner.update(packed)
    return stats.q_tot


def test_a_truncated_task_that_goes_on_for_ever_is_worth_its_geometric_series():
    # Q = 1 + Q/2, so Q = 2: the cut is no end.
    assert learned_value(ring(truncated=True)) == pytest.approx(2.0, abs=0.02)


def test_a_terminated_task_is_worth_less():
    # The least-squares Q of (1 + Q/2, 1): Q = (2 + Q/2) / 2, so Q = 4/3.
    assert learned_value(ring(truncated=False)) == pytest.approx(4 / 3, abs=0.02)


@pytest.mark.parametrize(
    "changes", [{"n_step": 2}, {"td_lambda": 0.7}, {"double_q": False}, {"target_tau": 0.0, "target_interval": 5}]
)
def test_every_kind_of_target_finds_the_same_value(changes):
    assert learned_value(ring(truncated=True), **changes) == pytest.approx(2.0, abs=0.02)


PLANTED = {
    # As a trainer that stores a time limit as an end: the last step never bootstraps.
    "a time limit is an end": lambda right, r, v, terminated, gamma: right(r, v, torch.tensor([False, True]), gamma),
    "nothing bootstraps": lambda right, r, v, terminated, gamma: r,
    "the discount is lost": lambda right, r, v, terminated, gamma: right(r, v, terminated, 0.8),
    "the value of the step itself": lambda right, r, v, terminated, gamma: right(r, v.flip(0) * 0.5, terminated, gamma),
    "the reward is counted twice": lambda right, r, v, terminated, gamma: right(2 * r, v, terminated, gamma),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_in_the_target_is_seen_in_the_value(monkeypatch, fault):
    right = targets.one_step_targets
    monkeypatch.setattr(targets, "one_step_targets", lambda *given: PLANTED[fault](right, *given))
    assert abs(learned_value(ring(truncated=True)) - 2.0) > 0.3, "what the tests above would not accept"


def climbing_learner(task, mixer: Mixer) -> Learner:
    config = TrainConfig(recurrent=False, hidden=32, learning_rate=5e-3, rewards="raw")
    learner = Learner(config, mixer, obs_size=1, n_agents=2, n_actions=3, gamma=0.99, seed=0)
    data = collect(task, 900, 0)
    rng = np.random.default_rng(0)
    for _ in range(300):
        learner.update(pack(data.select(rng.choice(900, 256, replace=False))))
    return learner


def local_values(learner: Learner, episodes: EpisodeBatch) -> torch.Tensor:
    with torch.no_grad():
        batch = pack(episodes)
        return learner.network(network_inputs(learner.config, batch), batch.sizes)[0]


def test_vdn_finds_the_least_squares_fit_of_the_climbing_game(climbing):
    learner = climbing_learner(climbing, VDN())
    local = local_values(learner, collect(climbing, 1, 0))
    joint = (local[0][:, None] + local[1][None, :]).numpy()
    payoff = np.array([[11.0, -30, 0], [-30, 7, 6], [0, 0, 5]])
    # With uniform data the additive fit is row mean + column mean - mean.
    fit = payoff.mean(1, keepdims=True) + payoff.mean(0, keepdims=True) - payoff.mean()
    assert joint == pytest.approx(fit, abs=1.5)
    assert local.argmax(dim=1).tolist() == [2, 2], "the pair that looks best on average, not the best one"


def test_qmix_fits_the_climbing_game_better_than_vdn(climbing):
    data = collect(climbing, 900, 1)
    mixers = (VDN(), QMIX(climbing, hypernet=0))
    losses = {mixer.name: climbing_learner(climbing, mixer).update(pack(data)).loss for mixer in mixers}
    assert losses["qmix"] < 0.95 * losses["vdn"]


def test_padding_changes_no_update(coop):
    from tfcaf_forge.replay.episode import pad

    data = collect(coop, 4, 0)
    weights = []
    for episodes in (data, pad(data, 70)):
        learner = Learner(TrainConfig(hidden=8), QMIX(coop), obs_size=12, n_agents=2, n_actions=6, gamma=0.99, seed=0)
        learner.update(pack(episodes))
        weights.append(torch.cat([p.flatten() for p in learner.network.parameters()]))
    assert torch.equal(*weights)


def test_a_mixer_is_never_asked_about_padding(coop):
    class Watching(VDN):
        seen = torch.zeros(0)

        def forward(self, local_q, state, joint=None):
            self.seen = state[..., 2].min()  # an agent's level: at least 1 in every state that exists
            return super().forward(local_q, state)

    mixer = Watching()
    data = collect(coop, 8, 0)
    assert not data.valid.all()
    Learner(TrainConfig(hidden=8), mixer, obs_size=12, n_agents=2, n_actions=6, gamma=0.99, seed=0).update(pack(data))
    assert mixer.seen >= 1


def test_a_mixer_that_answers_nan_stops_the_learner_before_it_changes(climbing):
    class Broken(VDN):
        def forward(self, local_q, state, joint=None):
            return super().forward(local_q, state) / 0.0 * 0.0

    learner = Learner(TrainConfig(hidden=8), Broken(), obs_size=1, n_agents=2, n_actions=3, gamma=0.99, seed=0)
    before = learner.network.decode.weight.clone()
    with pytest.raises(TrainingDiverged, match=r"update 1: loss = nan.*vet the mixer"):
        learner.update(pack(collect(climbing, 8, 0)))
    assert torch.equal(before, learner.network.decode.weight)


@pytest.mark.parametrize(
    ("device", "reason"), [("gpu", "Expected one of cpu"), ("meta", "no data"), ("cuda:99", "cuda|CUDA")]
)
def test_a_device_that_torch_cannot_compute_on_is_refused_with_those_it_can(device, reason):
    config = TrainConfig(hidden=8, device=device)
    with pytest.raises(ConfigError, match=rf"device = '{device}' cannot be used here .*({reason}).*; use one of: cpu"):
        Learner(config, VDN(), obs_size=1, n_agents=2, n_actions=3, gamma=0.99, seed=0)


def test_running_reward_moments_are_those_of_all_real_steps(coop):
    parts = [collect(coop, 6, seed) for seed in range(3)]
    moments = RewardMoments()
    for part in parts:
        moments.add(part)
    rewards = np.concatenate([part.reward[part.valid] for part in parts]).astype(np.float64)
    assert (moments.mean, moments.std) == (pytest.approx(rewards.mean()), pytest.approx(rewards.std()))


class Affine(torch.nn.Module):
    """A stand-in for an affine kernel: softmax of the agents' levels, twice, and a bias."""

    n_agents, state_size, affine = 2, 14, True
    calls = 0

    def credit(self, state):
        return 2 * torch.softmax(state[..., [2, 5]], dim=-1)

    def bias(self, state):
        return state[..., :1] / 7

    def forward(self, local_q, state):
        self.calls += 1
        return (self.credit(state) * local_q).sum(dim=-1, keepdim=True) + self.bias(state)


@pytest.mark.parametrize("recurrent", [True, False])
def test_credit_kept_with_transitions_trains_as_asking_at_every_update(coop, recurrent):
    data = collect(coop, 12, 0)
    config = TrainConfig(hidden=16, recurrent=recurrent)
    weights, losses = [], []
    for kept in (True, False):
        kernel = Affine()
        mixer = KernelMixer(kernel, coop)
        learner = Learner(config, mixer, obs_size=12, n_agents=2, n_actions=6, gamma=0.99, seed=0)
        batch = pack(data, mixing=mixer.mixing(torch.from_numpy(data.state)) if kept else None)
        losses.append([learner.update(batch).loss for _ in range(5)])
        weights.append(learner.online.vector.detach().clone())
        assert (kernel.calls == 0) == kept
    # Both sum two products and a bias in float32; only the order of the sums could differ.
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.allclose(*weights, atol=1e-5)


def test_moments_of_replayed_batches_count_padding_as_epymarl_does(coop):
    data = collect(coop, 6, 0)
    moments = RewardMoments()
    moments.add_padded(pack(data))
    grid = np.where(data.valid, data.reward, 0.0)[:, : data.lengths.max()].astype(np.float64)
    assert (moments.mean, moments.std) == (pytest.approx(grid.mean()), pytest.approx(grid.std()))


def test_a_step_that_is_not_finite_is_named_and_its_batch_kept(climbing):
    learner = Learner(TrainConfig(hidden=8), VDN(), obs_size=1, n_agents=2, n_actions=3, gamma=0.99, seed=0)
    batch = pack(collect(climbing, 8, 0))
    batch.reward[5] = torch.nan
    with pytest.raises(TrainingDiverged, match=r"first in episode 5, step 0 of the batch") as fault:
        learner.update(batch)
    assert fault.value.batch is batch
