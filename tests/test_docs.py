"""The pages' code blocks run, page by page, and the site builds without a broken link."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import environment

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.M | re.S)
PAGES = [page for page in sorted(DOCS.glob("*.md")) if page.name in ("tutorial.md", "own-task.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    blocks = BLOCK.findall(page.read_text())
    assert blocks
    python = "\n".join(text for kind, text in blocks if kind == "python")
    shell = "\n".join(text for kind, text in blocks if kind == "sh")
    path = f"PATH={Path(sys.executable).parent}:$PATH\nset -e\n"
    for command in ([sys.executable, "-c", python], ["bash", "-c", path + shell]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_site_builds_and_no_link_of_it_is_broken(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "site" / "hosts" / "index.html").stat().st_size > 2000
