"""The report in a real Chromium: nothing runs, nothing is fetched, nothing breaks, everyone can read it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tfcaf_forge.pipeline.report import report
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.reports.facts import RunRecords
from tfcaf_forge.reports.render import to_html
from tfcaf_forge.reports.view import view
from tfcaf_forge.reports.waivers import parse

pytestmark = pytest.mark.browser
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
WAIVER = b"""[[waiver]]
property = "equivariant"
reason = "foods are symmetric by construction"
who = "R. Auditor"
expires = 2030-01-01
"""


@dataclass
class Opened:
    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; .ci/browser.sh installs one")  # which fails in CI: see tests/conftest.py
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def real(made_run: Path) -> Path:
    return report(made_run)


@pytest.fixture
def pages(run: RunRecords, hostile: RunRecords, real: Path, tmp_path: Path) -> dict[str, Path]:
    written = {
        "built": run,
        "hostile": hostile,
        "broad": replace(run, measured=broad()),
        "waived": replace(run, waivers=parse(WAIVER), today=date(2026, 1, 1)),
    }
    for name, records in written.items():
        (tmp_path / f"{name}.html").write_text(to_html(view(records)), encoding="utf-8")
    return {"real": real, **{name: tmp_path / f"{name}.html" for name in written}}


def broad() -> dict[str, Any]:
    """Credit maps of four agents on a grid of 15 by 15, which no phone is wide enough for."""
    labels = [str(i) for i in range(15)]
    grid = [
        {"agent": i, "rows": labels, "columns": labels, "row_field": f"agents[{i}].x", "column_field": f"agents[{i}].y",
         "states": 48, "means": [[0.01 * (x + y) for y in range(15)] for x in range(15)]}
        for i in range(4)
    ]  # fmt: skip
    fields = [{"field": f"agents[{i}].x", "labels": labels, "agents": [[0.25] * 15] * 4} for i in range(4)]
    return {"grid": grid, "credit": fields, "states": 1000, "rows": 1000, "branches": []}


def opened(browser: Browser, path: Path, size: str = "desktop", *, free: bool = False, scripts: bool = True) -> Opened:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, bypass_csp=free, java_script_enabled=scripts
    )
    found = Opened(context.new_page())
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda fault: found.said.append(str(fault)))
    found.page.on("dialog", lambda dialog: (found.said.append(dialog.message), dialog.dismiss()))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(path.resolve().as_uri())
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["real", "built", "hostile", "waived", "broad"])
def test_a_page_opens_in_silence_asks_for_nothing_and_keeps_to_its_width(
    browser: Browser, pages: dict[str, Path], name: str, size: str, tmp_path: Path
) -> None:
    found = opened(browser, pages[name], size)
    assert found.said == []
    assert found.asked == [pages[name].resolve().as_uri()]
    assert found.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert found.page.evaluate("document.scripts.length") == 0
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    found.page.screenshot(path=folder / f"{name}-{size}.png", full_page=name != "hostile")
    found.page.context.close()


def test_hostile_texts_run_nothing_even_without_the_pages_own_policy(browser: Browser, pages: dict[str, Path]) -> None:
    found = opened(browser, pages["hostile"], free=True)
    for _ in range(2):
        found.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found.page.mouse.move(400, 400)
        found.page.mouse.wheel(0, 4000)
    assert found.said == []
    assert len(found.asked) == 1
    assert found.page.evaluate("document.querySelectorAll('script, img, iframe, [onerror], [onmouseover]').length") == 0
    assert found.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert found.page.title().startswith("Candidate 11")
    found.page.context.close()


@pytest.mark.parametrize(("name", "size"), [("real", "desktop"), ("waived", "phone")])
def test_axe_finds_nothing_serious(browser: Browser, pages: dict[str, Path], name: str, size: str) -> None:
    found = opened(browser, pages[name], size, free=True)
    found.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    violations = Axe().run(found.page).response["violations"]
    found.page.context.close()
    told = [(v["id"], v["impact"], v["nodes"][0]["html"][:120]) for v in violations]
    assert [v for v in told if v[1] in ("serious", "critical")] == []


def test_axe_finds_nothing_serious_in_the_dark(browser: Browser, pages: dict[str, Path]) -> None:
    found = opened(browser, pages["real"], free=True)
    found.page.emulate_media(color_scheme="dark")
    found.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    violations = Axe().run(found.page).response["violations"]
    found.page.context.close()
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def visible_rows(page: Page, table: str) -> int:
    return page.evaluate(f"[...document.querySelectorAll('{table} tbody tr')].filter(r => r.offsetHeight).length")


def test_the_filters_work_without_scripts(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["built"]).page
    assert visible_rows(page, ".candidates") == 12
    page.check("#f-rejected")
    assert visible_rows(page, ".candidates") == 3
    everyone = visible_rows(page, ".matrix")
    page.check("#m-refuted")
    assert visible_rows(page, ".matrix") == 2 < everyone
    page.check("#m-all")
    columns = "[...document.querySelectorAll('.matrix thead th')].filter(c => c.offsetWidth).length"
    before = page.evaluate(columns)
    page.check("#m-required")
    assert page.evaluate(columns) == before - 1
    page.context.close()


def test_a_filter_is_reached_and_used_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["built"]).page
    page.focus("#m-all")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "m-refuted"
    assert visible_rows(page, ".matrix") == 2
    page.context.close()


def test_everything_is_there_without_javascript(browser: Browser, pages: dict[str, Path]) -> None:
    found = opened(browser, pages["real"], scripts=False)
    for section in ("intended", "provenance", "candidates", "winner", "data", "catalogue", "matrix", "counterexamples",
                    "adequacy", "equivalence", "ranking", "credit", "isolation", "reproduce", "signoff", "log", "sources"):  # fmt: skip
        assert found.page.locator(f"#{section}").count() == 1, section
    found.page.context.close()


@pytest.mark.parametrize("size", SIZES)
def test_an_unknown_and_its_waiver_stand_on_the_first_screen(
    browser: Browser, pages: dict[str, Path], size: str
) -> None:
    found = opened(browser, pages["waived"], size)
    for text in ("equivariant is UNKNOWN", "waived by R. Auditor until 2030-01-01"):
        box = found.page.locator(".open").get_by_text(text).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < SIZES[size][1], text
    found.page.context.close()


def test_a_run_of_thirty_candidates_is_small_and_quickly_shown(
    browser: Browser, run: RunRecords, tmp_path: Path
) -> None:
    extra = [msgspec.structs.replace(run.proposals[0], id=i, parent=i - 6) for i in range(13, 31)]
    evidence = {**run.evidence, **{p.id: msgspec.structs.replace(run.evidence[1], candidate=p.id) for p in extra}}
    proposals: list[Proposal] = [*run.proposals, *extra]
    path = tmp_path / "thirty.html"
    started = time.perf_counter()
    path.write_text(to_html(view(replace(run, proposals=proposals, evidence=evidence))), encoding="utf-8")
    made = time.perf_counter() - started
    assert path.stat().st_size <= 3_000_000
    found = opened(browser, path)
    shown = found.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    found.page.context.close()
    assert made < 5
    assert shown < 1000
