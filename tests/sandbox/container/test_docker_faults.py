"""Faults of the machine: each is a typed error with a remedy, or the next container takes over."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

from tests.sandbox.container.conftest import refused_sockets
from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox import docker_settings
from tfcaf_forge.sandbox.docker import DockerWorker
from tfcaf_forge.sandbox.docker_engine import EngineGone, ImageMissing, ImageStale, faults
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.docker


def test_container_killed_between_candidates_is_replaced(docker_box, ask, engine):
    first = docker_box._worker.id
    engine.api.kill(first)
    assert isinstance(ask(docker_box), Traced)
    assert docker_box._worker.id != first


@pytest.mark.parametrize("how", ["kill", "remove"])
def test_container_killed_under_a_candidate_is_replaced_and_the_candidate_tried_again(docker_box, ask, engine, how):
    first = docker_box._worker.id
    engine.api.pause(first)  # the candidate is under way and will not end

    def strike() -> None:
        time.sleep(0.3)
        engine.api.unpause(first) if how == "kill" else None
        engine.api.remove_container(first, force=True) if how == "remove" else engine.api.kill(first)

    thread = threading.Thread(target=strike)
    thread.start()
    outcome = ask(docker_box)
    thread.join()
    assert isinstance(outcome, Traced)


def test_container_out_of_memory_is_the_candidates_rejection(image, ask, monkeypatch):
    """The container's limit is the wall behind the process's own; here that one is set far too wide."""
    monkeypatch.setattr(docker_settings, "_WARM_BYTES", 400 << 20)
    profile = load_profile()
    limits = msgspec.structs.replace(profile.limits, memory_bytes=1 << 30)
    walls = docker_settings.walls(msgspec.structs.replace(profile, limits=limits), None)
    monkeypatch.setattr(docker_settings, "walls", lambda *_: msgspec.structs.replace(walls, memory_bytes=600 << 20))
    source = (
        "def tfcaf(local_q, state):\n    x = torch.ones(12000, 12000)\n    y = x * 2.0\n"
        "    return local_q.sum(dim=1, keepdim=True) + 0.0 * y.sum()\n"
    )
    with Sandbox("docker", profile) as box:
        outcome = ask(box, source)
        assert isinstance(outcome, Rejection)
        assert outcome.stage in ("limit", "run", "trace", "verify")
        assert isinstance(ask(box), Traced)


def test_missing_image_is_named_and_never_pulled(engine):
    with pytest.raises(ImageMissing, match="forge sandbox build"):
        DockerWorker(load_profile(), image="tfcaf-forge-sandbox:no-such-version")


def test_image_of_another_guest_is_refused(engine, base):
    with pytest.raises(ImageStale, match="forge sandbox build"):
        DockerWorker(load_profile(), image=base)


def test_unknown_runtime_names_the_remedy(image):
    with pytest.raises(SandboxError, match=r"daemon\.json"):
        DockerWorker(load_profile(), runtime="no-such-runtime")


@refused_sockets
def test_dead_engine_is_named_with_its_remedy(engine, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(EngineGone, match="start it"):
        DockerWorker(load_profile())


def test_full_disk_is_named_with_its_remedy(engine):
    from docker.errors import APIError

    with pytest.raises(SandboxError, match="docker system prune"), faults("starting"):
        raise APIError("500 Server Error", explanation="mkdir /var/lib/docker/x: no space left on device")
