"""JUnit XML, as CI servers read it: one test case a property of the winner.

There is no standard; this keeps to what the Jenkins plugin's schema (junit-10.xsd) and the common readers share. A
required property that does not hold fails. What is unknown, and what is only advice, is skipped with its text: a CI run
shows it and does not turn red over it.
"""

from __future__ import annotations

import xml.etree.ElementTree as Tree  # nosec: written, never parsed
from typing import Any

from tfcaf_forge.reports.text import one_line, visible
from tfcaf_forge.reports.view import View

_LIMIT = 2000


def to_junit(view: View) -> bytes:
    """The winner's verdicts, and the run's own consistency, as test cases."""
    root = Tree.Element("testsuites", {"name": one_line(view["run"]["name"], 200)})
    winner = next((c for c in view["candidates"] if c["winner"]), None)
    if winner is None:
        _suite(root, "run", [_case("run", "a winner", 0.0, failure=view["verdict"]["headline"])])
    else:
        name = f"candidate {winner['id']}"
        _suite(root, name, [_of_verdict(name, verdict) for verdict in winner["verdicts"]])
    wrong = "; ".join(view["discrepancies"])
    _suite(root, "records", [_case("records", "the records agree with each other", 0.0, failure=wrong)])
    Tree.indent(root)
    return Tree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _of_verdict(suite: str, verdict: dict[str, Any]) -> Tree.Element:
    status, required = verdict["status"], verdict["required"]
    found = verdict["counterexample"]
    text = f"{found['inputs']} → {found['observed']}\n{found['command']}" if found else verdict["detail"]
    kinds = {"REFUTED": "failure", "ERRORED": "error", "UNKNOWN": "skipped"}
    kind = kinds.get(status)
    if kind is not None and not required:
        kind, text = "skipped", f"advisory, {status}: {text}"
    said = {kind: f"{status}: {text}" if required else text} if kind else {}
    return _case(suite, verdict["property"], verdict["seconds"], out=f"{verdict['text']} {verdict['detail']}", **said)


def _case(suite: str, name: str, seconds: float, *, out: str = "", **said: str) -> Tree.Element:
    """One test case; `said` is at most one of failure, error and skipped, left out where its text is empty."""
    case = Tree.Element("testcase", {"classname": suite, "name": one_line(name, 200), "time": f"{seconds:.3f}"})
    for kind, text in said.items():
        if text:
            given = {"message": one_line(text, 400)} | ({} if kind == "skipped" else {"type": kind})
            Tree.SubElement(case, kind, given).text = None if kind == "skipped" else visible(text[:_LIMIT])
    if out.strip():
        Tree.SubElement(case, "system-out").text = visible(out[:_LIMIT])
    return case


def _suite(root: Tree.Element, name: str, cases: list[Tree.Element]) -> None:
    counts = {kind + "s" * (kind != "skipped"): sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")}  # fmt: skip
    suite = Tree.SubElement(root, "testsuite", {"name": name, "tests": str(len(cases)), **{k: str(v) for k, v in counts.items()}})  # fmt: skip
    suite.extend(cases)
