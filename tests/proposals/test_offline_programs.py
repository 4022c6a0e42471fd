"""What the offline coder writes: correct functions, different from each other and from equal weights."""

from __future__ import annotations

import re

import msgspec
import pytest
import torch

from tfcaf_forge.proposals.extract import extract
from tfcaf_forge.proposals.offline import OfflineCoder
from tfcaf_forge.records.task_spec import Agents, Environment, StateBlock, StateField, TaskSpec

DRAWS = 40


def proposals(task, *, seed=0, draws=DRAWS):
    coder = OfflineCoder(seed)
    return [coder.propose(task, id=i + 1, round=0, index=i, history=[]) for i in range(draws)]


def credits_of(function, task, state):
    """Q_tot [B, 1] and its gradient by local_q [B, N]."""
    span = task.credit.q_high - task.credit.q_low
    generator = torch.Generator().manual_seed(1)
    local_q = task.credit.q_low + span * torch.rand(len(state), task.n_agents, generator=generator)
    local_q.requires_grad_()
    q_tot = function(local_q, state)
    (gradient,) = torch.autograd.grad(q_tot.sum(), local_q)
    return q_tot, gradient


@pytest.mark.parametrize("rows", [1, 5])
def test_every_draw_keeps_the_contract(task, sample, compiled, rows):
    state = sample(task, rows, 3)
    for proposal in proposals(task):
        q_tot, gradient = credits_of(compiled(proposal.source), task, state)
        assert q_tot.shape == (rows, 1), proposal.source
        assert q_tot.dtype == torch.float32
        assert torch.isfinite(q_tot).all(), proposal.source
        assert torch.isfinite(gradient).all(), proposal.source
        assert (gradient >= 0).all(), proposal.source


def test_every_draw_is_finite_far_outside_the_declared_ranges(task, compiled):
    for size in (0.0, -1e6, 1e6, 1e30, -1e30):
        state = torch.full((2, task.state_size), size)
        for proposal in proposals(task, draws=20):
            q_tot, gradient = credits_of(compiled(proposal.source), task, state)
            assert torch.isfinite(q_tot).all(), (size, proposal.source)
            assert (gradient >= 0).all(), (size, proposal.source)


def test_rows_do_not_influence_each_other(task, sample, compiled):
    state = sample(task, 5, 4)
    for proposal in proposals(task, draws=20):
        function = compiled(proposal.source)
        _, together = credits_of(function, task, state)
        _, alone = credits_of(function, task, state[:1])
        torch.testing.assert_close(together[:1], alone)


def test_no_source_is_written_twice(task):
    assert len({proposal.source for proposal in proposals(task)}) == DRAWS


def test_most_draws_differ_from_equal_weights(task, sample, compiled, record_property):
    """Share of sampled states in which some agent's part of the credit is more than 0.05 away from 1/N."""
    state = sample(task, 400, 5)
    shares = []
    for proposal in proposals(task):
        _, gradient = credits_of(compiled(proposal.source), task, state)
        part = gradient / gradient.sum(dim=1, keepdim=True)
        shares.append(float(((part - 1 / task.n_agents).abs() > 0.05).any(dim=1).float().mean()))
    record_property("median_share_of_states", sorted(shares)[DRAWS // 2])
    assert sum(share > 0.1 for share in shares) >= 0.75 * DRAWS
    assert sorted(shares)[DRAWS // 2] > 0.4


def test_absent_entities_change_nothing(lbf, sample, compiled):
    """Where a food is gone, what stands in its other fields must not matter."""
    state = sample(lbf, 50, 6)
    level = lbf.names.index("foods[0].level")
    state[:, level] = 0.0
    moved = state.clone()
    moved[:, lbf.names.index("foods[0].x")] = 3.0
    moved[:, lbf.names.index("foods[0].y")] = 3.0
    for proposal in proposals(lbf):
        function = compiled(proposal.source)
        torch.testing.assert_close(credits_of(function, lbf, moved), credits_of(function, lbf, state))


def test_sources_are_plain_code_that_extraction_takes_whole(task):
    for proposal in proposals(task):
        assert extract(proposal.source) == proposal.source
        assert not re.search(r"\bwhile\b|\bf['\"]|numpy|\bimport\b|__", proposal.source)
        assert not re.search(r"^ *_", proposal.source, re.MULTILINE)


def test_comments_name_the_fields(lbf):
    source = proposals(lbf, draws=1)[0].source
    assert "# agents[0..1].level in [1, 2]" in source
    assert "# foods[0..1].x in [1, 6], absent: -1" in source


def field(name, low, high, **more):
    return StateField(name=name, low=low, high=high, **more)


def strange_task(*blocks, agents=3):
    return TaskSpec(
        name="strange", title="", environment=Environment(kind="none"), agents=Agents(count=agents), actions=("a", "b"),
        episode_limit=10, state=blocks,
    )  # fmt: skip


STRANGE = {
    "agents that can be gone": strange_task(
        StateBlock(
            name="drones", count=3, per_agent=True, interchangeable=True,
            fields=(field("x", -5.0, 5.0, absent=9.0), field("y", -5.0, 5.0, absent=9.0), field("fuel", -1.0, 1.0, absent=-2.0)),
        ),
        StateBlock(name="base", fields=(field("x", -5.0, 5.0), field("y", -5.0, 5.0), field("need", 2.0, 3.0))),
    ),
    "names that are no identifiers": strange_task(
        StateBlock(name="class\nimport os", count=3, per_agent=True, fields=(field("2 b", 0.0, 1.0), field("_x", 0.0, 7.0))),
        StateBlock(name="score", count=3, per_agent=True, fields=(field("", 0.0, 1.0),)),
    ),
    "a single agent": strange_task(
        StateBlock(name="agents", count=1, per_agent=True, fields=(field("x", 0, 4), field("y", 0, 4), field("hp", 0, 1))), agents=1
    ),
    "nothing but padding": strange_task(StateBlock(name="pad", count=4, fields=(field("v", 0.0, 1.0, irrelevant=True),))),
    "ranges without an end": strange_task(
        StateBlock(name="agents", count=3, per_agent=True, fields=(field("v", float("-inf"), float("inf")), field("w", 2.0, 2.0)))
    ),
}  # fmt: skip


@pytest.mark.parametrize("task", STRANGE.values(), ids=list(STRANGE))
def test_other_tasks_get_functions_that_keep_the_contract(task, compiled):
    low = torch.tensor([max(slot.low, -100.0) for slot in task.layout])
    high = torch.tensor([min(slot.high, 100.0) for slot in task.layout])
    state = low + (high - low) * torch.rand(6, task.state_size, generator=torch.Generator().manual_seed(0))
    for proposal in proposals(task, draws=20):
        q_tot, gradient = credits_of(compiled(proposal.source), task, state)
        assert q_tot.shape == (6, 1)
        assert torch.isfinite(q_tot).all()
        assert (gradient >= 0).all()


def test_fields_called_like_built_ins_do_not_rebind_them():
    block = StateBlock(name="max", count=3, per_agent=True, fields=(field("", 0.0, 1.0),))
    sources = [proposal.source for proposal in proposals(strange_task(block), draws=5)]
    assert all("max_2 = state[:, 0:3]" in source for source in sources)


def test_irrelevant_fields_are_not_read(lbf):
    blocks = tuple(
        msgspec.structs.replace(
            b, fields=tuple(msgspec.structs.replace(f, irrelevant=f.name == "level") for f in b.fields)
        )
        for b in lbf.state
    )
    blind = msgspec.structs.replace(lbf, state=blocks)
    assert not any("level" in proposal.source for proposal in proposals(blind))
