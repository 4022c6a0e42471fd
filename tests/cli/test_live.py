"""What a terminal shows of candidates that are under way, and that it is gone when the run ends."""

from __future__ import annotations

import io
import math
import sys

from tfcaf_forge.cli.live import Clock
from tfcaf_forge.cli.stability_output import Show as Samples
from tfcaf_forge.cli.synthesize_output import Show
from tfcaf_forge.pipeline.outcome import Calling, Judged, Staged
from tfcaf_forge.pipeline.stability import Sampling
from tfcaf_forge.proposals.ledger import Budget, Spend
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch) -> Terminal:
    """Standard output as a terminal; to be called in the test itself, since pytest sets it anew before each."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "160"), ("LINES", "40")):
        monkeypatch.setenv(name, value)
    return screen


def calling(**more):
    spend = Spend(calls=7, tokens_in=12_000, tokens_out=345, usd=0.0123)
    given = {
        "round": 1,
        "rounds": 3,
        "in_flight": 2,
        "spend": spend,
        "budget": Budget(usd=1.0),
        "left_s": math.inf,
        "best": 0.612,
    }
    return Calling(**{**given, **more})


def test_a_terminal_shows_stages_spend_best_score_and_time_left(monkeypatch):
    screen = terminal(monkeypatch)
    show = Show(as_json=False)
    show.event(Staged({1: "asking", 2: "waiting", 3: "examining"}))
    show.event(calling(left_s=240.0))
    show.close()
    shown = screen.getvalue()
    for text in (
        "waiting for the model",
        "asked again after a pause",
        "proofs and trials",
        "round 2 of 3",
        "2 calls in flight",
    ):
        assert text in shown
    assert "7 calls, 12,345 tokens, $0.0123 of $1   best +0.612   4 min 00 s left" in shown


def test_the_region_is_wiped_when_the_run_ends(monkeypatch):
    screen = terminal(monkeypatch)
    show = Show(as_json=False)
    show.event(Staged({1: "asking"}))
    show.close()
    assert screen.getvalue().rstrip().endswith("\x1b[2K")


def test_without_a_terminal_there_are_plain_lines_only(capsys):
    show = Show(as_json=False)
    show.event(Staged({1: "asking"}))
    show.event(calling())
    show.close()
    assert "\x1b" not in "".join(capsys.readouterr())


def test_time_left_is_the_pace_of_what_was_judged_now(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock()
    clock.start()
    assert clock.left(5) is None
    now[0] = 6.0
    clock.finish()
    assert clock.left(5) == 30.0
    now[0] = 10.0
    assert clock.left(5) == 26.0


def test_no_line_counts_beyond_the_last_candidate(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now.__setitem__(0, now[0] + 10) or now[0])
    show = Show(as_json=True)
    show._total, show._rows = 9, [{}] * 9
    show.event(Staged({9: "answered"}))
    show.event(calling())
    assert "10 of 9" not in capsys.readouterr().err


def rejected(number):
    proposal = Proposal(id=number, round=0, index=number - 1, coder="openai/one", source="")
    return Judged(proposal, rejection=Rejection(stage="extract", code="no-code", message="no function"))


def sampled(show):
    """A coder of two, with two of its three samples judged and a third under way."""
    show.begin(Sampling("offline", 1, 2))
    show.begin(Sampling("openai/one", 2, 2))
    show.event(calling(in_flight=1))
    show.event(rejected(1))
    show.event(rejected(2))
    show.event(Staged({3: "examining"}))


def test_a_terminal_shows_every_coder_with_its_samples_and_what_was_spent(monkeypatch):
    screen = terminal(monkeypatch)
    show = Samples(3, as_json=False)
    sampled(show)
    show._live._region.refresh()
    shown = screen.getvalue()
    for text in (
        "offline",
        "openai/one",
        "2 of 3",
        "1 proved and tested",
        "$0.0123 of $1",
        "coder 2 of 2",
        "left of its samples",
    ):
        assert text in shown
    show.close()
    assert screen.getvalue().rstrip().endswith("\x1b[2K")


def test_without_a_terminal_a_line_says_how_far_the_samples_are(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now.__setitem__(0, now[0] + 10) or now[0])
    show = Samples(3, as_json=True)
    sampled(show)
    show.close()
    out, err = capsys.readouterr()
    assert "coder 2 of 2, openai/one   2 of 3 samples judged, 0 accepted   1 call in flight   7 calls" in err
    assert (out, "\x1b" in err) == ("", False)
