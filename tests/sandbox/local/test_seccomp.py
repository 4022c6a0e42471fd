"""The filter's decisions, computed step by step as the kernel does."""

from __future__ import annotations

import errno
import sys
from typing import Any

import pytest

from tfcaf_forge.resources import bundled

sys.path.insert(0, str(bundled("sandboxes")))

from guest import landlock, seccomp
from guest.system import Unavailable

ALLOW, KILL, EACCES = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES
X86, ARM = 0xC000003E, 0xC00000B7


def verdict(machine: str, architecture: int, number: int, *arguments: int) -> int:
    """Run the filter over one system call."""
    words = {0: number, 4: architecture}
    for index, argument in enumerate(arguments):
        words[16 + 8 * index] = argument & 0xFFFFFFFF
    at, value = 0, 0
    steps = seccomp.program(machine)
    while True:
        code, true, false, operand = steps[at]
        if code == 0x06:
            return operand
        if code == 0x20:
            value, jump = words.get(operand, 0), 0
        else:
            hit = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            jump = true if hit else false
        at += 1 + jump


def x86(number: int, *arguments: int) -> int:
    return verdict("x86_64", X86, number, *arguments)


@pytest.mark.parametrize(
    ("number", "arguments", "wanted"),
    [
        pytest.param(0, (), ALLOW, id="read"),
        pytest.param(1, (3,), ALLOW, id="write the result"),
        pytest.param(1, (2,), KILL, id="write to stderr"),
        pytest.param(9, (0, 4096, 3, 0x22), ALLOW, id="map data"),
        pytest.param(9, (0, 4096, 5, 0x22), KILL, id="map code"),
        pytest.param(9, (0, 4096, 1, 0x02), KILL, id="map a file"),
        pytest.param(10, (0, 4096, 1), ALLOW, id="protect data"),
        pytest.param(10, (0, 4096, 4), KILL, id="make code of data"),
        pytest.param(257, (), EACCES, id="openat"),
        pytest.param(262, (), EACCES, id="newfstatat"),
        pytest.param(2, (), KILL, id="open"),
        pytest.param(41, (), KILL, id="socket"),
        pytest.param(56, (), KILL, id="clone"),
        pytest.param(59, (), KILL, id="execve"),
        pytest.param(62, (), KILL, id="kill"),
        pytest.param(101, (), KILL, id="ptrace"),
        pytest.param(425, (), KILL, id="io_uring_setup"),
        pytest.param(435, (), KILL, id="clone3"),
        pytest.param(0x40000000, (), KILL, id="x32 read"),
        pytest.param(0x40000001, (3,), KILL, id="x32 write"),
    ],
)
def test_a_call_gets_its_verdict(number: int, arguments: tuple[int, ...], wanted: int) -> None:
    assert x86(number, *arguments) == wanted


def test_nothing_but_the_listed_calls_is_allowed() -> None:
    allowed = {number for number in range(600) if x86(number, 3, 0, 0, 0x22) == ALLOW}
    assert allowed == {*seccomp._ALLOWED["x86_64"].values(), *seccomp._CHECKED["x86_64"].values()}
    assert len(allowed) == 18


def test_calls_of_another_architecture_are_killed() -> None:
    assert verdict("x86_64", 0x40000003, 1, 3) == KILL
    assert verdict("aarch64", X86, 63) == KILL
    assert verdict("aarch64", ARM, 63) == ALLOW


def test_both_machines_allow_the_same_calls() -> None:
    assert seccomp._ALLOWED["x86_64"].keys() == seccomp._ALLOWED["aarch64"].keys()
    assert seccomp._CHECKED["x86_64"].keys() == seccomp._CHECKED["aarch64"].keys()


def test_an_unknown_machine_has_no_filter_and_says_so() -> None:
    with pytest.raises(Unavailable, match="no list of system calls for riscv64; use x86_64, aarch64, or"):
        seccomp.program("riscv64")


@pytest.mark.parametrize(
    ("abi", "wanted"),
    [
        (1, (0x1FFF, 0, 0, 8)),
        (3, (0x7FFF, 0, 0, 8)),
        (4, (0x7FFF, 3, 0, 16)),
        (6, (0xFFFF, 3, 3, 24)),
        (9, (0xFFFF, 3, 3, 24)),
    ],
)
def test_every_right_that_a_landlock_version_knows_is_handled(abi: int, wanted: Any) -> None:
    assert landlock.rights(abi) == wanted
