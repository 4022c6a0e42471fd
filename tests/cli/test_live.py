"""What a terminal shows of candidates that are under way, and that it is gone when the run ends."""

from __future__ import annotations

import io
import math
import sys

from tfcaf_forge.cli.live import Clock
from tfcaf_forge.cli.synthesize_output import Show
from tfcaf_forge.pipeline.outcome import Calling, Staged
from tfcaf_forge.proposals.ledger import Budget, Spend


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
    assert "7 calls, 12,345 tokens, $0.0123 of $1   best 0.612   4 min 00 s left" in shown


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
