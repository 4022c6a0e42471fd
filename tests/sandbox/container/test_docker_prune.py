"""Clean-up after a host process that had no chance to clean up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tfcaf_forge.sandbox.docker import DockerWorker
from tfcaf_forge.sandbox.docker_clean import prune
from tfcaf_forge.sandbox.docker_owner import RUN, Owner
from tfcaf_forge.sandbox.profile import load_profile

pytestmark = pytest.mark.docker

HOST = """
import sys, time
from tfcaf_forge.sandbox.docker import DockerWorker
from tfcaf_forge.sandbox.profile import load_profile
worker = DockerWorker(load_profile())
print(worker.id, flush=True)
{then}
"""


def start(then: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", HOST.format(then=then)], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def there(engine, container: str) -> list:
    return engine.api.containers(all=True, filters={"id": container})


def test_container_of_a_killed_host_stops_by_itself_and_is_pruned(image, engine):
    process, container = start("time.sleep(600)")
    assert there(engine, container)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    engine.api.wait(container, timeout=20)
    found = prune(client=engine)
    assert len(found.containers) >= 1
    assert not there(engine, container)


def test_host_that_ends_without_closing_leaves_nothing(image, engine):
    process, container = start("sys.exit(3)")
    process.communicate()
    assert not there(engine, container)


def test_containers_of_a_living_run_are_kept(image, engine):
    with DockerWorker(load_profile()) as worker:
        found = prune(client=engine)
        assert len(found.kept) >= 1
        assert there(engine, worker.id)


def test_containers_of_another_machine_are_kept_unless_all_is_asked(engine, base):
    labels = {**Owner.current().labels, RUN: "elsewhere", "tfcaf-forge.machine": "another"}
    container = engine.api.create_container(base, ["true"], labels=labels)["Id"]
    assert prune(client=engine).unknown
    assert there(engine, container)
    engine.api.remove_container(container, force=True)


def test_owner_of_an_earlier_boot_or_a_reused_number_is_dead():
    me = Owner.current()
    assert me.alive is True
    others = {"boot": "earlier", "started": "1", "pid": "4194303"}
    for name, value in others.items():
        assert Owner(**{**{f: getattr(me, f) for f in me.__struct_fields__}, name: value}).alive is False
