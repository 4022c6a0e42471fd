"""The Docker backend with a real engine: what is traced, what is refused, what holds."""

from __future__ import annotations

import msgspec
import pytest

from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox.docker import DockerWorker
from tfcaf_forge.sandbox.docker_owner import RUN, Owner
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.docker

WALLS = {
    "container", "network-none", "read-only", "uid", "no-capabilities", "container-privileges", "container-seccomp",
    "container-rlimits", "pids", "memory",
}  # fmt: skip
HEAVY = """def tfcaf(local_q, state):
    big = local_q
    for _ in range(30):
        big = torch.cat([big, big], dim=1)
    return big.sum(dim=1, keepdim=True)
"""
SLOW = """def tfcaf(local_q, state):
    x = torch.ones(2000, 2000)
    for _ in range(200):
        x = torch.matmul(x, x) * 0.0
    return local_q.sum(dim=1, keepdim=True) + x.sum()
"""
ATTACKS = {
    "import": "def tfcaf(local_q, state):\n    import os\n    return local_q.sum(dim=1, keepdim=True)\n",
    "open": "def tfcaf(local_q, state):\n    open('/etc/passwd')\n    return local_q.sum(dim=1, keepdim=True)\n",
    "walk": "def tfcaf(local_q, state):\n    local_q.__class__.__mro__\n    return local_q.sum(dim=1, keepdim=True)\n",
    "modules": "def tfcaf(local_q, state):\n    torch.os.system('id')\n    return local_q.sum(dim=1, keepdim=True)\n",
    "save": "def tfcaf(local_q, state):\n    torch.save(state, '/x')\n    return local_q.sum(dim=1, keepdim=True)\n",
    "storage": "def tfcaf(local_q, state):\n    local_q.untyped_storage()\n    return local_q.sum(dim=1, keepdim=True)\n",
    "format": "def tfcaf(local_q, state):\n    '{0.__class__}'.format(state)\n    return local_q.sum(dim=1, keepdim=True)\n",
}


def test_honest_candidate_has_the_same_graph_as_in_the_local_sandbox(docker_box, ask):
    traced = ask(docker_box)
    assert isinstance(traced, Traced), traced
    with Sandbox("local") as local:
        assert traced.graph_digest == ask(local).graph_digest
    assert traced.isolation.backend == "docker"


def test_every_wall_of_the_container_stands_when_it_is_tried(docker_box):
    assert set(docker_box.isolation.active) >= WALLS
    assert not WALLS & docker_box.isolation.missing.keys()
    assert "seccomp" in docker_box.isolation.active, "the guest's own filter must fit inside the container's"


def test_active_layers_are_named_once(docker_box):
    active = docker_box.isolation.active
    assert len(active) == len(set(active))


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_rejected_and_the_next_candidate_runs(docker_box, ask, name):
    assert isinstance(ask(docker_box, ATTACKS[name]), Rejection)
    assert isinstance(ask(docker_box), Traced)


def test_candidate_past_its_time_is_rejected_and_the_next_one_runs(image, ask):
    profile = load_profile()
    short = msgspec.structs.replace(profile, limits=msgspec.structs.replace(profile.limits, wall_seconds=0.5))
    with Sandbox("docker", short) as box:
        refused = ask(box, SLOW)
        assert isinstance(refused, Rejection)
        assert refused.stage == "limit" or refused.stage == "run"
    with Sandbox("docker") as box:
        assert isinstance(ask(box), Traced)


def test_candidate_that_takes_too_much_memory_is_rejected_and_the_next_one_runs(docker_box, ask):
    assert isinstance(ask(docker_box, HEAVY), Rejection)
    assert isinstance(ask(docker_box), Traced)


def test_closed_worker_leaves_no_container(image, engine):
    worker = DockerWorker(load_profile())
    labels = engine.api.inspect_container(worker.id)["Config"]["Labels"]
    assert Owner.read(labels) == Owner.current()
    assert RUN in labels
    worker.close()
    assert not engine.api.containers(all=True, filters={"id": worker.id})


def test_container_is_started_from_the_digest_and_holds_nothing_of_the_host(image, engine, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@proxy.invalid")
    with DockerWorker(load_profile()) as worker:
        found = engine.api.inspect_container(worker.id)
    assert found["Image"] == image.id == worker.image.id
    assert found["Mounts"] == []
    assert not any("secret" in item for item in found["Config"]["Env"])


@pytest.mark.slow
def test_gvisor_traces_the_same_graph_in_a_kernel_of_its_own(image, gvisor, ask):
    with Sandbox("gvisor") as box:
        traced = ask(box)
        assert isinstance(traced, Traced), traced
        assert {"gvisor", "network-none", "read-only", "uid", "no-capabilities"} <= set(box.isolation.active)
    with Sandbox("local") as local:
        assert traced.graph_digest == ask(local).graph_digest
