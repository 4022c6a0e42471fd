"""The host against a guest that has fallen: whatever it says is a Rejection or a typed error, never a crash or a hang."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.attacks.hostile_guest import CASES, HARMLESS, HELLOS
from tfcaf_forge.errors import SandboxError
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.pipeline.attack import CONTRACT, Range
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox.local import LocalWorker
from tfcaf_forge.sandbox.receive import receive
from tfcaf_forge.sandbox.sandbox import BACKENDS, Sandbox

HERE = Path(__file__).parent
SECONDS = 0.5
GRACE = 2.0
"""What the host adds to the limit before it gives a warm process up."""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The entry point of a fallen guest."""

    def write(case: str) -> Path:
        main = tmp_path_factory.mktemp("guest") / "main.py"
        main.write_text(
            f"import sys\nsys.path[:0] = [{str(HERE)!r}]\nimport hostile_guest\nhostile_guest.run({case!r})\n"
        )
        return main

    return write


@pytest.fixture(scope="module")
def quick(short_profile):
    limits = msgspec.structs.replace(short_profile.limits, wall_seconds=SECONDS)
    return msgspec.structs.replace(short_profile, limits=limits)


@pytest.fixture(scope="module")
def target(program, quick):
    with Range(partial(LocalWorker, main=program("any")), quick) as fallen:
        yield fallen


@pytest.fixture
def ask(target):
    """What the host makes of a case: a graph, a Rejection, or the text of a typed error."""

    def run(case: str) -> OpGraph | Rejection | str:
        try:
            body, fate = target.shoot(case)
        except SandboxError as fault:
            return str(fault)
        return receive(body, fate, CONTRACT, target.probes)

    return run


def test_there_are_enough_cases():
    assert len(CASES) + len(HELLOS) >= 25


def test_an_honest_answer_is_taken(ask):
    assert isinstance(ask("honest"), OpGraph)


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(ask):
    assert isinstance(ask("two-answers"), OpGraph)
    assert not isinstance(ask("honest"), OpGraph)  # the worker is replaced; `Sandbox` would ask once more
    assert isinstance(ask("honest"), OpGraph)


@pytest.mark.parametrize("case", [case for case in CASES if case not in (*HARMLESS, "exit-for-good")])
def test_a_fallen_guest_gets_a_rejection_or_a_typed_error(case, ask, recwarn):
    begin = time.monotonic()
    told = ask(case)
    assert not isinstance(told, OpGraph), told
    text = msgspec.json.encode(told)  # half a character could not be written to the journal
    assert len(text) < 2000
    assert (told if isinstance(told, str) else told.message).isprintable()
    assert time.monotonic() - begin < SECONDS + GRACE + 8
    assert not recwarn.list


def test_a_guest_that_never_reads_holds_the_host_no_longer_than_its_limit(program, quick):
    """The request is larger than what the kernel keeps for a socket: sending it would wait for ever."""
    with LocalWorker(quick, main=program("never-reads")) as fallen:
        begin = time.monotonic()
        assert fallen.ask({"source": "x" * 900_000}) == (b"", "time-limit")
        assert time.monotonic() - begin < SECONDS + GRACE + 8
        assert fallen.spent


def test_a_request_larger_than_the_guest_takes_is_a_typed_error(target):
    with pytest.raises(SandboxError, match="leave out fields"):
        target.shoot("x" * (1 << 20))


@pytest.fixture
def box(program, quick, monkeypatch):
    """A whole sandbox around a fallen guest."""
    monkeypatch.setitem(BACKENDS, "local", partial(LocalWorker, main=program("any")))
    with Sandbox(profile=quick) as sandbox:
        yield lambda case: sandbox.trace(
            Proposal(id=1, coder="file", source=case), CONTRACT, [(np.ones((3, 2), "f4"), np.ones((3, 12), "f4"))]
        )


def test_a_candidate_that_ends_its_warm_process_twice_is_rejected_and_the_next_one_runs(box):
    told = box("exit")
    assert isinstance(told, Rejection)
    assert (told.stage, told.code) == ("limit", "sandbox-lost")
    assert isinstance(box("honest"), Traced)


def test_a_candidate_that_dies_of_a_signal_once_is_tried_again(box):
    assert isinstance(box("dies-once"), Traced)


def test_a_candidate_that_dies_of_a_signal_twice_is_rejected_and_the_next_one_runs(box):
    told = box("dies")
    assert isinstance(told, Rejection)
    assert (told.stage, told.code) == ("limit", "crash")
    assert isinstance(box("honest"), Traced)


def test_a_sandbox_that_does_not_start_again_is_an_error_and_no_fault_of_the_candidate(box):
    with pytest.raises(SandboxError, match="did not start"):
        box("exit-for-good")


@pytest.mark.parametrize("case", HELLOS)
def test_a_fallen_greeting_is_a_typed_error(case, program, quick):
    profile = msgspec.structs.replace(quick, worker=msgspec.structs.replace(quick.worker, start_seconds=5.0))
    with pytest.raises(SandboxError) as caught:
        LocalWorker(profile, main=program(f"hello-{case}"))
    assert "traceback" not in str(caught.value).lower()


def test_the_guest_of_these_tests_needs_nothing_of_ours():
    assert not any("tfcaf" in line for line in (HERE / "hostile_guest.py").read_text().splitlines() if "import" in line)
    assert sys.version_info >= (3, 11)
