"""Does the forge find planted bugs, and show them small? Does it leave good functions alone?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcaf_forge.evidence.adequacy import mutation_score
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.own import load_own
from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.render import describe_fields
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.records.rejection import Rejection

_HERE = Path(__file__).parent
BAD = sorted((_HERE / "bad").glob("*.py"))
GOOD = sorted((_HERE / "good").glob("*.py"))
MOST_FIELDS = 6
"""A counterexample that names more fields and absent elements than this was not made small."""


def test_the_corpus_is_as_large_as_promised():
    assert len(BAD) >= 60
    assert len(GOOD) >= 20


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_function_is_refused_for_what_is_wrong_with_it(path, header, task_of, trace):
    said, task, traced = header(path), task_of(path), trace(path)
    properties = {p.id: p for p in catalogue(task)}
    if said["breaks"] not in properties:
        assert isinstance(traced, Rejection), f"accepted; expected a rejection: {said['breaks']}"
        assert said["breaks"] in ("rejected", traced.code)
        return
    assert not isinstance(traced, Rejection), str(traced)
    evidence = examine(Subject(traced.graph, task), only=[said["breaks"]])
    (verdict,) = evidence.verdicts
    assert verdict.status == "REFUTED", verdict
    assert verdict.required
    assert not evidence.accepted
    assert verdict.counterexample is not None
    shown = describe_fields(task, verdict.counterexample.fields)
    assert len(shown.split(", ")) <= MOST_FIELDS, shown
    assert (shown or "anywhere") == said.get("shows", shown or "anywhere")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_function_is_accepted(path, task_of, trace):
    task, traced = task_of(path), trace(path)
    assert not isinstance(traced, Rejection), str(traced)
    evidence = examine(Subject(traced.graph, task), only=[p.id for p in catalogue(task) if p.required])
    assert evidence.accepted, [v for v in evidence.verdicts if not v.holds]


SEMANTIC = sorted((_HERE / "bad" / "semantic").glob("*.py"))
OWN = _HERE.parent.parent / "examples" / "properties"


@pytest.mark.parametrize("path", SEMANTIC, ids=lambda path: path.stem)
def test_a_semantic_bug_is_legal_and_only_an_own_property_catches_it(path, header, task_of, trace):
    task, traced = task_of(path), trace(path)
    assert not isinstance(traced, Rejection), str(traced)
    own = load_own(OWN / f"{task.name.replace('-', '_')}.py")
    breaks = header(path)["breaks"]
    evidence = examine(Subject(traced.graph, task), only=[*_required(task), breaks], properties=own)
    assert evidence.accepted, [v for v in evidence.verdicts if not v.holds]
    verdict = evidence.of(breaks)
    assert (verdict.status, verdict.origin) == ("REFUTED", "user")
    assert len(describe_fields(task, verdict.counterexample.fields).split(", ")) <= MOST_FIELDS


@pytest.mark.parametrize(
    "name", ["nearest_food", "adjacency_bonus", "equal_weights", "largest_value", "three_agents_ranked"]
)
def test_a_function_that_reads_the_state_rightly_holds_the_own_property(name, task_of, trace):
    path = _HERE / "good" / f"{name}.py"
    task = task_of(path)
    own = load_own(OWN / f"{task.name.replace('-', '_')}.py")
    (verdict,) = examine(Subject(trace(path).graph, task), only=["near-beats-far"], properties=own).verdicts
    assert verdict.status == "TESTED"
    assert verdict.trials > 2000


def test_deliberate_faults_in_a_good_function_are_noticed(task_of, trace):
    path = _HERE / "good" / "nearest_food.py"
    task = task_of(path)
    own = load_own(OWN / f"{task.name.replace('-', '_')}.py")
    score = mutation_score(Subject(trace(path).graph, task), properties=own, most=10)
    assert len(score.judged) >= 5
    assert score.share >= 0.9, score.survivors
    assert score.refuted_share + score.noticed_share == pytest.approx(score.share)


def _required(task):
    return [p.id for p in catalogue(task) if p.required]
