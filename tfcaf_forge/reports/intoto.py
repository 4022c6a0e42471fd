"""An in-toto Statement v1 with the test-result predicate v0.1 (github.com/in-toto/attestation, spec/predicates)."""

from __future__ import annotations

from typing import Any

from tfcaf_forge.reports.render import dumps
from tfcaf_forge.reports.text import one_line
from tfcaf_forge.reports.view import View

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


def statement(view: View) -> dict[str, Any]:
    """What was tested, and how it ended. The subject is the kernel; without one, the task."""
    verdict = view["verdict"]
    kernel = verdict["kernel"]
    name, digest = ("kernel.safetensors", kernel["sha256"]) if kernel else ("task", view["task"]["digest"])
    held = verdict["accepted"] and not view["discrepancies"]
    by = {status: [v["property"] for v in verdict["properties"] if _kind(v) == status] for status in ("passed", "warned", "failed")}  # fmt: skip
    predicate = {
        "result": "FAILED" if not held else "WARNED" if by["warned"] else "PASSED",
        "configuration": [
            {"name": "task", "digest": {"sha256": view["task"]["digest"]}},
            *({"name": "replay dataset", "digest": {"sha256": d}} for d in [view["dataset"].get("digest")] if d),
        ],
        "passedTests": by["passed"],
        "warnedTests": by["warned"],
        "failedTests": by["failed"],
    }
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": one_line(digest, 64)}}],
        "predicateType": TEST_RESULT,
        "predicate": predicate,
    }


def to_intoto(view: View) -> bytes:
    """The statement as JSON; unsigned, since only a bundle is signed."""
    return dumps(statement(view))


def _kind(verdict: dict[str, Any]) -> str:
    if verdict["status"] in ("PROVED", "TESTED"):
        return "passed"
    return "failed" if verdict["required"] else "warned"
