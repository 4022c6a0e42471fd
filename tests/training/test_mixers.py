import msgspec
import pytest
import torch
from torch import nn

from tfcaf_forge.errors import InputError
from tfcaf_forge.training.mixers import QMIX, VDN, KernelMixer, state_scale


class Softmax(nn.Module):
    """Weights by the agents' levels."""

    n_agents, state_size = 2, 14

    def credit(self, state):
        return torch.softmax(state[..., [2, 5]], dim=-1)

    def forward(self, local_q, state):
        return (self.credit(state) * local_q).sum(dim=-1, keepdim=True) + state[..., :1]


def inputs(coop, *shape):
    generator = torch.Generator().manual_seed(0)
    low, width = state_scale(coop)
    state = (low + width * torch.rand(*shape, coop.state_size, generator=generator)).round()
    return torch.randn(*shape, 2, generator=generator, requires_grad=True), state


def test_vdn_is_the_sum(coop):
    local_q, state = inputs(coop, 3, 4)
    assert torch.equal(VDN()(local_q, state), local_q.sum(-1, keepdim=True))


@pytest.mark.parametrize("hypernet", [0, 64])
def test_qmix_is_monotone_and_uses_the_state(coop, hypernet):
    local_q, state = inputs(coop, 64, 5)
    mixer = QMIX(coop, hypernet=hypernet)
    q_tot = mixer(local_q, state)
    (credit,) = torch.autograd.grad(q_tot.sum(), local_q)
    assert q_tot.shape == (64, 5, 1)
    assert (credit >= 0).all()
    assert credit.std() > 0
    assert not torch.equal(q_tot, mixer(local_q, state.flip(0)))


def test_qmix_is_the_published_formula_on_a_case_computed_by_hand(coop):
    mixer = QMIX(coop, embed=1, hypernet=0)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.zero_()
        mixer.weight1.bias.copy_(torch.tensor([-2.0, 3.0]))  # |w1| = 2, 3
        mixer.bias1.bias.fill_(1.0)
        mixer.weight2.bias.fill_(-0.5)  # |w2| = 0.5
        mixer.bias2[2].bias.fill_(10.0)
    # 0.5 * elu(2 * 1 + 3 * 2 + 1) + 10
    assert mixer(torch.tensor([1.0, 2.0]), torch.zeros(14)).item() == pytest.approx(14.5)


def test_qmix_draws_its_weights_from_its_seed_and_leaves_the_global_generator_alone(coop):
    before = torch.get_rng_state()
    one, two, other = (QMIX(coop, seed=seed).weight2[0].weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_the_state_is_normalised_by_the_declared_ranges_with_absent_values(coop, climbing):
    low, width = state_scale(coop)
    names = coop.names
    assert (low[names.index("foods[0].x")], width[names.index("foods[0].x")]) == (-1, 7)
    assert (low[names.index("agents[0].level")], width[names.index("agents[0].level")]) == (1, 1)


def test_a_kernel_mixes_as_it_is_given_and_learns_nothing(coop):
    local_q, state = inputs(coop, 3, 4)
    mixer = KernelMixer(Softmax(), coop, name="kernel:1234")
    q_tot = mixer(local_q, state)
    (credit,) = torch.autograd.grad(q_tot.sum(), local_q)
    assert torch.allclose(credit, Softmax().credit(state))
    assert mixer.name == "kernel:1234"
    assert not list(mixer.parameters())


def test_a_kernel_of_another_size_is_refused(coop):
    fewer = msgspec.structs.replace(coop, state=coop.state[:2])
    with pytest.raises(InputError, match="for 14 state fields, the task lbf-8x8-2p-2f-coop has 12"):
        KernelMixer(Softmax(), fewer)
