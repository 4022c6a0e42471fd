"""The auditor's tests: one file a property, the same definitions, the same verdicts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.resources import bundled

HERE = Path(__file__).parent
PLANTED = HERE.parent / "quality"
EXAMPLES = HERE.parent.parent / "examples" / "properties"


def _audit(*files: str, **options: str) -> subprocess.CompletedProcess[str]:
    folder = bundled("property_tests")
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    paths = [str(folder / f"test_{name}.py") for name in files]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, *given]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, timeout=300)


def test_there_is_one_file_for_every_property(task):
    files = {path.stem.removeprefix("test_").replace("_", "-") for path in bundled("property_tests").glob("test_*.py")}
    assert files == {p.id for p in catalogue(task)} | {"irrelevant-fields", "own"}


def test_an_auditor_sees_a_good_candidate_pass_and_advice_as_advice():
    done = _audit("monotone", "finite", "state_sensitive", candidate=str(PLANTED / "good" / "equal_weights.py"))
    assert done.returncode == 0, done.stdout
    assert "2 passed, 1 xfailed" in done.stdout


def test_an_auditor_sees_the_counterexample_of_a_bad_candidate():
    done = _audit("finite", "contract", candidate=str(PLANTED / "bad" / "normalise_food_levels.py"))
    assert done.returncode == 1
    assert "foods[*] absent → q_tot = nan" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_an_auditor_runs_properties_of_their_own():
    done = _audit(
        "own",
        candidate=str(PLANTED / "bad" / "semantic" / "far_is_urgent.py"),
        properties=str(EXAMPLES / "lbf_8x8_2p_2f_coop.py"),
    )
    assert "1 xfailed" in done.stdout, done.stdout
    assert "near-beats-far" in done.stdout


@pytest.mark.parametrize("options", [{}, {"kernel": "a", "candidate": "b"}], ids=["nothing", "both"])
def test_without_a_subject_nothing_is_claimed(options):
    done = _audit("finite", **options)
    assert "1 skipped" in done.stdout
