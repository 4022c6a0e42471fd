"""A real engine and a real image. Without an engine these tests are skipped; in CI, or where asked, they fail then."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.sandbox.docker_build import BASE, build
from tfcaf_forge.sandbox.docker_engine import ImageMissing, ImageStale, connect
from tfcaf_forge.sandbox.docker_image import find
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

REQUIRED = os.environ.get("CI") == "true" or os.environ.get("FORGE_REQUIRE_DOCKER") == "1"
BASES = (os.environ.get("FORGE_DOCKER_BASE", ""), BASE, "forge-base:bookworm")

refused_sockets = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""docker-py leaves the socket of a refused connection to the collector."""

HONEST = """def tfcaf(local_q, state):
    weights = torch.softmax(state[:, 0:2], dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
"""
CONTRACT = Contract(n_agents=2, state_size=3)


def absent(why: str) -> None:
    if REQUIRED:
        pytest.fail(f"a Docker engine is required here: {why}")
    pytest.skip(f"no Docker: {why}")


@pytest.fixture(autouse=True)
def _collected():
    """Sockets of refused connections are gone before the next test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def engine():
    try:
        client = connect()
    except ForgeError as fault:
        absent(str(fault))
    yield client
    client.close()


@pytest.fixture(scope="session")
def base(engine) -> str:
    """An image with Python that the engine has; tests pull nothing."""
    for name in BASES:
        if name and engine.api.images(name):
            return name
    absent(f"none of the base images {', '.join(filter(None, BASES))} is there; sh .ci/docker.sh makes one")
    raise AssertionError


@pytest.fixture(scope="session")
def image(engine, base):
    """The image of this checkout's guest, built where it is missing or stale."""
    try:
        return find(engine)
    except (ImageMissing, ImageStale):
        return build(base=base, host_pip=True)


@pytest.fixture(scope="session")
def gvisor(engine) -> None:
    if "runsc" not in engine.api.info()["Runtimes"]:
        pytest.skip("the engine has no runtime runsc; install gVisor and register it in /etc/docker/daemon.json")


@pytest.fixture
def docker_box(image) -> Iterator[Sandbox]:
    with Sandbox("docker") as box:
        yield box


@pytest.fixture(scope="session")
def probes():
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 3)).astype(np.float32))
        for rows in (3, 8)
    ]


@pytest.fixture
def ask(probes) -> Callable:
    """Run a source in a sandbox."""

    def run(box: Sandbox, source: str = HONEST):
        return box.trace(Proposal(id=1, coder="file", source=source), CONTRACT, probes)

    return run
