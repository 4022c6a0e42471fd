"""The container's layers alone, with Docker's own runtime and with gVisor: screen, RestrictedPython and facade are off."""

from __future__ import annotations

import contextlib
import io
import platform
import tarfile
import time
from functools import partial
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from tests.attacks.attempts import ATTEMPTS, filled, held
from tests.attacks.kernel_calls import KERNEL_CALLS
from tests.sandbox.container.conftest import base, engine, gvisor, image  # noqa: F401 - fixtures
from tfcaf_forge.errors import SandboxError
from tfcaf_forge.pipeline.attack import Range
from tfcaf_forge.sandbox.docker import DockerWorker

pytestmark = pytest.mark.docker

MAIN = Path(__file__).parent / "bare_guest" / "main.py"
TAG = "tfcaf-forge-bare"
RUNTIMES = {"docker": None, "gvisor": "runsc"}
GUEST = "/opt/forge/guest"
GIVEN_UP = 60.0
"""Seconds until a sandbox that does not answer counts as hanging: its limit, its grace and a new container."""


class Sturdy(DockerWorker):
    """A container that is not replaced after a candidate that a forbidden system call killed: most of them are."""

    @property
    def spent(self):
        return not self._open


@pytest.fixture(scope="session")
def bare_image(engine, image):  # noqa: F811
    """The sandbox's image with the bare guest for its own; the label, inherited, is not true of it."""
    main = MAIN.read_text().replace('parents[3] / "sandboxes"', "parents[1]").replace("guest.main", "guest.own_main")
    steps = f"FROM {image.id}\nUSER 0\nRUN cd {GUEST} && mv main.py own_main.py\nCOPY main.py {GUEST}/\n"
    steps += f"RUN python3 -m compileall -q -f --invalidation-mode unchecked-hash {GUEST}\nUSER 65534:65534\n"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, text in (("main.py", main), ("Dockerfile", steps)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    said = list(
        engine.api.build(fileobj=context, custom_context=True, tag=TAG, rm=True, decode=True, network_mode="none")
    )
    assert not [step for step in said if "error" in step], said[-3:]
    yield TAG
    with contextlib.suppress(ImageNotFound):  # a test of `prune` may have been there
        engine.api.remove_image(TAG, force=True)


@pytest.fixture(scope="module", params=RUNTIMES)
def target(request, bare_image, short_profile, watch):
    runtime = RUNTIMES[request.param]
    if runtime:
        request.getfixturevalue("gvisor")
    with Range(partial(Sturdy, image=bare_image, runtime=runtime), short_profile) as range_:
        watch.begin()
        yield range_


def _judge(source, target, watch):
    """A container that ends with its candidate is a rejection, too: nothing but the container was hit."""
    begin = time.perf_counter()
    try:
        body, fate = target.shoot(source)
    except SandboxError as fault:
        body, fate = str(fault).encode(), "died:9"
    assert time.perf_counter() - begin < GIVEN_UP
    return held(body, fate, target, watch)


def test_the_bare_guest_really_runs_what_it_is_given(target, watch):
    assert "49" in _judge("def tfcaf(q, s):\n    return 7 * 7\n", target, watch).message


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_container_alone_lets_nothing_out(name, target, watch):
    _judge(filled(ATTEMPTS[name], watch), target, watch)
    assert watch.file.exists()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86-64")
def test_no_call_to_the_kernel_lets_anything_out(target, watch):
    for body in KERNEL_CALLS.values():
        _judge(filled(body, watch), target, watch)
        assert watch.file.exists()


def test_it_still_answers_after_all_of_them(target, watch):
    assert "[3, 2]" in _judge("def tfcaf(q, s):\n    return list(q.shape)\n", target, watch).message
