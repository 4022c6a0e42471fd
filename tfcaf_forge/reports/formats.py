"""The forms of a report, by the name that `--format` takes: a file name, and how a view becomes its bytes."""

from __future__ import annotations

from collections.abc import Callable

from tfcaf_forge.reports import cyclonedx, intoto, junit, model_card, sarif
from tfcaf_forge.reports.render import to_html, to_json
from tfcaf_forge.reports.view import View

Make = Callable[[View], bytes]


def _html(view: View) -> bytes:
    return to_html(view).encode("utf-8")


FORMATS: dict[str, tuple[str, Make]] = {
    "html": ("report.html", _html),
    "json": ("report.json", to_json),
    "junit": ("junit.xml", junit.to_junit),
    "sarif": ("report.sarif", sarif.to_sarif),
    "in-toto": ("test-result.intoto.json", intoto.to_intoto),
    "cyclonedx": ("ml-bom.cdx.json", cyclonedx.to_cyclonedx),
    "markdown": ("model-card.md", model_card.to_markdown),
}
