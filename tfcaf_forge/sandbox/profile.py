"""Limits of a candidate, read from `sandboxes/profiles/*.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.records.base import Plain, Record, convert
from tfcaf_forge.resources import bundled


class Limits(Plain, frozen=True, kw_only=True):
    """What one candidate may use.

    Attributes:
        wall_seconds: from fork to answer; then the whole process group is killed.
        cpu_seconds: processor time.
        memory_bytes: address space on top of what the warm process maps.
    """

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int


class Worker(Plain, frozen=True, kw_only=True):
    """The warm process.

    Attributes:
        start_seconds: longest time to load torch.
        renew_after: candidates it serves before it is replaced.
    """

    start_seconds: float
    renew_after: int


class Profile(Record, frozen=True, kw_only=True):
    """A named set of limits.

    Attributes:
        name: as runs record it.
        require: layers without which no candidate runs; `all` means all that the backend has.
    """

    name: str
    require: tuple[str, ...] = ()
    limits: Limits
    worker: Worker


def load_profile(name: str = "default") -> Profile:
    """A profile by its name, or from a path to a TOML file.

    Raises:
        ConfigError: there is no such profile, or it has an unknown key.
    """
    folder = bundled("sandboxes") / "profiles"
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
        raise ConfigError(
            f"there is no sandbox profile {name!r}; choose one of {known}, or give a path to a .toml file"
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: not valid TOML: {fault}") from None
    profile = convert(data, Profile, what=str(path), error=ConfigError)
    _check(profile, path)
    return profile


def _check(profile: Profile, path: Path) -> None:
    limits, worker = profile.limits, profile.worker
    ranges = {
        "wall_seconds": (limits.wall_seconds, 0.1, 600),
        "cpu_seconds": (limits.cpu_seconds, 1, 600),
        "memory_bytes": (limits.memory_bytes, 1 << 26, 1 << 40),
        "start_seconds": (worker.start_seconds, 1, 3600),
        "renew_after": (worker.renew_after, 1, 1_000_000),
    }
    for name, (value, least, most) in ranges.items():
        if not least <= value <= most:
            raise ConfigError(f"{path}: {name} is {value:g}; it must be between {least} and {most}")
