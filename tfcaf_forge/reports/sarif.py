"""SARIF 2.1.0 (OASIS, 27 March 2020): what was found in each source text, at its line, for code scanning."""

from __future__ import annotations

from typing import Any

from tfcaf_forge.reports.render import dumps
from tfcaf_forge.reports.text import one_line, source_lines, visible
from tfcaf_forge.reports.view import View
from tfcaf_forge.version import VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SOURCE_LIMIT = 100_000


def to_sarif(view: View) -> bytes:
    """One result a rejection, a counterexample, and a property that is not settled."""
    results = [found for index, candidate in enumerate(view["candidates"]) for found in _results(candidate, index)]
    names = sorted({result["ruleId"] for result in results})
    faulty = {result["locations"][0]["physicalLocation"]["artifactLocation"]["index"] for result in results}
    driver = {
        "name": "tfcaf-forge",
        "version": VERSION,
        "informationUri": "https://arxiv.org/abs/2504.12961",
        "rules": [_rule(name, view) for name in names],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": view["run"]["finished"] is not None}],
        "artifacts": [_artifact(c, embed=i in faulty) for i, c in enumerate(view["candidates"])],
        "results": [result | {"ruleIndex": names.index(result["ruleId"])} for result in results],
    }
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def file_of(candidate: dict[str, Any]) -> str:
    """The relative URI that stands for a candidate's source."""
    return f"candidate-{candidate['id']}.py"


def _artifact(candidate: dict[str, Any], *, embed: bool) -> dict[str, Any]:
    about = {
        "location": {"uri": file_of(candidate)},
        "sourceLanguage": "python",
        "hashes": {"sha-256": candidate["source_digest"]},
        "roles": ["analysisTarget"],
    }
    return about | ({"contents": {"text": visible(candidate["source"][:_SOURCE_LIMIT])}} if embed else {})


def _results(candidate: dict[str, Any], index: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    rejection = candidate["rejection"]
    if rejection is not None:
        rule, where = one_line(f"{rejection['stage']}/{rejection['code']}", 120), rejection["where"] or {}
        region = _region(candidate, where.get("line"), where.get("column"))
        found.append(_result(candidate, index, rule, "error", rejection["message"], region))
    for verdict in candidate["verdicts"]:
        text = _text(verdict)
        if text:
            region = _region(candidate, (verdict["counterexample"] or {}).get("line"))
            found.append(_result(candidate, index, verdict["property"], _level(verdict), text, region))
    return found


def _text(verdict: dict[str, Any]) -> str:
    """What to say of a verdict; nothing where the property holds."""
    found = verdict["counterexample"]
    if found is not None:
        return f"{verdict['property']} fails: {found['inputs']} → {found['observed']}. Repeat: {found['command']}"
    if verdict["status"] in ("PROVED", "TESTED"):
        return ""
    return f"{verdict['property']} is {verdict['status']}: {verdict['detail'] or 'no reason is recorded'}"


def _level(verdict: dict[str, Any]) -> str:
    if verdict["status"] in ("REFUTED", "ERRORED"):
        return "error" if verdict["required"] else "warning"
    return "warning" if verdict["required"] else "note"


def _region(candidate: dict[str, Any], line: int | None, column: int | None = None) -> dict[str, int] | None:
    """A place in the source, if it is there."""
    if line is None or not 0 < line <= len(source_lines(candidate["source"])):
        return None
    return {"startLine": line} | ({} if column is None or column < 0 else {"startColumn": column + 1})


def _result(
    candidate: dict[str, Any], index: int, rule: str, level: str, text: str, region: dict[str, int] | None
) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": file_of(candidate), "index": index}}
    return {
        "ruleId": one_line(rule, 120),
        "level": level,
        "message": {"text": one_line(text, 1000)},
        "locations": [{"physicalLocation": place | ({"region": region} if region else {})}],
        "partialFingerprints": {"source/v1": candidate["source_digest"]},
    }


def _rule(name: str, view: View) -> dict[str, Any]:
    """A rule by its id, with the catalogue's words where there are some."""
    texts = next((texts for key, texts in view["properties"].items() if one_line(key, 120) == name), {})
    rule: dict[str, Any] = {"id": name, "shortDescription": {"text": one_line(texts.get("title") or f"refused: {name}", 200)}}  # fmt: skip
    for part, word in (("fullDescription", "formula"), ("help", "hazard")):
        if texts.get(word):
            rule[part] = {"text": one_line(texts[word], 1000)}
    return rule
