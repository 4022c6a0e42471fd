"""How the offline coder searches: pure, without repeats, and better than drawing."""

from __future__ import annotations

import msgspec
import pytest
import torch

from tfcaf_forge.proposals.base import Attempt, Coder
from tfcaf_forge.proposals.offline import OfflineCoder
from tfcaf_forge.proposals.offline.genome import Genome, Term
from tfcaf_forge.proposals.offline.menu import menu_of
from tfcaf_forge.proposals.offline.render import render
from tfcaf_forge.records.base import canonical_json
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Interval, Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.verdict import Evidence, Verdict


def scored(proposal, value, **more):
    interval = Interval(value=value, low=value, high=value)
    score = Score(candidate=proposal.id, graph="", score=interval, gain=interval, starved=0.0)
    return Attempt(proposal=proposal, score=score, **more)


def first_round(task, size=6, seed=0):
    coder = OfflineCoder(seed)
    return [coder.propose(task, id=i + 1, round=0, index=i, history=[]) for i in range(size)]


def test_it_is_a_coder():
    coder: Coder = OfflineCoder(3)
    assert coder.name == "offline"


def test_the_same_question_has_the_same_answer(task):
    history = [scored(p, p.id / 10) for p in first_round(task)]
    ask = {"id": 9, "round": 1, "index": 2}
    one = OfflineCoder(5).propose(task, **ask, history=history)
    again = OfflineCoder(5).propose(task, **ask, history=list(reversed(history)))
    assert canonical_json(one) == canonical_json(again)


def test_the_id_decides_nothing(lbf):
    one, other = (OfflineCoder(0).propose(lbf, id=i, round=0, index=3, history=[]) for i in (4, 40))
    assert one.source == other.source


def test_the_seed_and_the_task_decide(task, lbf):
    sources = {tuple(p.source for p in first_round(task, seed=seed)[1:]) for seed in range(3)}
    assert len(sources) == 3


def test_attempts_of_this_round_and_of_later_ones_change_nothing(lbf):
    coder, first = OfflineCoder(0), [scored(p, p.id / 10) for p in first_round(lbf)]
    plain = coder.propose(lbf, id=9, round=1, index=1, history=first)
    sibling = coder.propose(lbf, id=8, round=1, index=0, history=first)
    later = coder.propose(lbf, id=20, round=2, index=0, history=first)
    assert (
        coder.propose(lbf, id=9, round=1, index=1, history=[*first, scored(sibling, 9.0), scored(later, 9.0)]) == plain
    )


def test_timing_and_rounding_noise_change_nothing(lbf):
    def evidence(seconds):
        verdict = Verdict(property_id="monotone", status="PROVED", required=True, seconds=seconds)
        return Evidence(candidate=1, task="", graph="", profile="fast", seed=0, verdicts=(verdict,), seconds=seconds)

    first = first_round(lbf)
    quick = [scored(p, p.id / 10, evidence=evidence(0.1)) for p in first]
    slow = [scored(p, p.id / 10 + 1e-12, evidence=evidence(7.0)) for p in first]
    one, other = (OfflineCoder(0).propose(lbf, id=9, round=1, index=1, history=history) for history in (quick, slow))
    assert one == other


def test_no_genome_is_proposed_twice_in_a_run(task):
    coder, history = OfflineCoder(1), []
    for turn in range(4):
        asked = [coder.propose(task, id=turn * 6 + i + 1, round=turn, index=i, history=history) for i in range(6)]
        history += [scored(p, float(len(p.source))) for p in asked]
    genomes = [attempt.proposal.parameters["genome"] for attempt in history]
    assert len(set(genomes)) == len(genomes)


