"""Does the forge find planted bugs, and show them small? Does it leave good functions alone?"""

from __future__ import annotations

from pathlib import Path

import pytest
from tfcaf_forge.evidence.examine import examine
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
