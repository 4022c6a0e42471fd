"""Deliberate faults: always valid graphs, decided by the seed, and equal ones are not counted."""

from __future__ import annotations

import pytest

from tfcaf_forge.evidence.adequacy import mutation_score
from tfcaf_forge.evidence.mutants import apply, faults, mutants
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.verify import verify

GRAPHS = ["softmax-of-positions", "level-slope", "table-too-short", "guarded-division", "largest"]


@pytest.mark.parametrize("name", GRAPHS)
def test_mutants_are_valid_and_differ_from_the_original_and_each_other(subject, name):
    graph = subject(name).graph
    made = [made for _, made in mutants(graph) if made is not None]
    digests = [codec.digest(g) for g, _ in made]
    assert made
    assert len(set(digests)) == len(digests)
    assert codec.digest(graph) not in digests
    for mutant, types in made:
        assert verify(mutant) == types


def test_each_kind_of_fault_is_made(subject):
    kinds = {fault.kind for name in GRAPHS for fault in faults(subject(name).graph)}
    assert kinds >= {"sign", "index", "comparison", "axis", "constant", "operation", "where", "dropped"}


def test_a_negated_value_is_read_by_all_later_nodes(subject):
    graph = subject("level-slope").graph
    fault = next(f for f in faults(graph) if f.negated)
    mutant = apply(graph, fault)
    assert len(mutant.nodes) == len(graph.nodes) + 1
    assert mutant.nodes[fault.node + 1].op == "neg"


def test_the_seed_decides(subject):
    made = [[f for f, _ in mutants(subject("level-slope").graph, seed=s, most=6)] for s in (0, 0, 1)]
    assert made[0] == made[1]
    assert made[0] != made[2]


def test_the_score_counts_who_killed_and_lists_who_survived(subject):
    score = mutation_score(subject("softmax-of-positions"), most=12)
    assert score.killed == len(score.judged) - len(score.survivors)
    assert sum(score.by_way.values()) == score.killed
    assert score.share == pytest.approx(score.refuted_share + score.noticed_share)
    assert all(m.why and not m.by for m in score.survivors)
    assert all(m.by for m in score.judged if m.fate != "survived")
    assert "credit-sum" in score.checks


def test_a_watcher_from_outside_is_asked_last(subject):
    score = mutation_score(subject("softmax-of-positions"), most=12, watchers=[("jury", lambda mutant: "seen")])
    assert not score.survivors
    assert score.checks[-1] == "jury"
