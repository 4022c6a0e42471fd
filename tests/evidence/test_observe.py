"""Records of what was tried: Hypothesis' own observations, beside our batches."""

from __future__ import annotations

import json

import pytest

from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.profiles import Profile

FAST = Profile(name="tiny", small=10, batches=3, rows=32, derandomize=True)
SEARCH = Profile(name="tiny-search", small=10, batches=3, rows=32, target=True)


@pytest.mark.parametrize("profile", [FAST, SEARCH], ids=lambda p: p.name)
def test_every_case_has_a_record_with_what_each_property_was_off_by(tmp_path, subject, profile):
    evidence = examine(subject("level-slope"), profile=profile, seed=3, observe=tmp_path)
    (file,) = tmp_path.glob("*.jsonl")
    assert file.name == f"{evidence.graph[:12]}-{profile.name}-3.jsonl"
    records = [json.loads(line) for line in file.read_text().splitlines()]
    cases = [r for r in records if r["type"] == "test_case"]
    assert len(cases) >= profile.small + profile.batches
    assert {r["status"] for r in cases} <= {"passed", "failed", "gave_up"}
    assert any(r["features"].get("amount:finite", 1) < 0 for r in cases)


@pytest.mark.parametrize("profile", [FAST, SEARCH], ids=lambda p: p.name)
def test_watching_changes_no_verdict(tmp_path, subject, profile):
    told = [
        [(v.property_id, v.status, v.trials, v.counterexample) for v in e.verdicts]
        for e in (examine(subject("level-slope"), profile=profile, observe=o) for o in (None, tmp_path))
    ]
    assert told[0] == told[1]
