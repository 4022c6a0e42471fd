"""What native code would ask a kernel for, once it has broken everything above: by idea, not by number.

Each is Python text for the body of a function in the bare guest, `{pid}`, `{file}`, `{folder}` and `{port}` filled in.
"""

from __future__ import annotations

_C = "import ctypes, os\n    c = ctypes.CDLL(None, use_errno=True)\n    p = os.getppid()\n    b = ctypes.create_string_buffer(4096)\n    "


def _call(*arguments: object) -> str:
    """One system call of x86-64, and what came of it."""
    return f"{_C}return c.syscall({', '.join(map(str, arguments))}), ctypes.get_errno()"


def _code(text: str) -> str:
    return _C + text


KERNEL_CALLS: dict[str, str] = {
    # memory of other processes
    "userfaultfd-for-a-race": _call(323, 0x80800),
    "userfaultfd-device": _code("return os.open('/dev/userfaultfd', 2)"),
    "write-parent-memory": _call(311, "p", 0, 0, 0, 0, 0),
    "own-memory-file": _code("f = os.open('/proc/self/mem', 2); os.lseek(f, id(b), 0); return os.read(f, 64)"),
    "trace-me": _call(101, 0, 0, 0, 0),
    "seize-parent": _call(101, 0x4206, "p", 0, 0),
    "compare-descriptors-with-parent": _call(312, "p", "os.getpid()", 0, 3, 3),
    "advise-parent-memory": _call(440, "p", 0, 0, 4, 0),
    "secret-memory": _call(447, 0),
    "huge-pages": _call(9, 0, 1 << 21, 3, 0x40022, -1, 0),
    "map-at-zero": _call(9, 0, 4096, 3, 0x32, -1, 0),
    "map-a-descriptor": _call(9, 0, 4096, 1, 2, 3, 0),
    "shared-mapping-for-later": _code(
        "import mmap\n    m = mmap.mmap(-1, 4096); m[:5] = b'relay'; return bytes(m[:5])"
    ),
    "lock-memory": _call(151, 1),
    # shared memory, queues and semaphores of System V and POSIX
    "scan-shared-memory": _code(
        "found = []\n    for i in range(400):\n        a = c.shmat(i, None, 0o10000)\n        found.append(a)\n    return found"
    ),
    "make-shared-memory": _call(29, 0x1234, 4096, 0o1666),
    "make-message-queue": _call(68, 0x1234, 0o1666),
    "make-semaphore": _call(64, 0x1234, 1, 0o1666),
    "make-posix-queue": _call(240, "b'/relay'", 0o102, 0o666, 0),
    # keys
    "add-key": _call(248, "b'user'", "b'relay'", "b'x'", 1, -3),
    "request-key": _call(249, "b'user'", "b'relay'", 0, -3),
    "join-keyring": _call(250, 1, 0),
    # files without paths
    "execute-from-memory": _code(
        "f = c.syscall(319, b'x', 0); os.write(f, b'#!/bin/sh'); return c.syscall(322, f, b'', 0, 0, 0x1000)"
    ),
    "open-by-handle": _call(304, -100, "b", 0),
    "handle-of-a-path": _call(303, -100, "b'/'", "b", "b", 0),
    "open-with-rules": _call(437, -100, "b'{file}'", "b", 24),
    "open-a-tree": _call(428, -100, "b'/'", 0x80001),
    "new-file-system": _call(430, "b'proc'", 0),
    "move-a-mount": _call(429, -100, "b'/'", -100, "b'/'", 0),
    "change-a-mount": _call(442, -100, "b'/'", 0, "b", 32),
    "leave-the-root-by-descriptor": _code(
        "f = os.open('/', 0x200000)\n    os.fchdir(f)\n    for _ in range(9):\n        os.chdir('..')\n    return os.listdir('.')"
    ),
    "pivot-the-root": _call(155, "b'.'", "b'.'"),
    "watch-files": _call(254),
    "watch-file-systems": _call(300, 0, 0),
    "copy-between-descriptors": _call(326, 3, 0, 3, 0, 100, 0),
    "splice-into-the-pipe": _call(275, 0, 0, 3, 0, 100, 0),
    "vmsplice-into-the-pipe": _call(278, 3, "b", 1, 0),
    "tee": _call(276, 3, 3, 100, 0),
    "set-extended-attribute": _call(188, "b'{file}'", "b'user.x'", "b'x'", 1, 0),
    # sockets of every family, and what they carry
    "vsock": _call(41, 40, 1, 0),
    "crypto-socket": _call(41, 38, 5, 0),
    "packet-socket": _call(41, 17, 3, 0x300),
    "raw-socket": _call(41, 2, 3, 1),
    "bluetooth-socket": _call(41, 31, 3, 1),
    "route-socket": _call(41, 16, 3, 0),
    "audit-socket": _call(41, 16, 3, 9),
    "fast-path-socket": _call(41, 44, 3, 0),
    "pair-of-sockets": _call(53, 1, 1, 0, "b"),
    "pass-a-descriptor": _code(
        "import socket, array\n    a, d = socket.socketpair(); a.sendmsg([b'x'], [(1, 1, array.array('i', [3]))]); return 1"
    ),
    "abstract-socket-to-wait-on": _code("import socket\n    s = socket.socket(1); s.bind('\\0relay'); s.listen(); return 1"),
    # signals to those outside
    "queue-a-signal": _call(129, "p", 9, "b"),
    "signal-through-a-descriptor": _code("return c.syscall(424, c.syscall(434, p, 0), 9, 0, 0)"),
    "signal-a-thread": _call(234, "p", "p", 9),
    "signal-by-alarm": _code("import signal\n    signal.setitimer(signal.ITIMER_REAL, 0.01); return 1"),
    "signal-by-timer": _call(222, 0, 0, "b"),
    "signal-by-owner-of-the-pipe": _code("import fcntl\n    fcntl.fcntl(3, 8, p); fcntl.fcntl(3, 4, 0o20000); return 1"),
    "outlive-the-parent": _call(157, 1, 0, 0, 0, 0),
    "be-looked-into": _call(157, 4, 1, 0, 0, 0),
    "move-its-name-and-memory": _call(157, 35, 8, 4096, 0, 0),
    "adopt-orphans": _call(157, 36, 1, 0, 0, 0),
    # the kernel itself
    "program-for-the-kernel": _call(321, 5, "b", 120),
    "count-cycles": _call(298, "b", 0, -1, -1, 0),
    "ring-setup": _call(425, 8, "b"),
    "ring-enter": _call(426, 3, 1, 1, 1, 0, 0),
    "ring-register": _call(427, 3, 0, 0, 0),
    "filter-with-a-listener": _call(317, 1, 8, "b"),
    "landlock-of-its-own": _call(444, 0, 0, 1),
    "kernel-log": _call(103, 3, "b", 4096),
    "core-pattern": _code("return open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')"),
    "core-dump": _code("import resource\n    resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)); os.abort()"),
    "release-agent": _code("return open('/sys/fs/cgroup/release_agent', 'w').write('/bin/sh')"),
    "module-from-descriptor": _call(313, 3, "b''", 0),
    "kexec": _call(246, 0, 0, 0, 0),
    "reboot": _call(169, 0xFEE1DEAD, 672274793, 0, 0),
    "swap": _call(167, "b'{file}'", 0),
    "accounting": _call(163, "b'{file}'"),
    "quota": _call(179, 0, 0, 0, 0),
    "ports": _call(172, 3),
    "all-ports": _call(173, 0x70, 8, 1),
    "descriptor-table-of-the-processor": _call(154, 1, "b", 16),
    "protection-keys": _call(330, 0, 0),
    "change-personality": _call(135, 0x0040000),
    "set-the-clock": _call(227, 0, "b"),
    "steer-the-clock": _call(159, "b"),
    "set-the-host-name": _call(170, "b'pwned'", 5),
    "be-real-time": _call(144, 0, 1, "b"),
    "raise-priority": _call(141, 0, 0, -20),
    "idle-disk-of-others": _call(251, 1, "p", 0),
    "leave-its-processor": _call(203, 0, 8, "b"),
    "move-pages-of-parent": _call(279, "p", 0, 0, 0, 0, 0),
    "fork-without-a-copy": _call(58),
    "new-process-new-way": _call(435, "b", 88),
    "limits-of-the-parent": _call(302, "p", 7, "b", 0),
    "terminal-input": _code("import fcntl\n    return [fcntl.ioctl(fd, 0x5412, b'x') for fd in range(4)]"),
    "thirty-two-bit-call": _code(
        "import mmap\n    m = mmap.mmap(-1, 4096, prot=3)\n    m[:3] = b'\\xcd\\x80\\xc3'\n"
        "    a = ctypes.addressof(ctypes.c_char.from_buffer(m)); c.mprotect(a, 4096, 5)\n    return ctypes.CFUNCTYPE(None)(a)()"
    ),
    "x32-call": _call(0x40000000 | 41, 1, 1, 0),
    "old-time-page": _code("return ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(0xFFFFFFFFFF600400)(None)"),
    "no-such-call": _call(99999),
    "negative-call": _call(-1),
    # time
    "sleep-by-poll": _call(7, 0, 0, 60000),
    "wait-for-ever-on-a-futex": _call(202, "b", 0, 0, 0, 0, 0),
    "wait-with-a-realtime-futex": _call(202, "b", 0x100 | 9, 0, 0, 0, -1),
    "yield-for-ever": _code("while True:\n        c.sched_yield()"),
    "recurse-natively": _code("f = ctypes.CFUNCTYPE(None)(lambda: f())\n    return f()"),
    "grow-the-heap": _code("while True:\n        c.malloc(1 << 24)"),
    "touch-all-memory": _code("import mmap\n    return [mmap.mmap(-1, 1 << 28).write(b'x' * (1 << 28)) for _ in range(64)]"),
    "fill-the-pipe-slowly": _code("import time\n    while True:\n        os.write(3, b'\\0')"),
    "close-the-pipe-and-spin": _code("os.close(3)\n    while True:\n        pass"),
}  # fmt: skip
