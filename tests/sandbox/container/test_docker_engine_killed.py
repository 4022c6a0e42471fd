"""Forty candidates in containers while the engine itself is killed: none is lost, none is judged twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from tests.pipeline.striking import RUN as COMMAND
from tests.pipeline.striking import Host, ends, run_under_fire
from tests.pipeline.struck_run import run
from tests.sandbox.container.conftest import refused_sockets
from tests.sandbox.container.own_engine import Engine
from tfcaf_forge.sandbox.docker_engine import connect
from tfcaf_forge.sandbox.docker_image import TAG
from tfcaf_forge.sandbox.docker_owner import RUN

pytestmark = [pytest.mark.docker, pytest.mark.slow, refused_sockets]


@pytest.fixture
def own_engine(image, tmp_path_factory) -> Iterator[Engine]:
    """With the sandbox's real image."""
    with Engine.running(tmp_path_factory.mktemp("engine"), TAG) as made:
        yield made


def test_a_run_of_forty_survives_the_death_of_the_engine(own_engine: Engine, tmp_path: Path) -> None:
    def kill_and_start(host: Host) -> None:
        own_engine.kill()
        own_engine.start()

    def kill_until_the_host_gives_up(host: Host) -> None:
        own_engine.kill()
        host.process.wait(120)
        own_engine.start()

    strikes = {
        9: ("engine killed, and started at once", kill_and_start),
        24: ("engine killed for good", kill_until_the_host_gives_up),
    }
    folder = tmp_path / "struck"
    found = run_under_fire(
        [*COMMAND, str(folder), "docker"], folder, strikes, {**environment(tmp_path), "DOCKER_HOST": own_engine.address}
    )
    assert found.codes[-2:] == [1, 0]
    assert "start it (systemctl start docker) and resume the run" in (tmp_path / "log").read_text()
    assert len(found.struck) == len(strikes)
    assert not found.left
    assert ends(folder) == ends(Path(run(tmp_path / "quiet").folder))
    client = connect()
    left = client.api.containers(all=True, filters={"label": RUN})
    client.close()
    assert left == []
