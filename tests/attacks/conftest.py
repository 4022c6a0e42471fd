"""A shooting range with short limits, and the sentinels around it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tfcaf_forge.pipeline.watch import Watch
from tfcaf_forge.sandbox.profile import Profile, load_profile


@pytest.fixture(scope="session")
def short_profile() -> Profile:
    """Attacks that spin cost a second and a half, not five; one warm process serves all."""
    profile = load_profile()
    limits = msgspec.structs.replace(profile.limits, wall_seconds=1.5, cpu_seconds=2)
    worker = msgspec.structs.replace(profile.worker, renew_after=100_000)
    return msgspec.structs.replace(profile, limits=limits, worker=worker)


@pytest.fixture(scope="session")
def watch() -> Iterator[Watch]:
    with Watch() as planted:
        yield planted
