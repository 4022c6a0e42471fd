import numpy as np
import pytest
import torch

from tfcaf_forge.training.agents import AgentNetwork, EpsilonGreedy, input_size, network_inputs
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.envs.make import make_env
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
    with torch.no_grad():
        inputs = network_inputs(config, torch.from_numpy(batch.obs), torch.from_numpy(batch.actions), 6)
        q = network(inputs)
    assert inputs.shape[-1] == size
    greedy = q[:, :-1].argmax(dim=-1).numpy()
    assert (greedy == batch.actions)[batch.valid].all(), "without exploration it acts by the learner's own values"


def test_inputs_append_the_last_action_and_the_agent(climbing):
    obs = torch.zeros(1, 3, 2, 1)
    actions = torch.tensor([[[2, 0], [1, 1]]])
    inputs = network_inputs(TrainConfig(), obs, actions, 3)
    assert inputs[0, 0].tolist() == [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]]
    assert inputs[0, 1].tolist() == [[0, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 1]]
    assert inputs[0, 2].tolist() == [[0, 0, 1, 0, 1, 0], [0, 0, 1, 0, 0, 1]]


def test_exploration_is_random_by_epsilon_and_never_takes_what_is_not_available(coop):
    import msgspec

    options = {"mask_invalid": True}
    task = msgspec.structs.replace(coop, environment=msgspec.structs.replace(coop.environment, options=options))
    config = TrainConfig(recurrent=False, hidden=8)
    network = AgentNetwork(20, 8, 6, recurrent=False)
    policy = EpsilonGreedy(network, config, 6, epsilon=0.5)
    batch = rollout(make_env(task, 16), policy, seed=0).check()
    assert not batch.available[batch.valid.nonzero()].all(), "some actions were masked"
    assert len(np.unique(batch.actions[batch.valid])) == 6
