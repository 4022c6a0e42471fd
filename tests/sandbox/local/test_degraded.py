"""Where a layer cannot be had: it is reported with a remedy, the rest still holds, and it can be required."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sandbox_hosts import honest, work

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox, check_required

FORBID = """
import os, sys
sys.path.insert(0, os.environ["PYTHONPATH"].split(os.pathsep)[0] + "/sandboxes")
from guest import system
uid, gid = os.geteuid(), os.getegid()
system.unshare(system.NEW_USER)
for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
    open(f"/proc/self/{name}", "w").write(text)
open("/proc/sys/user/max_user_namespaces", "w").write("0")
"""
"""As a distribution that forbids user namespaces to ordinary users."""


@pytest.fixture(scope="module")
def found(ordinary: Callable[[str], Any]) -> dict[str, Any]:
    return ordinary(
        f"{FORBID}\n"
        "import json\n"
        "from sandbox_hosts import honest, work, work\n"
        "from tfcaf_forge.errors import SandboxError\n"
        "from tfcaf_forge.sandbox.profile import load_profile\n"
        "from tfcaf_forge.sandbox.sandbox import Sandbox\n"
        "with Sandbox() as box:\n"
        "    outcome = type(box.trace(*work(honest()))).__name__\n"
        "    isolation = box.isolation\n"
        "try:\n"
        "    Sandbox(profile=load_profile('strict'))\n"
        "    refusal = ''\n"
        "except SandboxError as fault:\n"
        "    refusal = str(fault)\n"
        "print(json.dumps([isolation.active, isolation.missing, outcome, refusal]))\n"
    )


def test_without_user_namespaces_the_missing_layers_are_named_with_a_remedy(found: Any) -> None:
    active, missing, *_ = found
    assert set(missing) == {
        "user-namespace", "network-namespace", "ipc-namespace", "host-names", "pid-namespace", "empty-root",
        "own-namespaces",
    }  # fmt: skip
    assert not set(missing) & set(active)
    assert all("user namespaces" in text and "; " in text for text in missing.values())


def test_without_user_namespaces_the_rest_still_holds_and_candidates_run(found: Any) -> None:
    active, _, outcome, _ = found
    assert {"seccomp", "landlock", "rlimits", "capabilities", "descriptors", "deadline", "process"} <= set(active)
    assert outcome == "Traced"


def test_a_strict_profile_refuses_to_run_with_less(found: Any) -> None:
    assert "a required layer of the local sandbox does not hold" in found[3]
    assert "max_user_namespaces" in found[3]


def test_a_missing_required_layer_is_refused_with_its_remedy() -> None:
    isolation = Isolation(backend="local", active=("seccomp",), missing={"landlock": "no Landlock; Linux 5.13"})
    check_required(isolation, ["seccomp"])
    with pytest.raises(SandboxError, match=r"does not hold: landlock: no Landlock; Linux 5\.13"):
        check_required(isolation, ["landlock"])
    with pytest.raises(SandboxError, match="landlock"):
        check_required(isolation, ["all"])


def test_an_unknown_required_layer_is_refused_with_the_known_ones() -> None:
    isolation = Isolation(backend="local", active=("seccomp",))
    with pytest.raises(SandboxError, match="no layer 'secomp'; choose from all, seccomp"):
        check_required(isolation, ["secomp"])


def test_where_all_layers_hold_the_strict_profile_runs() -> None:
    with Sandbox(profile=load_profile("strict"), require=["seccomp"]) as box:
        assert isinstance(box.trace(*work(honest())), Traced)
