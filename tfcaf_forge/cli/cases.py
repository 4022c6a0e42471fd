"""Where the command line keeps counterexamples, so that `--case ID` and the next `forge vet` find them again."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """The user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "tfcaf-forge" / "cases"
