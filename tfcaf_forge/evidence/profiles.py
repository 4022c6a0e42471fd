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
        advisory: most rows on which an advisory property is tried; None for all.
        derandomize: the same small cases every time, whatever the seed.
        target: let Hypothesis climb towards a violation.
    """

    name: str
    small: int
    batches: int
    rows: int = 256
    advisory: int | None = None
    derandomize: bool = False
    target: bool = False


FAST = Profile(name="fast", small=50, batches=20, advisory=1500, derandomize=True)
SEARCH = Profile(name="search", small=300, batches=60, target=True)
AUDIT = Profile(name="audit", small=1200, batches=200, target=True)
_PROFILES = {profile.name: profile for profile in (FAST, SEARCH, AUDIT)}


def profile_of(name: str) -> Profile:
    """A profile by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in _PROFILES:
        raise ConfigError(f"there is no trial profile {name!r}; choose one of {', '.join(_PROFILES)}")
    return _PROFILES[name]
