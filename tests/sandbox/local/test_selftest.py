"""The self-test notices a layer that is not there, and sentinels that can be reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

START = """
import json, os, sys
sys.path.insert(0, os.environ["PYTHONPATH"].split(os.pathsep)[0] + "/sandboxes")
os.environ.clear()
from guest import confine, house, selftest, sentinels
planted = sentinels.plant(None)
host, _ = os.pipe()
"""
FINISH = """
said = json.dumps([found.held, found.missing, found.attempts])
os.write(1, said.encode() + b"\\n")
"""


def test_layers_of_the_process_that_do_nothing_are_found_out(ordinary: Callable[[str], Any]) -> None:
    held, missing, attempts = ordinary(
        f"{START}\n"
        "inside = house.enter()\n"
        "confine.LAYERS = {name: lambda context: None for name in confine.LAYERS}\n"
        f"found = selftest.examine_layers(inside, planted, host, thorough=True)\n{FINISH}"
    )
    idle = {
        "session", "descriptors", "own-namespaces", "capabilities", "parent-death", "rlimits", "no-new-privileges",
        "landlock", "seccomp",
    }  # fmt: skip
    assert set(missing) >= idle
    assert not idle & set(held)
    assert attempts["landlock: open the root directory"] == "not stopped"
    assert all("did not stop an attempt to" in missing[name] for name in idle)


def test_walls_that_were_not_built_are_found_out(ordinary: Callable[[str], Any]) -> None:
    held, missing, _ = ordinary(
        f"{START}\nfound = selftest.examine_layers(house.enter(walls=False), planted, host)\n{FINISH}"
    )
    walls = {"network-namespace", "ipc-namespace", "host-names", "pid-namespace", "empty-root"}
    assert set(missing) >= walls
    assert not walls & set(held)


def test_a_layer_that_fails_half_way_ends_the_candidate_and_is_not_in_force(ordinary: Callable[[str], Any]) -> None:
    held, missing, _ = ordinary(
        f"{START}\n"
        "def broken(context): raise OSError(5, 'half-way')\n"
        "confine.LAYERS['rlimits'] = broken\n"
        f"found = selftest.examine_layers(house.enter(), planted, host)\n{FINISH}"
    )
    assert "rlimits" not in held
    assert "it failed half-way" in missing["rlimits"]


def test_the_hosts_marker_is_found_where_memory_was_inherited(ordinary: Callable[[str], Any]) -> None:
    found = ordinary(
        f"{START}\n"
        "first, second = os.urandom(8), os.urandom(8)\n"
        "apart = sentinels.plant((first, second)).memory\n"
        "joined = first + second\n"
        "together = sentinels.plant((first, second)).memory\n"
        "print(json.dumps([apart, together]))\n"
    )
    assert found == [False, True]


def test_memory_that_one_candidate_could_leave_for_the_next_is_found_out(ordinary: Callable[[str], Any]) -> None:
    """A forked process has it at the same address; no namespace and no system call stands in between."""
    held, missing, attempts = ordinary(
        f"{START}\n"
        "import mmap\n"
        "shared = mmap.mmap(-1, 4096)\n"
        f"found = selftest.examine_layers(house.enter(), planted, host)\n{FINISH}"
    )
    assert "own-namespaces" not in held
    assert "find memory that the next candidate has too" in missing["own-namespaces"]
    assert attempts["own-namespaces: find memory that the next candidate has too"] == "not stopped"
