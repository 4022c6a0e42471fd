"""Waivers and sign-offs: what a named person takes upon themselves, in `waivers.toml` of the run's folder.

    [[waiver]]
    property = "igm"
    reason = "the trainer uses greedy actions of one agent only"
    who = "R. Auditor"
    expires = 2026-12-31

    [[signoff]]
    who = "R. Auditor"
    role = "safety review"
    date = 2026-06-01
    statement = "reviewed for the pilot, not for production"

A waiver changes no verdict: it is shown beside it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from typing import Any

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.records.base import Plain, convert
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.reports.text import one_line

FILE = "waivers.toml"


class Waiver(Plain, frozen=True, kw_only=True, rename={"property_id": "property"}):
    """One property of the winner that someone accepts as it is, until a day."""

    property_id: str
    reason: str
    who: str
    expires: date


class SignOff(Plain, frozen=True, kw_only=True):
    """Someone's word about the run."""

    who: str
    role: str
    date: date
    statement: str


class Waivers(Plain, frozen=True, kw_only=True, rename={"waivers": "waiver", "signoffs": "signoff"}):
    """What the file holds."""

    waivers: tuple[Waiver, ...] = ()
    signoffs: tuple[SignOff, ...] = ()


def parse(text: bytes, *, what: str = FILE) -> Waivers:
    """Waivers and sign-offs from the file's bytes.

    Raises:
        ConfigError: it is no TOML, has an unknown key, or leaves one out.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{what}: not valid TOML: {fault}") from None
    found = convert(data, Waivers, what=what, error=ConfigError)
    for waiver in found.waivers:
        if not (waiver.reason.strip() and waiver.who.strip()):
            raise ConfigError(f"{what}: the waiver for {waiver.property_id} needs a reason and a name")
    return found


def faults(waivers: Sequence[Waiver], evidence: Evidence | None, today: date) -> list[str]:
    """What is wrong with waivers: expired, doubled, about nothing, or about what needs none."""
    found: list[str] = []
    names = [waiver.property_id for waiver in waivers]
    for waiver in waivers:
        named = f"the waiver for {one_line(waiver.property_id, 80)} by {one_line(waiver.who, 80)}"
        verdict = None if evidence is None else evidence.of(waiver.property_id)
        if waiver.expires < today:
            found.append(f"{named} expired on {waiver.expires.isoformat()}")
        if verdict is None:
            found.append(f"{named} is about a property on which the winner has no verdict")
        elif verdict.holds:
            found.append(f"{named} waives what is {verdict.status}; remove it")
    return found + [f"there are several waivers for {one_line(n, 80)}" for n in sorted({n for n in names if names.count(n) > 1})]  # fmt: skip
