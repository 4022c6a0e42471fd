"""Ctrl-C, pressed at the worst moments."""

import logging
import signal

import pytest

from tfcaf_forge.cli import asking
from tfcaf_forge.pipeline.outcome import Brake


def press():
    signal.raise_signal(signal.SIGINT)


def test_a_second_press_while_the_first_is_announced_stops_at_once(monkeypatch):
    """It was once counted as the first, so that two quick presses waited for the calls in flight."""
    monkeypatch.setattr(asking, "announce", lambda text: press())
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", False)
    with pytest.raises(KeyboardInterrupt), asking.ctrl_c(Brake()):
        press()
    assert logging.getLogger("asyncio").disabled, "a library's task that is cut off says nothing after the last word"


def test_one_press_ends_in_order_and_is_announced(capfd):
    brake = Brake()
    with asking.ctrl_c(brake):
        press()
    assert brake.pulled
    assert capfd.readouterr().err == "\nfinishing what is in flight, then saving; Ctrl-C again stops at once\n"


def test_what_is_to_stop_is_told_even_where_the_brake_was_pulled_before():
    brake, told = Brake(), []
    brake.then(lambda: told.append("before"))
    brake.pull()
    brake.then(lambda: told.append("after"))
    assert told == ["before", "after"]
