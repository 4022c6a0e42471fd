"""The learner over a host that is written as PyMARL's is; the real EPyMARL is run by `benchmarks/hosts`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.kernels.build import affine_graph, manifest_for
from tfcaf_forge import check_kernel
from tfcaf_forge.errors import InputError, MissingExtra
from tfcaf_forge.integrations.epymarl import WithLastActions, extended_state, learner_over, mixer_of, register
from tfcaf_forge.integrations.layouts import foraging_observations
from tfcaf_forge.kernels import load_kernel, save_kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    import msgspec

    graph = affine_graph()
    path = tmp_path / "kernel.safetensors"
    save_kernel(path, graph, msgspec.structs.replace(manifest_for(graph), layout=("a", "last_action[1]", "b")))
    return path


class Host:
    """PyMARL's Q-learner, as far as mixers go."""

    def __init__(self, mac, scheme, logger, args) -> None:
        assert args.mixer is None, "an unknown mixer is refused by the host"
        self.args = args
        self.seen = None

    def train(self, batch, t_env, episode_num) -> None:
        q = torch.ones(*batch["actions"].shape[:2], 2)
        self.seen = self.mixer(q, batch["state"]), self.target_mixer(q[:, 1:], batch["state"][:, 1:]), batch.batch_size


class Batch(dict):
    batch_size = 2


def batch() -> Batch:
    state = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]], [[5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]])
    actions = torch.tensor([[[0, 1], [2, 3], [0, 0]], [[4, 5], [0, 1], [2, 3]]]).unsqueeze(-1)
    filled = torch.tensor([[1, 1, 0], [1, 1, 1]]).unsqueeze(-1)
    return Batch(state=state, actions=actions, filled=filled)


def test_the_learner_mixes_by_the_kernel_with_fields_found_by_name(kernel: Path) -> None:
    args = SimpleNamespace(n_agents=2, mixer="qmix")
    learner = learner_over(Host, kernel, "b,a")(None, {"state": {"vshape": 2}}, None, args)
    learner.train(batch(), 0, 0)
    mixed, target, size = learner.seen
    assert size == 2
    assert mixed.shape == (2, 3, 1)
    state = torch.tensor([[2.0, -1.0, 1.0], [4.0, 1.0, 3.0]])  # a, last_action[1], b of the first two steps
    torch.testing.assert_close(mixed[0, :2], load_kernel(kernel)(torch.ones(2, 2), state), rtol=0, atol=1e-6)
    torch.testing.assert_close(target, mixed[:, 1:])
    assert check_kernel(
        load_kernel(kernel), learner.mixer, layout=("b", "a", "-", "last_action[1]"), compiled=False
    ).passed


def test_padding_after_an_episode_is_no_state_and_is_replaced() -> None:
    given = batch()
    state = extended_state(given["state"], given["actions"], given["filled"])
    assert state[0].tolist() == [[1, 2, -1, -1], [3, 4, 0, 1], [1, 2, -1, -1]]
    assert WithLastActions(given)["actions"] is given["actions"]


def test_a_state_without_a_field_is_refused_with_both_layouts(kernel: Path) -> None:
    with pytest.raises(InputError, match="lacks b") as caught:
        mixer_of(kernel, "a,speed", 2, 2)
    assert "host's layout    [4] a, speed, last_action[0], last_action[1]" in str(caught.value)
    assert "kernel's layout  [3] a, last_action[1], b" in str(caught.value)


def test_foraging_columns_are_those_of_the_first_observation() -> None:
    names = foraging_observations(2, 2 * 3 * 4)
    assert names[:4] == ("foods[0].x", "foods[0].y", "foods[0].level", "foods[1].x")
    assert names[6] == "agents[0].x"
    assert set(names[12:]) == {"-"}
    with pytest.raises(InputError, match="cannot have 7 columns"):
        foraging_observations(2, 7)


def test_without_the_host_the_remedy_is_named(kernel: Path) -> None:
    with pytest.raises(MissingExtra, match="EPyMARL"):
        register(kernel)
