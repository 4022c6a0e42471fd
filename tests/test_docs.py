"""The pages' code blocks run, page by page, and the site builds without a broken link.

A block of `python` or `sh` runs as it stands; neighbours of one kind are one program. `text prints` is what the shell printed before it:
every line of it, but for `…`.
What cannot run here says `no-run` in its fence, and there are few of these.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from tests.cli.conftest import environment

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
PAGES = [DOCS / f"{name}.md" for name in ("tutorial", "own-task", "exports", "hosts", "worked-audit")]
NOT_RUN = {"README.md": 3, "hosts.md": 2, "worked-audit.md": 3}
"""Blocks that are marked `no-run`: set-up from the package index, hosts that the tests do not install, and what takes long."""


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def shell(text: str, folder: Path) -> str:
    return run(["bash", "-c", f"PATH={Path(sys.executable).parent}:$PATH\nset -e\n{text}"], folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all pages: the run that two of them make is made once and resumed by the other."""
    return tmp_path_factory.mktemp("pages")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run_one_after_the_other(page: Path, folder: Path) -> None:
    printed, blocks = "", FENCE.findall(page.read_text())
    runs = [(kind, "".join(text for _, text in group)) for kind, group in groupby(blocks, key=lambda block: block[0])]
    assert any(kind in ("python", "sh") for kind, _ in runs)
    for kind, text in runs:
        if kind == "python":
            run([sys.executable, "-c", text], folder)
        elif kind == "sh":
            printed = shell(text, folder)
        elif kind == "text prints":
            missing = [line for line in text.splitlines() if line.strip("… ") and line not in printed.splitlines()]
            assert not missing, printed


def test_the_readme_s_library_calls_run_on_a_smaller_task(tmp_path: Path) -> None:
    (block,) = [text for kind, text in FENCE.findall((ROOT / "README.md").read_text()) if kind == "python"]
    given = """
import shutil, torch
source_text = "def tfcaf(local_q, state):\\n    return local_q.sum(dim=1, keepdim=True)\\n"
local_q, state = torch.randn(4, 2), torch.zeros(4, 3)
"""
    small = block.replace("lbf-8x8-2p-2f-coop", "matrix-climbing")
    small = small.replace("seed=0", "seed=0, rounds=1, candidates=2, episodes=60, mutants=0")
    small = small.replace(
        "kernel = forge.load", 'your_mixer = kernel\nshutil.copy(run.kernel_path, ".")\nkernel = forge.load'
    )
    run([sys.executable, "-c", given + small], tmp_path)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_a_block_runs_or_says_that_it_does_not(page: Path) -> None:
    kinds = [kind for kind, _ in FENCE.findall(page.read_text())]
    assert {kind for kind in kinds if not kind.endswith(" no-run")} <= {"python", "sh", "text", "text prints", "toml"}
    assert sum(kind.endswith(" no-run") for kind in kinds) == NOT_RUN.get(page.name, 0)


def test_the_site_builds_with_its_reference_and_no_link_of_it_is_broken(tmp_path: Path) -> None:
    out = tmp_path / "site"
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (out / "hosts" / "index.html").stat().st_size > 2000
    commands = (out / "reference-commands" / "index.html").read_text()
    for told in ("forge synthesize", "--require-layers", "forge task init", "forge sandbox doctor"):
        assert told in commands
    library = (out / "reference-library" / "index.html").read_text()
    assert "forge.check_kernel" in library
    assert "Raises:" in library
