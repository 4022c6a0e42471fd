"""The engine stops and comes back under a run: with an engine, a socket and a disk of the test's own.

Its image is a small stand-in for the guest that answers without torch: what is tested is the host's side.
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.sandbox.container.conftest import refused_sockets
from tests.sandbox.container.own_engine import Engine
from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.sandbox import docker as backend
from tfcaf_forge.sandbox.docker import DockerWorker
from tfcaf_forge.sandbox.docker_clean import GUEST
from tfcaf_forge.sandbox.docker_engine import EngineGone, connect
from tfcaf_forge.sandbox.docker_image import TAG, guest_digest, sources
from tfcaf_forge.sandbox.docker_owner import RUN
from tfcaf_forge.sandbox.docker_walls import _KNOWN
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.docker, pytest.mark.slow, refused_sockets]

LONG = msgspec.structs.replace(load_profile(), limits=msgspec.structs.replace(load_profile().limits, wall_seconds=60.0))
"""The engine goes away long before the candidate's time is up, also on a busy machine."""

STAND_IN = f"""
import json, os, struct, time
def send(value):
    body = json.dumps(value).encode()
    os.write(1, struct.pack(">I", len(body)) + body)
def read(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part: raise SystemExit
        data += part
    return data
send({{"kernel": "x", "pid": 1, "found": {dict.fromkeys(_KNOWN, "")!r}}})
send({{"protocol": 1, "python": "3", "torch": "2", "layers": [], "missing": {{}}}})
while True:
    request = json.loads(read(struct.unpack(">I", read(4))[0]))
    if request.get("source") == "exit": os._exit(1)
    time.sleep(request.get("nap", 0.0))
    send({{"id": request["id"], "fate": "answered"}})
    send({{"status": "ok"}})
"""


@pytest.fixture(scope="module")
def own_engine(engine, base, tmp_path_factory) -> Iterator[Engine]:
    with Engine.running(tmp_path_factory.mktemp("engine"), base) as made:
        stand_in(base)
        yield made


def stand_in(base: str) -> None:
    """An image whose first program is `STAND_IN`, labelled like ours."""
    context = io.BytesIO()
    files = {"probe.py": STAND_IN, "Dockerfile": f"FROM {base}\nCOPY probe.py /opt/forge/probe.py\n"}
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    client = connect()
    steps = list(
        client.api.build(
            fileobj=context, custom_context=True, tag=TAG, decode=True, rm=True, labels={GUEST: guest_digest(sources())}
        )
    )
    client.close()
    assert not [step for step in steps if "error" in step], json.dumps(steps[-3:])


def containers_left() -> list[dict[str, Any]]:
    """What the engine still has of ours."""
    with contextlib.closing(connect()) as client:
        return client.api.containers(all=True, filters={"label": RUN})


def costs_one_container(own_engine: Engine, end: Callable[[], None]) -> None:
    """End the engine under a candidate and start it again: the candidate's container is lost, the next one serves."""
    worker = DockerWorker(LONG)

    def strike() -> None:
        end()
        own_engine.start()

    striker = threading.Timer(0.3, strike)
    striker.start()
    with pytest.raises(SandboxError, match="started anew"):
        worker.ask({"nap": 50.0})
    striker.join()
    with DockerWorker(load_profile()) as fresh:
        assert fresh.ask({"nap": 0.0})[1] == "answered"


def test_stopped_engine_is_a_typed_error_and_a_restarted_one_serves_again(own_engine, monkeypatch):
    monkeypatch.setattr(backend, "_RESTART_SECONDS", 0.5)
    worker = DockerWorker(LONG)
    assert worker.ask({"nap": 0.0})[1] == "answered"
    striker = threading.Timer(0.5, own_engine.stop)
    striker.start()
    with pytest.raises(SandboxError) as caught:
        worker.ask({"nap": 50.0})
    striker.join()
    assert worker.spent
    with pytest.raises(EngineGone, match="start it"):
        DockerWorker(load_profile())
    own_engine.start()
    with DockerWorker(load_profile()) as fresh:
        assert fresh.ask({"nap": 0.0})[1] == "answered"
    left = containers_left()
    assert left == [], [(item["State"], item["Status"], caught.value) for item in left]


def test_engine_that_is_restarted_under_a_candidate_costs_one_container(own_engine):
    costs_one_container(own_engine, own_engine.stop)


def test_engine_that_is_killed_under_a_candidate_costs_one_container(own_engine):
    costs_one_container(own_engine, own_engine.kill)
    assert containers_left() == []


def test_guest_that_never_answers_costs_its_time_limit_and_no_more(own_engine, monkeypatch):
    monkeypatch.setattr(backend, "_GRACE_SECONDS", -4.0)
    worker = DockerWorker(load_profile())
    begin = time.monotonic()
    assert worker.ask({"nap": 50.0}) == (b"", "time-limit")
    assert time.monotonic() - begin < 5
    assert worker.spent


def test_candidate_that_ends_its_container_twice_is_rejected(own_engine):
    work = Proposal(id=1, coder="file", source="exit"), Contract(n_agents=1, state_size=1), []
    with Sandbox("docker") as box:
        told = box.trace(*work)
        assert isinstance(told, Rejection)
        assert told.code == "sandbox-lost"
