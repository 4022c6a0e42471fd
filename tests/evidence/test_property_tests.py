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


WRONG = {
    "nothing to examine": ({}, "give either --kernel FILE, or --candidate FILE with --task T"),
    "two things": ({"kernel": "a", "candidate": "b"}, "give either --kernel FILE, or --candidate FILE"),
    "no such kernel": ({"kernel": "nowhere.safetensors"}, "cannot read nowhere.safetensors"),
    "no kernel": ({"kernel": str(HERE / "conftest.py")}, "is not a kernel's file"),
    "no such candidate": ({"candidate": "nowhere.py"}, "cannot read nowhere.py: No such file or directory"),
    "no such task": ({"candidate": __file__, "task": "nowhere"}, "`forge task list` shows the bundled ones"),
    "no such profile": ({"candidate": __file__, "profile": "slow"}, "choose one of fast, search, audit"),
    "no such properties": ({"candidate": __file__, "properties": "nowhere.py"}, "nowhere.py"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_command_is_refused_in_one_line_and_never_looks_passed(case):
    options, said = WRONG[case]
    done = _audit("finite", **options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_rejected_candidate_fails_without_a_traceback():
    done = _audit("finite", candidate=str(HERE / "conftest.py"))
    assert done.returncode == 1
    assert "the candidate was rejected: screen" in done.stdout
    assert "Traceback" not in done.stdout
