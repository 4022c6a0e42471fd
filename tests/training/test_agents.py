from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from tests.options import with_options
from tfcaf_forge.replay.packed import pack
from tfcaf_forge.training.agents import AgentNetwork, EpsilonGreedy, input_size, network_inputs
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.gru import packed_gru
from tfcaf_forge.training.rollout import rollout


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("extras", [True, False])
def test_acting_step_by_step_sees_and_answers_what_the_learner_does(coop, recurrent, extras):
    config = TrainConfig(recurrent=recurrent, obs_agent_id=extras, obs_last_action=extras, hidden=8)
    env = make_env(coop, 3)
    torch.manual_seed(0)
    size = input_size(config, obs_size=env.obs_size, n_agents=2, n_actions=6)
    network = AgentNetwork(size, 8, 6, recurrent=recurrent)
    batch = rollout(env, EpsilonGreedy(network, config, 6), seed=0)
    packed = pack(batch)
    with torch.no_grad():
        inputs = network_inputs(config, packed)
        q = network(inputs, packed.sizes)
    assert inputs.shape[-1] == size
    greedy = q[packed.current].argmax(dim=-1)
    assert torch.equal(greedy, packed.actions), "without exploration it acts by the learner's own values"


def test_the_policy_follows_the_network_when_its_weights_move(coop):
    config = TrainConfig(hidden=8)
    env = make_env(coop, 4)
    torch.manual_seed(0)
    network = AgentNetwork(20, 8, 6, recurrent=True)
    policy = EpsilonGreedy(network, config, 6)
    before = rollout(env, policy, seed=0)
    with torch.no_grad():
        network.decode.bias[3] += 100.0
    after = rollout(env, policy, seed=0)
    assert (after.actions[after.valid] == 3).all()
    assert not (before.actions[before.valid] == 3).all()


@pytest.mark.parametrize(("inputs", "hidden"), [(5, 7), (1, 1)])
@pytest.mark.parametrize("sizes", [[3], [3, 3, 2, 2, 1], [4] * 6])
def test_the_unrolled_gru_and_its_gradients_are_torchs(sizes, inputs, hidden):
    torch.manual_seed(0)
    gru = torch.nn.GRU(inputs, hidden).double()
    weights = [parameter.clone() for parameter in gru.parameters()]
    x = torch.randn(sum(sizes), inputs, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(sum(sizes), hidden, dtype=torch.float64)
    theirs = gru(PackedSequence(x, torch.tensor(sizes)))[0].data
    ours = packed_gru(x, gru.all_weights[0], sizes)
    assert torch.allclose(ours, theirs, atol=1e-12)
    of = [x, *gru.parameters()]
    pairs = (torch.autograd.grad((made * weight).sum(), of) for made in (ours, theirs))
    for one, two in zip(*pairs, strict=True):
        assert torch.allclose(one, two, atol=1e-12)
    assert all(map(torch.equal, weights, gru.parameters())), "no weight was changed on the way"


def test_inputs_append_the_last_action_and_the_agent(climbing):
    batch = pack(collect(climbing, 1, 0))
    batch = replace(batch, actions=torch.tensor([[2, 0]]), obs=torch.zeros(2, 2, 1))
    inputs = network_inputs(TrainConfig(), batch)
    assert inputs[0].tolist() == [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]]
    assert inputs[1].tolist() == [[0, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 1]]


def test_exploration_is_random_by_epsilon_and_never_takes_what_is_not_available(coop):
    task = with_options(coop, mask_invalid=True)
    config = TrainConfig(recurrent=False, hidden=8)
    network = AgentNetwork(20, 8, 6, recurrent=False)
    policy = EpsilonGreedy(network, config, 6, epsilon=0.5)
    batch = rollout(make_env(task, 16), policy, seed=0).check()
    assert not batch.available[batch.valid.nonzero()].all(), "some actions were masked"
    assert len(np.unique(batch.actions[batch.valid])) == 6
