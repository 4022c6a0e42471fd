"""Where a layer cannot be had: it is reported with a remedy, the rest still holds, and it can be required."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from sandbox_hosts import REPOSITORY, honest, work

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


ROOT_WITHOUT = """
import json, os, sys
sys.path.insert(0, REPOSITORY + "/sandboxes")
from guest import system
ready, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    system.unshare(system.NEW_USER)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
    code = (
        "import json; from tfcaf_forge.sandbox.local import LocalWorker\\n"
        "from tfcaf_forge.sandbox.profile import load_profile\\n"
        "with LocalWorker(load_profile()) as worker: print(json.dumps([worker.hello.missing, worker.hello.layers]))"
    )
    os.execv(sys.executable, [sys.executable, "-c", code])
os.read(ready[0], 1)
for name in ("uid_map", "gid_map"):
    open(f"/proc/{pid}/{name}", "w").write("0 0 65536")
os.write(go[1], b"x")
os.waitpid(pid, 0)
"""
"""Root, with all rights over a namespace in which no further user namespace can be made."""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_without_user_namespaces_has_every_other_layer() -> None:
    code = ROOT_WITHOUT.replace("REPOSITORY", repr(str(REPOSITORY)))
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    missing, active = json.loads(done.stdout)
    assert set(missing) == {"user-namespace"}
    assert {"identity", "capabilities", "empty-root", "pid-namespace", "own-namespaces", "rlimits"} <= set(active)


@pytest.fixture(scope="module")
def found(ordinary: Callable[[str], Any]) -> dict[str, Any]:
    return ordinary(
        f"{FORBID}\n"
        "import json\n"
        "from sandbox_hosts import REPOSITORY, honest, work, work\n"
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
