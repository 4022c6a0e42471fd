"""Versions and machine, for the record of a run."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("torch", "numpy", "RestrictedPython", "hypothesis", "safetensors")
_WORLDS = ("lbforaging", "mpe2", "rware", "vmas", "pettingzoo", "gymnasium")
"""Environments and what they stand on; only those that are installed are named."""

_ABSENT = "not installed"


def forge_version() -> str:
    """This package's version."""
    return _version("tfcaf-forge")


def environment() -> dict[str, str]:
    """Names and versions; no user name, no host name, no path."""
    found = {"tfcaf-forge": forge_version(), "python": platform.python_version()}
    found |= {name: _version(name) for name in _PACKAGES}
    found |= {name: held for name in _WORLDS if (held := _version(name)) != _ABSENT}
    found["platform"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    found["processors"] = str(os.cpu_count())
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _ABSENT
