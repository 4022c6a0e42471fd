"""A small but real run: real environment, real sandbox, real trials; killed, resumed, repeated."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from tfcaf_forge import Synthesis, export, load_kernel, report, synthesize
from tfcaf_forge.errors import StoreError
from tfcaf_forge.pipeline.ranked import rank
from tfcaf_forge.records.equivalence import Equivalence
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.store import Store

SMALL = ("--task", "matrix-climbing", "--rounds", "2", "--candidates", "3", "--episodes", "60")


def small(out: Path, **more: object) -> Synthesis:
    settings: dict[str, object] = {"rounds": 2, "candidates": 3, "episodes": 60, **more}
    return synthesize("matrix-climbing", out=out, **settings)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return small(tmp_path_factory.mktemp("runs") / "one")


def test_a_run_ends_with_a_kernel_a_report_and_a_record_of_every_candidate(run: Synthesis) -> None:
    assert run.winner is not None
    assert run.proposed == 6
    assert run.accepted + run.rejected + run.refuted + run.duplicates == 6
    kernel = run.kernel
    assert kernel.manifest.task == "matrix-climbing"
    assert kernel.manifest.graph_digest == run.winner_graph
    assert Path(run.report_path).stat().st_size > 10_000
    facts = json.loads(Path(run.report_path).with_suffix(".json").read_text())
    assert len(facts["candidates"]) == 6


def test_two_runs_with_one_seed_have_the_same_winner_and_the_same_kernel_file(run: Synthesis, tmp_path: Path) -> None:
    again = small(tmp_path / "two", mutants=0)
    assert again.winner_graph == run.winner_graph
    assert again.kernel_sha256 == run.kernel_sha256


def test_another_seed_proposes_something_else(run: Synthesis, tmp_path: Path) -> None:
    assert small(tmp_path / "other", seed=1, mutants=0).winner_graph != run.winner_graph


def test_a_finished_run_is_not_done_again(run: Synthesis) -> None:
    before = Store(Path(run.folder), write=False).entries()
    again = small(Path(run.folder))
    assert again.winner_graph == run.winner_graph
    assert Store(Path(run.folder), write=False).entries() == before


def test_other_settings_are_refused_with_the_difference(run: Synthesis) -> None:
    with pytest.raises(StoreError, match="rounds was 2, is 1"):
        small(Path(run.folder), rounds=1)


def test_an_accepted_candidate_is_exported_and_loads(run: Synthesis, tmp_path: Path) -> None:
    made = export(Path(run.folder), tmp_path / "k.safetensors")
    assert made.candidate == run.winner
    assert load_kernel(made.path).manifest.graph_digest == run.winner_graph
    assert made.sha256 == run.kernel_sha256


def test_ranking_the_accepted_candidates_again_gives_the_order_of_the_run(run: Synthesis, tmp_path: Path) -> None:
    assert run.ranking is not None
    ids = [score.candidate for score in run.ranking.scores]
    assert len(ids) > 1
    files = [Path(export(Path(run.folder), tmp_path / f"{i}.safetensors", candidate=i).path) for i in sorted(ids)]
    found = rank(files, "matrix-climbing", Path(run.folder) / "replay")
    assert found.order is not None
    assert found.ranking is not None
    order = [sorted(ids)[place - 1] for place in found.order.ids]
    assert order == ids
    assert order[0] == run.winner
    assert [score.predicted for score in found.ranking.scores] == [score.predicted for score in run.ranking.scores]
    assert found.order.better_than_baseline == run.ranking.better_than_baseline
    assert {sorted(ids)[place - 1] for place in found.order.tied} == set(run.ranking.tied)


def test_the_report_is_written_anew(run: Synthesis) -> None:
    path = Path(run.report_path)
    path.unlink()
    assert report(Path(run.folder)) == path
    assert path.is_file()


def test_a_run_that_is_killed_resumes_and_has_every_candidate_once(tmp_path: Path, run: Synthesis) -> None:
    folder = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "tfcaf_forge",
        "synthesize",
        *SMALL,
        "--mutants",
        "6",
        "--out",
        str(folder),
        "--json",
    ]
    for proposals in (1, 3):
        process = subprocess.Popen(
            command, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for(folder, proposals, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["winner_graph"] == run.winner_graph
    entries = Store(folder, write=False).entries()
    counts = Counter((entry.kind, entry.candidate) for entry in entries)
    assert set(counts.values()) == {1}
    assert sum(kind == "proposal" for kind, _ in counts) == 6
    assert sum(kind in ("rejection", "duplicate", "evidence") for kind, _ in counts) == 6


def _wait_for(folder: Path, proposals: int, process: subprocess.Popen[bytes]) -> None:
    """Until the run has written so many proposals."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it was killed"
        try:
            with Store(folder, write=False) as store:
                if sum(entry.kind == "proposal" for entry in store.entries()) >= proposals:
                    return
        except (StoreError, sqlite3.Error):  # it is just being made
            pass
        time.sleep(0.02)
    raise AssertionError("no proposals in time")


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    with Store(tmp_path / "busy"), pytest.raises(StoreError, match="in use by another process"):
        small(tmp_path / "busy")


def test_a_run_records_its_winners_mutants_cases_and_equivalence_once(run: Synthesis) -> None:
    assert run.winner is not None
    with Store(Path(run.folder), write=False) as store:
        score = store.read("mutation", MutationScore, run.winner)
        same = store.read("equivalence", Equivalence, run.winner)
        seen = store.read("observed", Observed, run.winner)
    assert score is not None
    assert score.graph == run.winner_graph
    assert 0 < len(score.judged) + score.equivalent + score.invalid <= 24
    assert same is not None
    assert [(leg.one, leg.other, leg.agree) for leg in same.legs] == [
        ("source", "graph", True), ("graph", "kernel", True), ("source", "kernel", True),
    ]  # fmt: skip
    assert same.kernel == run.kernel_sha256
    assert [(e.format, e.fault) for e in same.exports] == [("python", ""), ("numpy", "")]
    assert seen is not None
    lines = (Path(run.folder) / seen.file).read_bytes().splitlines()
    assert sum(json.loads(line)["type"] == "test_case" for line in lines) == seen.cases > 0
    assert seen.same


def test_no_mutants_are_made_where_none_are_wanted(tmp_path: Path) -> None:
    made = small(tmp_path / "few", rounds=1, candidates=1, mutants=0)
    with Store(tmp_path / "few", write=False) as store:
        assert store.read("mutation", MutationScore, made.winner or 0) is None
