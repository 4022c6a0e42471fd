"""Every form of the report against its schema: official ones from packages, or written down from the specification."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import xmlschema
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from markdown_it import MarkdownIt

from tfcaf_forge.pipeline.report import report
from tfcaf_forge.reports.facts import Call, RunRecords
from tfcaf_forge.reports.formats import FORMATS
from tfcaf_forge.reports.text import visible
from tfcaf_forge.reports.view import view
from tfcaf_forge.reports.waivers import parse

SCHEMAS = Path(__file__).parent / "schemas"
WAIVERS = b"""[[waiver]]
property = "equivariant"
reason = "symmetric by construction"
who = "R. Auditor"
expires = 2030-01-01

[[signoff]]
who = "R. Auditor"
role = "safety"
date = 2026-01-01
statement = "for the pilot"
"""
CALL = Call(
    number=1, purpose="propose", model="m", endpoint="http://localhost", left=True, key="k", prompt="write one",
    answer="def f(", fault="", tokens_in=10, tokens_out=20, usd=0.5, parameters={"temperature": 0.8},
)  # fmt: skip


@pytest.fixture(params=["run", "hostile", "waived", "lost", "empty"])
def any_run(request: pytest.FixtureRequest, run: RunRecords, hostile: RunRecords) -> RunRecords:
    assert run.ranking is not None
    bare = RunRecords(name="r", task=run.task, settings={}, proposals=(), started=run.started, command="forge")
    lost = msgspec.structs.replace(run.ranking, scores=(), winner=None, better_than_baseline=False)
    return {
        "run": run,
        "hostile": hostile,
        "waived": replace(run, waivers=parse(WAIVERS), today=date(2026, 1, 1), calls=[CALL]),
        "lost": replace(run, ranking=lost, kernel=None, manifest=None, graph_text=""),
        "empty": bare,
    }[request.param]


def made(form: str, records: RunRecords) -> bytes:
    return FORMATS[form][1](view(records))


def test_the_json_report_keeps_to_its_published_schema(any_run: RunRecords) -> None:
    schema = json.loads((files("tfcaf_forge.reports") / "report.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(made("json", any_run)))


def test_the_json_report_of_a_real_run_keeps_to_its_schema(made_run: Path, tmp_path: Path) -> None:
    schema = json.loads((files("tfcaf_forge.reports") / "report.schema.json").read_text())
    found = json.loads(report(made_run, "json", tmp_path / "r.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(found)
    assert found["measured"]["equivalence"]["same"]
    assert found["measured"]["branches"]
    assert found["change"]["parent"] == 1
    assert len(found["log"]) == found["log"][-1]["seq"]


def test_sarif_keeps_to_the_specification(any_run: RunRecords) -> None:
    found = json.loads(made("sarif", any_run))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(found)
    (run,) = found["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]


def test_sarif_points_to_the_source_line(run: RunRecords) -> None:
    results = json.loads(made("sarif", run))["runs"][0]["results"]
    by_rule = {(r["ruleId"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]): r for r in results}
    rejected = by_rule["screen/while", "candidate-2.py"]
    assert rejected["level"] == "error"
    assert rejected["locations"][0]["physicalLocation"]["region"] == {"startLine": 7, "startColumn": 5}
    refuted = by_rule["monotone", "candidate-3.py"]
    assert refuted["locations"][0]["physicalLocation"]["region"] == {"startLine": 11}
    assert "credit of agent 1 = -0.31" in refuted["message"]["text"]
    assert by_rule["equivariant", "candidate-11.py"]["level"] == "note"


def test_junit_keeps_to_the_schema_of_its_readers(any_run: RunRecords) -> None:
    xmlschema.validate(made("junit", any_run).decode(), str(SCHEMAS / "junit.xsd"))


def test_junit_has_a_case_a_property_and_fails_where_a_required_one_does(run: RunRecords) -> None:
    text = made("junit", run).decode()
    assert '<testsuite name="candidate 11" tests="6" failures="0" errors="0" skipped="1">' in text
    evidence = {**run.evidence, 11: msgspec.structs.replace(run.evidence[3], candidate=11, graph="0b" * 32)}
    text = made("junit", replace(run, evidence=evidence)).decode()
    assert '<failure message="REFUTED: agents[1].x = 0, foods[0].level = 3 → credit of agent 1 = -0.31' in text
    assert "the winner, candidate 11, was not accepted" in text


def test_in_toto_parses_as_a_statement_and_a_test_result(any_run: RunRecords) -> None:
    data = json.loads(made("in-toto", any_run))
    Statement.copy_from_pb(json_format.ParseDict(data, statement_pb2.Statement())).validate()
    result = json_format.ParseDict(data["predicate"], test_result_pb2.TestResult())
    assert result.result in ("PASSED", "WARNED", "FAILED")


def test_in_toto_says_what_failed(run: RunRecords) -> None:
    predicate = json.loads(made("in-toto", run))["predicate"]
    assert predicate["result"] == "WARNED"
    assert predicate["warnedTests"] == ["equivariant"]
    assert "monotone" in predicate["passedTests"]
    assert json.loads(made("in-toto", replace(run, ranking=None)))["predicate"]["result"] == "FAILED"


def test_cyclonedx_keeps_to_the_official_schema(any_run: RunRecords) -> None:
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(made("cyclonedx", any_run).decode())
    assert fault is None, fault


def test_the_model_card_holds_no_markup_but_its_own(hostile: RunRecords) -> None:
    text = made("markdown", hostile).decode()
    assert visible(text) == text
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert not re.search(r"<(script|img|style|a|title)\b", html)


def test_every_form_is_the_same_bytes_twice(run: RunRecords) -> None:
    for form in FORMATS:
        assert made(form, run) == made(form, run)


def test_the_schema_of_sarif_refuses_what_the_specification_does() -> None:
    schema: Any = json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())
    check = jsonschema.Draft7Validator(schema)
    for wrong in ({"version": "2.0.0", "runs": []}, {"version": "2.1.0"}, {"version": "2.1.0", "runs": [{"tool": {}}]}):
        assert not check.is_valid(wrong)
