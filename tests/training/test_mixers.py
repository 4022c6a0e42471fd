import msgspec
import pytest
import torch
from torch import nn

from tfcaf_forge.errors import InputError
from tfcaf_forge.training.mixers import QMIX, QPLEX, VDN, Joint, KernelMixer, mix, own_fields, state_scale


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


def zeroed(mixer):
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.zero_()
    return mixer


def test_qplex_is_the_published_formula_on_a_case_computed_by_hand(coop):
    mixer = zeroed(QPLEX(coop, heads=2))
    with torch.no_grad():
        mixer.bias[2].bias.fill_(10.0)
        mixer.lambda_key.bias.copy_(torch.tensor([-3.0, 1.0]))
    local_q = torch.tensor([1.0, 2.0])
    joint = Joint(torch.tensor([4.0, 2.0]), torch.tensor([0, 5]))
    # Logits are 0, so each of two heads gives each of two agents 1/2: w = 1. lambda = (3 + 1) * 1/2 * 1/2 = 1.
    # 1 * 1 + 1 * 2 + 10 + (1 - 1) * (1 - 4)
    assert mixer(local_q, torch.zeros(14), joint).item() == pytest.approx(13.0)
    with torch.no_grad():
        mixer.lambda_key.bias.copy_(torch.tensor([-3.0, 5.0]))  # lambda = 2: the advantage of -3 counts once more
    assert mixer(local_q, torch.zeros(14), joint).item() == pytest.approx(10.0)


def test_qplex_credits_by_attention_and_its_best_joint_action_is_the_agents_own(coop):
    local_q, state = inputs(coop, 64, 5)
    mixer = QPLEX(coop, seed=1)
    best = local_q.detach() + torch.rand(64, 5, 2)
    actions = torch.randint(6, (64, 5, 2), generator=torch.Generator().manual_seed(0))
    q_tot = mixer(local_q, state, Joint(best, actions))
    (credit,) = torch.autograd.grad(q_tot.sum(), local_q)
    assert q_tot.shape == (64, 5, 1)
    assert (credit > 0).all()
    # Four heads of attention over two agents: credit sums to four. It has no part of the advantages.
    assert torch.allclose(credit.sum(-1), torch.full((64, 5), 4.0))
    assert credit.std() > 0
    greedy = mixer(best, state, Joint(best, actions))
    assert (q_tot < greedy).all(), "IGM: whoever leaves its best action lowers Q_tot"
    assert mixer.penalty() > 0


def test_qplex_reads_what_belongs_to_each_agent(coop, climbing):
    assert own_fields(coop).tolist() == [[0, 1, 2, 12], [3, 4, 5, 13]]
    assert own_fields(climbing).shape[0] == 2
    with pytest.raises(InputError, match="joint"):
        QPLEX(coop)(torch.zeros(2), torch.zeros(14))


@pytest.mark.parametrize("make", [QMIX, QPLEX])
def test_mixers_follow_their_inputs_to_another_device(coop, make):
    mixer = make(coop).to("meta")
    joint = Joint(torch.zeros(3, 2, device="meta"), torch.zeros(3, 2, dtype=torch.int64, device="meta"))
    assert mixer(torch.zeros(3, 2, device="meta"), torch.zeros(3, 14, device="meta"), joint).device.type == "meta"


def test_credit_once_is_the_kernels_own_answer(coop):
    local_q, state = inputs(coop, 3, 4)
    kernel = Softmax()
    assert KernelMixer(kernel, coop).mixing(state) is None, "it does not say that it is affine"
    kernel.affine, kernel.bias = True, lambda s: s[..., :1]
    mixing = KernelMixer(kernel, coop).mixing(state)
    assert mixing.shape == (3, 4, 3)
    assert torch.allclose(mix(local_q, mixing), kernel(local_q, state).squeeze(-1), atol=1e-6)
