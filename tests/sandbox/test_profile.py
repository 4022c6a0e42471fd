"""Profiles: limits are reviewed data, and a value that makes no sense is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.resources import bundled
from tfcaf_forge.sandbox.profile import load_profile

DEFAULT = (bundled("sandboxes") / "profiles" / "default.toml").read_text()


@pytest.fixture
def load(tmp_path: Path):
    def edited(old: str, new: str):
        assert old in DEFAULT
        path = tmp_path / "mine.toml"
        path.write_text(DEFAULT.replace(old, new))
        return load_profile(str(path))

    return edited


@pytest.mark.parametrize("name", ["default", "strict"])
def test_bundled_profiles_load(name: str) -> None:
    assert load_profile(name).name == name


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("wall_seconds = 5.0", "wall_seconds = inf", "wall_seconds is inf"),
        ("wall_seconds = 5.0", "wall_seconds = nan", "wall_seconds is nan"),
        ("wall_seconds = 5.0", "wall_seconds = 0", "wall_seconds is 0"),
        ("cpu_seconds = 6", "cpu_seconds = 9223372036854775807", "cpu_seconds is"),
        ("memory_bytes = 1073741824", "memory_bytes = 9223372036854775807", "memory_bytes is"),
        ("start_seconds = 120.0", "start_seconds = inf", "start_seconds is inf"),
        ("renew_after = 200", "renew_after = -1", "renew_after is -1"),
        ("renew_after = 200", "renew_afer = 200", "renew_afer"),
        ("[limits]", "[limits", "not valid TOML"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(old: str, new: str, named: str, load) -> None:
    with pytest.raises(ConfigError, match=named):
        load(old, new)


def test_an_unknown_profile_names_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="choose one of default, strict"):
        load_profile("lax")
