"""Profiles: how hard a graph is tried."""

from __future__ import annotations

from dataclasses import dataclass

from tfcaf_forge.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How many cases are tried, and how they are found.

    Attributes:
        small: cases that Hypothesis draws number by number.
        batches: seed-driven batches.
        rows: rows of a batch.
        light: rows that are enough for a property that is proved (the prover is tried, too) or only advice.
        derandomize: the same small cases every time, whatever the seed.
        target: let Hypothesis climb towards a violation.
    """

    name: str
    small: int
    batches: int
    rows: int = 256
    light: int = 1000
    derandomize: bool = False
    target: bool = False


FAST = Profile(name="fast", small=50, batches=20, derandomize=True)
SEARCH = Profile(name="search", small=250, batches=60, target=True)
AUDIT = Profile(name="audit", small=600, batches=200, light=5000, target=True)
_PROFILES = {profile.name: profile for profile in (FAST, SEARCH, AUDIT)}


def profile_of(name: str) -> Profile:
    """A profile by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in _PROFILES:
        raise ConfigError(f"there is no trial profile {name!r}; choose one of {', '.join(_PROFILES)}")
    return _PROFILES[name]
