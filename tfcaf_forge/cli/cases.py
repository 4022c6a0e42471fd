"""Counterexamples on the disk, so that `--case ID` finds them again."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tfcaf_forge.errors import InputError

if TYPE_CHECKING:
    from tfcaf_forge.evidence.case import Case
    from tfcaf_forge.pipeline.vet import Vetted


def folder() -> Path:
    """Where cases are kept: the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "tfcaf-forge" / "cases"


def keep(found: Vetted) -> None:
    """Write every counterexample down; a cache that cannot be written to is no fault."""
    for verdict in found.evidence.verdicts if found.evidence is not None else ():
        example = verdict.counterexample
        if example is None:
            continue
        with contextlib.suppress(OSError):
            folder().mkdir(parents=True, exist_ok=True)
            body = msgspec.json.encode({"local_q": example.local_q, "state": example.state})
            (folder() / f"{example.case}.json").write_bytes(body)


def find(name: str) -> Case:
    """A case by its id (or the beginning of it), or from a JSON file.

    Raises:
        InputError: there is none, or several begin like this.
    """
    from tfcaf_forge.evidence.case import from_data

    path = Path(name)
    if not path.is_file():
        known = sorted(folder().glob(f"{name}*.json")) if name.isalnum() else []
        if len(known) != 1:
            raise InputError(
                f"{'no' if not known else 'more than one'} stored case {name!r} in {folder()}; give a JSON file with local_q and state"
            )
        path = known[0]
    try:
        return from_data(msgspec.json.decode(path.read_bytes()), what=str(path))
    except (OSError, msgspec.DecodeError) as fault:
        raise InputError(f"{path}: not a case: {fault}") from None