def test_later_rounds_name_their_parents(lbf):
    history = [scored(p, p.id / 10) for p in first_round(lbf)]
    children = [OfflineCoder(0).propose(lbf, id=7 + i, round=1, index=i, history=history) for i in range(12)]
    assert all(p.parent is None for p in first_round(lbf))
    assert children[0].parent == 6  # the best
    parents = [child.parent for child in children if child.parent is not None]
    assert len(parents) >= 8
    assert set(parents) <= {1, 2, 3, 4, 5, 6}
    assert sum(parents) / len(parents) > 4.0  # the better ones more often


REFUTED = Verdict(property_id="monotone", status="REFUTED", required=True)


@pytest.mark.parametrize(
    "fault",
    [
        {"rejection": Rejection(stage="trace", code="branch", message="")},
        {"evidence": Evidence(candidate=1, task="", graph="", profile="fast", seed=0, verdicts=(REFUTED,))},
    ],
)
def test_what_was_refused_has_no_children(lbf, fault):
    history = [scored(p, 1.0, **fault) for p in first_round(lbf)]
    children = [OfflineCoder(0).propose(lbf, id=7 + i, round=1, index=i, history=history) for i in range(6)]
    assert all(child.parent is None for child in children)
    assert len({p.source for p in [*(a.proposal for a in history), *children]}) == 12


def test_proposals_of_other_coders_and_broken_genomes_are_no_parents(lbf):
    foreign = Proposal(id=1, coder="file", source="def f(q, s): return q")
    damaged = Proposal(id=2, coder="offline", source="x", parameters={"genome": '{"terms":[]'})
    history = [scored(foreign, 5.0), scored(damaged, 4.0)]
    assert OfflineCoder(0).propose(lbf, id=3, round=1, index=0, history=history).parent is None


def test_a_score_that_is_no_number_does_not_lead(lbf):
    history = [scored(p, float("nan") if p.id == 1 else p.id / 10) for p in first_round(lbf)]
    assert OfflineCoder(0).propose(lbf, id=9, round=1, index=0, history=history).parent == 6


def part_of_credit(function, state, agents):
    """Each agent's part of the credit, [rows, N]."""
    local_q = torch.zeros(len(state), agents, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(local_q, state).sum(), local_q)
    return gradient / gradient.sum(dim=1, keepdim=True)


HIDDEN = [
    Genome(
        terms=(Term(feature="near.foods.euclidean", weight=2.0), Term(feature="field.agents.level", weight=0.8)),
        temperature=0.5,
    ),
    Genome(
        terms=(Term(feature="needed.foods.level", weight=2.5), Term(feature="is.last_action.5", weight=0.5)),
        combiner="mix", temperature=0.6, blend=0.7,
    ),
]  # fmt: skip


def test_searching_comes_nearer_to_a_hidden_program_than_drawing_as_often(lbf, sample, compiled):
    """The score: how near the credits come to those of a program that the search does not know."""
    state, found, drawn = sample(lbf, 60, 0), [], []
    for genome in HIDDEN:
        target = part_of_credit(compiled(render(genome, menu_of(lbf))), state, 2)

        def distance(proposal, target=target):
            return float((part_of_credit(compiled(proposal.source), state, 2) - target).abs().mean())

        for seed in range(5):
            coder, history = OfflineCoder(seed), []
            for turn in range(6):
                asked = [coder.propose(lbf, id=turn * 6 + i, round=turn, index=i, history=history) for i in range(6)]
                history += [scored(p, -distance(p)) for p in asked]
            found.append(min(distance(attempt.proposal) for attempt in history))
            drawn.append(min(distance(p) for p in first_round(lbf, size=36, seed=seed)))
    assert sum(found) < 0.9 * sum(drawn), (sum(found), sum(drawn))


def test_a_proposal_says_what_it_is(lbf):
    proposal = first_round(lbf, size=1, seed=4)[0]
    assert proposal.parameters["seed"] == 4
    assert "baseline" in proposal.note
    assert "no model" in proposal.note
    assert msgspec.json.decode(msgspec.json.encode(proposal), type=Proposal) == proposal
