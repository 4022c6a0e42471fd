"""The command line as a user calls it: a process, its exit code, stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Forge = Callable[..., Done]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def called(home: Path, cwd: Path, *arguments: object) -> Done:
    """One command, to its end."""
    command = [sys.executable, "-m", "tfcaf_forge", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=environment(home), capture_output=True, text=True, check=False, timeout=300
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def forge(tmp_path: Path, home: Path) -> Forge:
    def run(*arguments: object, cwd: Path = tmp_path) -> Done:
        return called(home, cwd, *arguments)

    return run
