"""Every layer holds: as the user who runs the tests, and as an ordinary user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tfcaf_forge.sandbox.local import LocalWorker

KERNEL = {
    "seccomp", "landlock", "no-new-privileges", "not-dumpable", "rlimits", "parent-death", "capabilities", "identity",
    "own-namespaces", "descriptors", "session", "deadline", "empty-root", "pid-namespace", "host-names",
    "ipc-namespace", "network-namespace", "user-namespace", "keyring", "environment", "process",
}  # fmt: skip
LANGUAGE = {"screen", "restrictedpython", "facade", "trace"}

FORBIDDEN = {
    "read a file": ("open('/etc/passwd').read()", "PermissionError EACCES"),
    "stat a file": ("__import__('os').stat('/etc/passwd')", "PermissionError EACCES"),
    "write a file": ("open('/tmp/x', 'w')", "PermissionError EACCES"),
    "list a folder": ("__import__('os').listdir('/')", "PermissionError EACCES"),
    "TCP": ("__import__('socket').socket()", "died:31"),
    "UDP": ("__import__('socket').socket(2, 2)", "died:31"),
    "Unix socket": ("__import__('socket').socket(1)", "died:31"),
    "fork": ("__import__('os').fork()", "died:31"),
    "exec": ("__import__('os').execv('/bin/sh', ['sh'])", "died:31"),
    "signal the parent": ("__import__('os').kill(__import__('os').getppid(), 9)", "died:31"),
    "signal everything": ("__import__('os').kill(-1, 9)", "died:31"),
    "thread": ("__import__('_thread').start_new_thread(print, ())", "died:31"),
    "ptrace": ("__import__('ctypes').CDLL(None).ptrace(16, 1, 0, 0)", "died:31"),
    "raise a limit": ("__import__('resource').setrlimit(0, (9, 9))", "died:31"),
    "executable memory": ("__import__('mmap').mmap(-1, 4096, prot=5)", "died:31"),
    "shared memory": ("__import__('ctypes').CDLL(None).shmget(0, 4096, 0o1666)", "died:31"),
    "keys": ("__import__('ctypes').CDLL(None).syscall(250, 0, -3, 0)", "died:31"),
    "namespace": ("__import__('ctypes').CDLL(None).unshare(0x10000000)", "died:31"),
    "io_uring": ("__import__('ctypes').CDLL(None).syscall(425, 1, 0)", "died:31"),
    "memory": ("bytearray(4 << 30)", "MemoryError"),
}


def test_every_layer_holds_here(hostile_worker: LocalWorker) -> None:
    assert hostile_worker.hello.missing == {}
    assert set(hostile_worker.hello.layers) == KERNEL | LANGUAGE


def test_every_layer_holds_for_an_ordinary_user(ordinary: Callable[[str], Any]) -> None:
    found = ordinary(
        "import json, os\n"
        "from tfcaf_forge.sandbox.local import LocalWorker\n"
        "from tfcaf_forge.sandbox.profile import load_profile\n"
        "assert os.geteuid() != 0\n"
        "with LocalWorker(load_profile()) as worker:\n"
        "    print(json.dumps([worker.hello.missing, worker.hello.layers]))\n"
    )
    assert found[0] == {}
    assert set(found[1]) == KERNEL | LANGUAGE


@pytest.mark.parametrize("what", FORBIDDEN)
def test_without_the_language_layers_the_kernel_stops(what: str, hostile: Callable[[str], Any]) -> None:
    act, stopped = FORBIDDEN[what]
    assert hostile(f"{act}\nanswer = 'got through'") == stopped


def test_a_crash_of_native_code_ends_the_candidate_alone(hostile: Callable[[str], Any]) -> None:
    assert hostile("__import__('ctypes').string_at(8)") in ("died:11", "died:7")
    assert hostile("answer = 1") == 1


def test_a_candidate_has_a_fresh_copy_of_everything(hostile: Callable[[str], Any]) -> None:
    hostile("import builtins; builtins.left_behind = 1")
    assert hostile("import builtins; answer = hasattr(builtins, 'left_behind')") is False


def test_nothing_of_the_environment_is_visible(hostile: Callable[[str], Any]) -> None:
    names = set(hostile("import os; answer = dict(os.environ)"))
    assert names <= {
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "LC_ALL", "LC_CTYPE",
    }  # fmt: skip


def test_the_answer_is_the_only_way_out(hostile: Callable[[str], Any]) -> None:
    assert hostile("import os; os.write(1, b'x')") == "died:31"
    assert hostile("import os; os.write(4, b'x')") == "died:31"
