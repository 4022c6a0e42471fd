"""The operating system's layers alone: with screen, RestrictedPython and facade off, nothing escapes or leaks either.

Whatever a layer is missing on the machine that runs this, the assertion is the same: no secret comes back, no file, no
connection, no process. What an attack manages to do inside its own process is its own business.
"""

from __future__ import annotations

import platform
import time
from functools import partial
from pathlib import Path

import pytest

from tests.attacks.attempts import ATTEMPTS, filled, held
from tests.attacks.kernel_calls import KERNEL_CALLS
from tfcaf_forge.pipeline.attack import Range, load_attacks
from tfcaf_forge.sandbox.local import LocalWorker

MAIN = Path(__file__).parent / "bare_guest" / "main.py"
RAW = [
    attack for attack in load_attacks() if "def tfcaf" in attack.source and attack.category not in ("parser-and-size",)
]


class Sturdy(LocalWorker):
    """A worker that is not replaced after a candidate that a forbidden system call killed: here most of them are."""

    @property
    def spent(self):
        return self._ended()


@pytest.fixture(scope="module")
def target(short_profile, watch):
    with Range(partial(Sturdy, main=MAIN), short_profile) as range_:
        watch.begin()
        yield range_


def _judge(source, target, watch):
    begin = time.perf_counter()
    body, fate = target.shoot(source)
    assert time.perf_counter() - begin < target.profile.limits.wall_seconds + 4
    return held(body, fate, target, watch)


def test_the_bare_guest_really_runs_what_it_is_given(target, watch):
    assert "49" in _judge("def tfcaf(q, s):\n    return 7 * 7\n", target, watch).message


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_operating_system_alone_lets_nothing_out(name, target, watch):
    _judge(filled(ATTEMPTS[name], watch), target, watch)
    assert watch.file.exists()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86-64")
@pytest.mark.parametrize("name", KERNEL_CALLS)
def test_no_call_to_the_kernel_lets_anything_out(name, target, watch):
    _judge(filled(KERNEL_CALLS[name], watch), target, watch)
    assert watch.file.exists()


def test_the_whole_corpus_lets_nothing_out_without_the_language_layers(target, watch):
    quick = [attack for attack in RAW if attack.category not in ("time", "memory")]
    assert len(quick) > 300
    for attack in quick[::3]:
        _judge(attack.source, target, watch)


def test_it_still_answers_after_all_of_them(target, watch):
    assert "[3, 2]" in _judge("def tfcaf(q, s):\n    return list(q.shape)\n", target, watch).message
