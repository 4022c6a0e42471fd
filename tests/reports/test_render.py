from __future__ import annotations

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import msgspec
import pytest

from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.reports.render import LINE_LIMIT, listing, to_html
from tfcaf_forge.reports.text import visible
from tfcaf_forge.reports.view import RunRecords, view

TAGS = {
    "html", "head", "meta", "title", "style", "body", "a", "svg", "defs", "symbol", "rect", "path", "circle", "use",
    "line", "text", "g", "header", "main", "section", "nav", "footer", "p", "h1", "h2", "h3", "span", "strong", "small",
    "em", "code", "pre", "br", "ul", "ol", "li", "dl", "dt", "dd", "div", "table", "caption", "thead", "tbody",
    "tr", "th", "td", "details", "summary", "figure", "figcaption", "blockquote", "fieldset", "legend", "label",
    "input",
}  # fmt: skip
EMPTY = {"meta", "br", "input", "rect", "path", "circle", "use", "line"}
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "width", "height", "viewbox",
    "aria-hidden", "aria-label", "aria-labelledby", "focusable", "fill", "stroke", "stroke-width",
    "stroke-dasharray", "d", "x", "y", "rx", "cx", "cy", "r", "x1", "x2", "y1", "y2", "text-anchor", "scope",
    "role", "tabindex", "data-n", "data-fate", "data-label", "data-advisory", "data-status", "type", "checked",
}  # fmt: skip


class Page(HTMLParser):
    """Reads a page and fails on whatever the templates did not write."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.regions: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = "".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        given = dict(attrs)
        assert set(given) <= ATTRIBUTES, (tag, given)
        assert len(given) == len(attrs)
        if "href" in given:
            self.links.append(given["href"] or "")
        if "id" in given:
            self.ids.append(given["id"] or "")
        if given.get("tabindex"):
            assert given["role"] == "region"
            assert given["aria-label"]
        if tag == "th":
            assert given["scope"] in ("row", "col")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data[:40]}")

    def unknown_decl(self, data: str) -> None:
        pytest.fail(f"a declaration: {data[:40]}")


@pytest.fixture(params=["run", "hostile", "empty", "interrupted", "lost"])
def any_run(request: pytest.FixtureRequest, run: RunRecords, hostile: RunRecords) -> RunRecords:
    assert run.ranking is not None
    lost = msgspec.structs.replace(run.ranking, scores=(), winner=None, better_than_baseline=False)
    bare = RunRecords(name="r", task=run.task, settings={}, proposals=(), started=run.started, command="forge")
    return {
        "run": run,
        "hostile": hostile,
        "empty": replace(bare, finished=run.finished),
        "interrupted": replace(bare, proposals=run.proposals[:2], rejections={2: run.rejections[2]}),
        "lost": replace(run, ranking=lost, kernel=None, manifest=None, graph_text=""),
    }[request.param]


def test_only_the_templates_own_markup_is_in_the_page(any_run: RunRecords) -> None:
    page = Page(to_html(view(any_run)))
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


def test_the_page_refers_to_nothing_outside_itself(any_run: RunRecords) -> None:
    html = to_html(view(any_run))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'" in html


def test_hidden_characters_do_not_reach_the_page(hostile: RunRecords) -> None:
    html = to_html(view(hostile))
    assert visible(html) == html
    html.encode("utf-8")
    text = Page(html).text
    assert "<script>alert(1)</script></style></title><img src=x onerror=alert(2)>" in text
    assert "⟨ESC⟩[31mred" in text
    assert "⟨U+202E⟩evil" in text
    assert "{{ 7*7 }} {% raw %}" in text


def test_a_hostile_page_is_small_and_quick(hostile: RunRecords) -> None:
    started = time.perf_counter()
    html = to_html(view(hostile))
    assert time.perf_counter() - started < 5
    assert len(html.encode()) < 3_000_000


def test_a_real_page_is_small(run: RunRecords) -> None:
    proposals = [*run.proposals, *(msgspec.structs.replace(run.proposals[0], id=i) for i in range(13, 31))]
    assert len(to_html(view(replace(run, proposals=proposals))).encode()) < 500_000


def test_a_long_line_and_a_long_file_are_cut_with_the_count(run: RunRecords) -> None:
    listed = listing("x" * 100_000 + "\n" + "y\n" * 50_000, 40_000)
    assert listed["lines"][0]["text"] == "x" * LINE_LIMIT + " … 99,500 more characters"
    assert len(listed["lines"]) + listed["more"] == 50_001
    long = replace(run, proposals=[*run.proposals, Proposal(id=13, coder="x", source="y = 1\n" * 50_000)])
    assert re.search(r"[\d,]+ more lines are not shown", Page(to_html(view(long))).text)


def test_every_status_is_a_word_and_not_only_a_colour(run: RunRecords) -> None:
    text = Page(to_html(view(run))).text
    for word in ("PROVED", "TESTED 2,000", "UNKNOWN", "REFUTED", "ERRORED"):
        assert word in text
    for word in ("accepted", "rejected", "refuted", "duplicate", "errored", "undecided", "winner"):
        assert word in text


def test_the_report_says_what_the_terminal_says(run: RunRecords) -> None:
    data = view(run)
    text = Page(to_html(data)).text
    for item in data["candidates"]:
        assert item["row"]["what happened"] in text


def test_the_first_screen_holds_the_verdict(run: RunRecords) -> None:
    text = Page(to_html(view(run))).text
    first = text[: text.index("Every candidate and what became of it")]
    for part in (
        "Candidate 11 is accepted",
        "Predicted to train better than equal weights (VDN) by +0.336 [0.312, 0.360]",
        "3f2a" * 16,
        "8 of 9 layers in force",
        "not in force: network-namespace",
        "no counterexample in 2,000 trials",
        "no rule for `min.dim`",
        "forge train",
    ):
        assert part in first


def test_a_winner_that_is_no_better_is_called_so_first(run: RunRecords) -> None:
    assert run.ranking is not None
    even = replace(run, ranking=msgspec.structs.replace(run.ranking, better_than_baseline=False))
    text = Page(to_html(view(even))).text
    assert "Predicted to train no better than equal weights" in text[: text.index("Every candidate")]


def test_contradicting_records_raise_an_alarm_on_the_first_screen(run: RunRecords) -> None:
    text = Page(to_html(view(replace(run, dataset={"digest": "00"})))).text
    assert "Do not rely on this run" in text[: text.index("Every candidate")]


def test_the_coders_note_is_labelled(run: RunRecords) -> None:
    assert "The coder’s own words. No verdict rests on them.\n\nNearest remaining food decides." in re.sub(
        r"\n+", "\n\n", Page(to_html(view(run))).text
    )


def test_the_colours_can_be_read() -> None:
    css = files("tfcaf_forge.reports").joinpath("templates/report.css").read_text()
    palettes = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]
    assert len(palettes) == 3
    for palette in palettes:
        for ink in ("ink", "quiet", "link", "proved", "tested", "unknown", "refuted", "errored"):
            for ground in ("paper", "raised", "won"):
                assert contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio of two colours."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
