"""What a candidate without any language layer tries: one body of `tfcaf` each, with the real torch and all of Python."""

from __future__ import annotations

import os

from tfcaf_forge.pipeline.attack import CONTRACT, Range
from tfcaf_forge.pipeline.watch import Watch
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.sandbox.receive import receive

ATTEMPTS: dict[str, str] = {
    "environment": "import os; return dict(os.environ)",
    "own-environment-file": "return open('/proc/self/environ').read()",
    "parent-environment-file": "import os; return open(f'/proc/{os.getppid()}/environ').read()",
    "host-environment-file": "return open('/proc/{pid}/environ').read()",
    "every-environment": "import glob; return [open(p, 'rb').read() for p in glob.glob('/proc/*/environ')]",
    "secret-file": "return open('{file}').read()",
    "secret-file-by-descriptor": "import os; return os.read(os.open('{file}', os.O_RDONLY), 100)",
    "secret-file-from-root": "import os; os.chroot('.'); os.chdir('../../../../../..'); return open('{file}').read()",
    "secret-file-through-proc": "return open('/proc/{pid}/root{file}').read()",
    "secret-file-through-own-root": "return open('/proc/self/root{file}').read()",
    "secret-file-mapped": "return torch.from_file('{file}', size=12, dtype=torch.int32)",
    "secret-file-loaded": "return torch.UntypedStorage.from_file('{file}', False, 48).tolist()",
    "secret-file-by-system-call": "import ctypes; c = ctypes.CDLL(None); b = ctypes.create_string_buffer(99); f = c.syscall(257, -100, b'{file}', 0); c.syscall(0, f, b, 99); return b.raw",
    "list-folder": "import os; return os.listdir('{folder}')",
    "stat": "import os; return os.stat('{file}')",
    "descriptors": "import os\n    said = []\n    for fd in range(200):\n        try:\n            said.append(os.read(fd, 10000))\n        except OSError:\n            pass\n    return said",
    "write-to-descriptors": "import os\n    for fd in range(200):\n        try:\n            os.write(fd, b'\\0\\0\\0\\2{}')\n        except OSError:\n            pass\n    return 1",
    "connect": "import socket; return socket.create_connection(('127.0.0.1', {port}), 0.3)",
    "connect-udp": "import socket; s = socket.socket(2, 2); s.sendto(b'x', ('127.0.0.1', {port})); return 1",
    "connect-by-system-call": "import ctypes; c = ctypes.CDLL(None); return c.syscall(41, 2, 1, 0)",
    "connect-unix": "import socket; s = socket.socket(1, 1); s.connect('\\0forge'); return 1",
    "netlink": "import socket; return socket.socket(16, 3, 0)",
    "resolve": "import socket; return socket.getaddrinfo('localhost', 80)",
    "listen": "import socket; s = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(); return s",
    "create-file": "open('/tmp/pwned', 'w').write('x'); return 1",
    "create-file-here": "open('pwned', 'w').write('x'); return 1",
    "create-shared-memory": "import mmap, os; return os.memfd_create('x')",
    "create-folder": "import os; os.mkdir('/tmp/pwned'); return 1",
    "create-link": "import os; os.symlink('/etc/passwd', '/tmp/pwned'); return 1",
    "create-by-torch": "torch.save(torch.ones(3), '/tmp/pwned'); return 1",
    "create-by-numpy": "torch.ones(3).numpy().tofile('/tmp/pwned'); return 1",
    "create-mapped": "torch.from_file('/tmp/pwned', shared=True, size=8); return 1",
    "create-semaphore": "import multiprocessing; return multiprocessing.Semaphore()",
    "remove-file": "import os; os.unlink('{file}'); return 1",
    "change-mode": "import os; os.chmod('{file}', 0o777); return 1",
    "fork": "import os; return os.fork()",
    "fork-by-system-call": "import ctypes; return ctypes.CDLL(None).syscall(57)",
    "clone": "import ctypes; return ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0)",
    "fork-bomb": "import os\n    while True:\n        os.fork()",
    "thread": "import threading, time; t = threading.Thread(target=time.sleep, args=(60,)); t.start(); return t",
    "shell": "import os; return os.popen('cat {file}').read()",
    "exec": "import os; os.execv('/bin/sh', ['sh', '-c', 'cat {file} > /tmp/pwned'])",
    "exec-python": "import os, sys; os.execv(sys.executable, ['python', '-c', '1'])",
    "subprocess": "import subprocess; return subprocess.run(['id'], capture_output=True)",
    "double-fork-stays": "import os, time\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            time.sleep(60)\n        os._exit(0)\n    return 1",
    "kill-parent": "import os; os.kill(os.getppid(), 9); return 1",
    "kill-host": "import os; os.kill({pid}, 15); return 1",
    "kill-everything": "import os; os.kill(-1, 9); return 1",
    "kill-group": "import os; os.killpg(0, 9); return 1",
    "stop-itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); return 1",
    "ptrace-parent": "import ctypes, os; return ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)",
    "read-host-memory": "return open('/proc/{pid}/mem', 'rb').read(10)",
    "read-parent-memory": "import os; return open(f'/proc/{os.getppid()}/mem', 'rb').read(10)",
    "read-host-by-system-call": "import ctypes; return ctypes.CDLL(None).syscall(310, {pid}, 0, 0, 0, 0, 0)",
    "steal-descriptor": "import ctypes, os; return ctypes.CDLL(None).syscall(438, os.pidfd_open({pid}), 3, 0)",
    "own-heap": "import gc; return [o for o in gc.get_objects() if isinstance(o, (str, bytes, dict))][:20000]",
    "own-memory": "import ctypes, re\n    said = b''\n    for line in open('/proc/self/maps'):\n        a, b = (int(x, 16) for x in line.split()[0].split('-'))\n        said += ctypes.string_at(a, min(b - a, 1 << 16))\n    return said",
    "uninitialised-memory": "return [torch.empty(20000).tolist() for _ in range(2)]",
    "mount": "import ctypes; return ctypes.CDLL(None).mount(b'none', b'/', b'tmpfs', 0, None)",
    "unshare": "import ctypes; return ctypes.CDLL(None).unshare(0x10000000)",
    "enter-namespace": "import os, ctypes; return ctypes.CDLL(None).setns(os.open('/proc/{pid}/ns/mnt', 0), 0)",
    "become-root": "import os; os.setuid(0); return os.getuid()",
    "raise-limits": "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (999, 999)); resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); return bytearray(1 << 33)",
    "allocate": "return len(bytearray(1 << 34))",
    "allocate-slowly": "said = []\n    while True:\n        said.append(bytearray(1 << 24))",
    "spin": "while True:\n        pass",
    "sleep": "import time; time.sleep(60); return 1",
    "ignore-signals": "import signal\n    for n in range(1, 32):\n        try:\n            signal.signal(n, signal.SIG_IGN)\n        except (OSError, ValueError):\n            pass\n    while True:\n        pass",
    "leave-session": "import os; os.setsid(); return 1",
    "write-code": "import ctypes, mmap; m = mmap.mmap(-1, 4096, prot=7); return m",
    "segfault": "import ctypes; ctypes.string_at(0); return 1",
    "abort": "import os; os.abort()",
    "exit-early": "import os; os._exit(0)",
    "exit-normally": "import sys; sys.exit(0)",
    "kernel-module": "import ctypes; return ctypes.CDLL(None).syscall(175, 0, 0, 0)",
    "bpf": "import ctypes; return ctypes.CDLL(None).syscall(321, 0, 0, 0)",
    "perf": "import ctypes; return ctypes.CDLL(None).syscall(298, 0, 0, -1, -1, 0)",
    "io-uring": "import ctypes; return ctypes.CDLL(None).syscall(425, 8, 0)",
    "keyring": "import ctypes; return ctypes.CDLL(None).syscall(250, 0, -3, 0)",
    "userfault": "import ctypes; return ctypes.CDLL(None).syscall(323, 0)",
    "host-name": "import os; return os.uname()",
    "processes": "import os; return os.listdir('/proc')",
    "home": "import os; return os.listdir(os.path.expanduser('~'))",
    "devices": "return open('/dev/mem', 'rb').read(1)",
    "terminal": "open('/dev/tty', 'w').write('pwned'); return 1",
    "break-torch": "torch.library.Library('aten', 'IMPL').impl('add.Tensor', lambda a, b: a, 'CPU'); return 1",
    "patch-guest": "import guest.wire, guest.candidate; guest.wire.write_frame = guest.candidate.examine = None; return 1",
    "forge-frame": "import os\n    for fd in range(3, 64):\n        try:\n            os.write(fd, b'\\0\\0\\0\\x15{\"status\": \"traced\"}  ')\n        except OSError:\n            pass\n    os._exit(0)",
    "flood": "import os\n    while True:\n        for fd in range(3, 64):\n            try:\n                os.write(fd, b'\\xff' * 65536)\n            except OSError:\n                pass",
    "big-answer": "return 'a' * 450000",
    "surrogate-answer": "return chr(0xd800) * 1000",
}  # fmt: skip


def filled(body: str, watch: Watch) -> str:
    """The body as a function, with the sentinels in place of `{pid}`, `{file}`, `{folder}` and `{port}`."""
    for what, text in (("pid", os.getpid()), ("file", watch.file), ("folder", watch.file.parent), ("port", watch.port)):
        body = body.replace("{" + what + "}", str(text))
    return f"def tfcaf(q, s):\n    {body}\n"


def held(body: bytes, fate: str, target: Range, watch: Watch) -> Rejection:
    """What the host makes of an answer, once nothing has leaked and nothing has appeared."""
    told = receive(body, fate, CONTRACT, target.probes)
    assert isinstance(told, Rejection)
    assert list(watch.leaked(body)) == []
    assert list(watch.appeared()) == []
    return told
