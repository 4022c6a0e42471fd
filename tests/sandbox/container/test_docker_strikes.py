"""Forty candidates in containers under `kill -9`: none is lost, none is judged twice, no container is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from tests.pipeline.striking import RUN as COMMAND
from tests.pipeline.striking import Host, ends, run_under_fire
from tests.pipeline.struck_run import run
from tfcaf_forge.sandbox.docker_clean import prune
from tfcaf_forge.sandbox.docker_owner import RUN


@pytest.fixture
def containers(image, engine) -> Iterator[None]:
    """Nothing of a struck run may run on when it has ended, and a sweep takes the rest.

    The engine goes on with what a host asked for in its last moment: such a container is made after the next host's sweep, has nobody
    at its input and ends at once.
    """

    def made(**more: str) -> list[str]:
        found = engine.api.containers(all=True, filters={"label": RUN, **more})
        return [f"{item['Names']} {item['State']}" for item in found if item["Id"] not in before]

    before = {item["Id"] for item in engine.api.containers(all=True, filters={"label": RUN})}
    yield
    until = time.monotonic() + 20
    while (running := made(status="running")) and time.monotonic() < until:
        time.sleep(0.2)
    assert not running
    prune(client=engine)
    assert not made()


@pytest.mark.docker
@pytest.mark.slow
def test_a_run_of_forty_in_containers_survives_their_death(tmp_path: Path, containers: None, engine) -> None:
    def own(host: Host) -> list[str]:
        label = f"tfcaf-forge.pid={host.process.pid}"
        return [item["Id"] for item in engine.api.containers(filters={"label": label})]

    def kill(host: Host) -> None:
        for container in own(host):
            engine.api.kill(container)

    def remove(host: Host) -> None:
        for container in own(host):
            engine.api.remove_container(container, force=True)

    def kill_host_and_look(host: Host) -> None:
        running = own(host)
        host.kill()
        for container in running:  # its input ends, and it with it
            engine.api.wait(container, timeout=20)

    strikes = {
        6: ("container killed", kill),
        15: ("host", kill_host_and_look),
        23: ("container removed", remove),
        31: ("host", kill_host_and_look),
    }
    folder = tmp_path / "struck"
    found = run_under_fire([*COMMAND, str(folder), "docker"], folder, strikes, environment(tmp_path))
    assert found.codes == [-9, -9, 0]
    assert len(found.struck) == len(strikes)
    assert not found.left
    assert ends(folder) == ends(Path(run(tmp_path / "quiet").folder))
