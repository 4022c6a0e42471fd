"""`forge report --format`, `bundle`, `sign`, `verify`, `show`, `diff`, `runs`: exit codes, words, files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tfcaf_forge.cli.app import app
from tfcaf_forge.errors import ForgeError, InputError, StoreError
from tfcaf_forge.reports.formats import FORMATS


def forge(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(kind: type[ForgeError], *words: object) -> str:
    with pytest.raises(kind) as caught:
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return str(caught.value)


def data(*words: object) -> Any:
    return json.loads(forge(*words, "--json"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_comes_in_every_form(form: str, made_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert data("report", made_run, "--format", form, "-o", out)["report"] == str(out)
    assert out.stat().st_size > 500


def test_an_unknown_form_is_refused_with_the_known_ones(made_run: Path) -> None:
    assert "choose one of html, json, junit" in refused(InputError, "report", made_run, "--format", "pdf")


def test_the_way_from_a_run_to_a_verified_bundle(made_run: Path, tmp_path: Path) -> None:
    out, key = tmp_path / "x.forge.zip", tmp_path / "key.pem"
    assert "forge sign" in forge("bundle", made_run, "-o", out)
    forge("sign", "--new-key", key)
    signed = data("sign", out, "--key", key)
    text = forge("verify", out, "--key", f"{key}.pub")
    assert signed["key"][:16] in text
    assert f"verified  {out}" in text
    assert "by whom it was made is not known" in forge("verify", out)


def test_a_changed_bundle_has_the_exit_code_1_and_its_fault_named(made_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.forge.zip"
    forge("bundle", made_run, "-o", out)
    out.write_bytes(out.read_bytes().replace(b"REFUTED", b"PROVEDD", 1))
    done = CliRunner().invoke(app, ["verify", str(out), "--json"])
    assert done.exit_code == 1
    found = json.loads(done.output)
    assert not found["ok"]
    assert found["checks"][0]["name"] == "archive"


def test_replay_data_that_is_none_is_refused_and_not_left_out(made_run: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "x.forge.zip", tmp_path / "notes.txt"
    forge("bundle", made_run, "-o", out, "--with-replay")
    file.write_text("no dataset")
    for wrong in (tmp_path / "typo", file, made_run):
        text = refused(InputError, "verify", out, "--full", "--replay", wrong)
        assert f"{wrong} is no replay dataset" in text


def test_replay_data_that_is_damaged_is_the_users_fault_and_not_the_bundles(made_run: Path, tmp_path: Path) -> None:
    out, data_set = tmp_path / "x.forge.zip", tmp_path / "replay"
    forge("bundle", made_run, "-o", out)
    shutil.copytree(made_run / "replay", data_set)
    (data_set / "state.npy").write_bytes(b"nothing")
    refused(InputError, "verify", out, "--full", "--replay", data_set)


def test_replay_data_without_a_full_check_is_refused_with_the_remedy(made_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.forge.zip"
    forge("bundle", made_run, "-o", out)
    assert "add --full, or leave --replay out" in refused(InputError, "verify", out, "--replay", made_run / "replay")


def test_the_runs_replay_data_beside_the_bundle_is_used(made_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.forge.zip"
    forge("bundle", made_run, "-o", out)
    found = data("verify", out, "--full", "--replay", made_run / "replay")
    ends = {check["name"]: check["result"] for check in found["checks"]}
    assert {ends[name] for name in ("trials", "ranking", "measured", "mutants")} == {"passed"}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "none.zip")])
    assert done.exit_code == 1
    assert "there is no bundle" in done.output


def test_a_candidate_is_shown_with_its_verdicts_source_and_graph(made_run: Path) -> None:
    text = forge("show", 3, "--run", made_run)
    assert "refuted" in text
    assert "credit of agent 1 = -1" in text
    assert "torch.tensor([[1.0, -1.0]])" in text
    assert "mul.Tensor" in text
    assert data("show", 2, "--run", made_run)["rejection"]["code"]
    assert "has no candidate 9; it has 1, 2, 3" in refused(InputError, "show", 9, "--run", made_run)


def test_every_candidate_can_be_shown_and_an_accepted_one_with_its_prediction_and_its_score(made_run: Path) -> None:
    for number in range(1, 6):
        found = data("show", number, "--run", made_run)
        facts = forge("show", number, "--run", made_run).partition("\n\n")[0]
        lines = dict(line.split(maxsplit=1) for line in facts.splitlines())
        if found["score"] is None:
            assert (lines["predicted"], lines["score"]) == ("-", "-")
        else:
            assert lines["predicted"] == f"{found['row']['predicted']} {found['row']['95 %']}"
            assert lines["score"].startswith(f"{found['score']['score']['value']:.3f} [")
    assert data("show", 1, "--run", made_run)["score"] is not None


def test_what_show_writes_repeats_the_counterexample(made_run: Path, tmp_path: Path) -> None:
    shown = data("show", 3, "--run", made_run)
    found = next(v["counterexample"] for v in shown["verdicts"] if v["property"] == "monotone")
    assert found["command"].startswith(f"forge show 3 --run {made_run} --write . && forge vet candidate-3.py ")
    forge("show", 3, "--run", made_run, "--write", tmp_path)
    command = [*found["command"].split(" && ")[1].split()[1:]]
    command[1], command[-1] = str(tmp_path / command[1]), str(tmp_path / command[-1])
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "REFUTED" in done.output


def test_two_candidates_are_compared(made_run: Path) -> None:
    found = data("diff", 1, 5, "--run", made_run)
    assert {line["kind"] for line in found["source"]} == {"place", "same", "gone", "new"}
    assert any("_softmax" in line["text"] for line in found["graph"] if line["kind"] == "new")
    text = forge("diff", f"{made_run}:1", f"{made_run}:3")
    assert "monotone  PROVED → REFUTED" in text
    assert "source  the same" in forge("diff", made_run, made_run)


def test_runs_are_listed_and_a_damaged_one_does_not_hide_the_others(made_run: Path, tmp_path: Path) -> None:
    shutil.copytree(made_run, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.db").write_bytes(b"nothing" * 200)
    shutil.copytree(made_run, tmp_path / "hurt")
    whole = (made_run / "run.db").read_bytes()
    (tmp_path / "hurt" / "run.db").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    lines = {run["name"]: run for run in data("runs", tmp_path)["runs"]}
    assert lines["good"]["status"] == "finished"
    assert lines["good"]["winner"] in (1, 5)
    assert [lines[name]["status"] for name in ("bad", "hurt")] == ["damaged", "damaged"]
    assert "is damaged" in lines["hurt"]["detail"]
    assert "matrix-climbing" in forge("runs", tmp_path)
    assert "no run in" in forge("runs", tmp_path / "none")


UNWRITABLE = "/proc/none.file"


@pytest.mark.parametrize("form", ["safetensors", "numpy", "torch-export"])
def test_an_export_that_cannot_be_written_says_so_and_leaves_nothing(form: str, made_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for out, said in (("folder", "Is a directory"), ("file/x", "below a file"), (UNWRITABLE, "No such file")):
        text = refused(InputError, "export", made_run, "--format", form, "-o", tmp_path / out)
        assert f"cannot write {tmp_path / out}: " in text
        assert said in text
        assert "give another place" in text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_the_description_beside_an_export_is_held_to_the_same(made_run: Path, tmp_path: Path) -> None:
    (tmp_path / "x.py.json").mkdir()
    text = refused(InputError, "export", made_run, "--format", "numpy", "-o", tmp_path / "x.py")
    assert f"cannot write {tmp_path / 'x.py.json'}: Is a directory" in text


@pytest.mark.parametrize("one", ["²", "made:²"])
def test_what_only_looks_like_a_number_is_taken_for_a_folder(one: str, made_run: Path) -> None:
    assert f"there is no run in {one}" in refused(StoreError, "diff", one, 1, "--run", made_run)
