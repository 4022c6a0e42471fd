"""Counterexamples on the disk: found again, tried first, and never trusted."""

from __future__ import annotations

import json

import pytest

from tfcaf_forge.errors import InputError
from tfcaf_forge.evidence import stored
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.profiles import Profile
from tfcaf_forge.evidence.stored import CaseStore, read_case

TINY = Profile(name="tiny", small=12, batches=4, rows=64, derandomize=True)
NEVER = Profile(name="never", small=0, batches=0, derandomize=True)


@pytest.fixture
def refuted(subject):
    return examine(subject("level-slope"), only=["monotone"], profile=TINY)


def test_a_stored_case_breaks_the_next_function_before_anything_is_drawn(tmp_path, task, subject, refuted):
    store = CaseStore(tmp_path)
    store.keep(task, refuted)
    again = examine(subject("level-slope"), only=["monotone"], profile=NEVER, earlier=store.earlier(task))
    assert again.verdicts[0].counterexample == refuted.verdicts[0].counterexample
    assert again.verdicts[0].trials == 1


def test_a_case_is_found_by_the_beginning_of_its_id(tmp_path, task, refuted):
    store = CaseStore(tmp_path)
    store.keep(task, refuted)
    case = refuted.verdicts[0].counterexample.case
    assert store.find(case[:5], task).key == case


def test_only_the_newest_are_kept_and_tried(tmp_path, task, refuted, monkeypatch):
    import msgspec

    monkeypatch.setattr(stored, "KEPT", 3)
    verdict = refuted.verdicts[0]
    for number in range(6):
        example = msgspec.structs.replace(verdict.counterexample, case=f"{number:08x}")
        one = msgspec.structs.replace(refuted, verdicts=(msgspec.structs.replace(verdict, counterexample=example),))
        CaseStore(tmp_path).keep(task, one)
    assert len(list(tmp_path.rglob("*.json"))) == 3
    assert len(CaseStore(tmp_path).earlier(task, most=2)["monotone"]) == 2


def test_a_damaged_or_foreign_stored_case_is_passed_over(tmp_path, task, refuted):
    store = CaseStore(tmp_path)
    store.keep(task, refuted)
    (path,) = tmp_path.rglob("*.json")
    (path.parent / "00000000.json").write_text("{")
    data = json.loads(path.read_text())
    data["state"][0][0] = 99.0
    (path.parent / "11111111.json").write_text(json.dumps(data))
    assert len(store.earlier(task)["monotone"]) == 1


GOOD = {"local_q": [[0, 0]], "state": [[0] * 14]}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"local_q": [[0, 0]]},
        {**GOOD, "state": []},
        {**GOOD, "state": [[0] * 13]},
        {**GOOD, "local_q": [[0, 0, 0]]},
        {**GOOD, "local_q": [[0, 0], [0, 0]]},
        {**GOOD, "local_q": [["0", "0"]]},
        {**GOOD, "local_q": [[None, 0]]},
        {**GOOD, "local_q": [[1e300, 0]]},
        {**GOOD, "local_q": [[10**30, 0]]},
        {**GOOD, "local_q": [[0, 0], [0]]},
        {**GOOD, "local_q": [0, 0]},
    ],
    ids=str,
)
def test_what_is_no_case_of_the_task_is_refused_with_a_sentence(tmp_path, task, data):
    path = tmp_path / "case.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"case\.json"):
        read_case(path, task)


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, "NaN"], ids=["empty", "open", "nul", "deep", "nan"])
def test_a_file_that_is_no_json_is_refused(tmp_path, task, text):
    path = tmp_path / "case.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"not a case|a case is"):
        read_case(path, task)


@pytest.mark.parametrize("name", ["deadbeef", "../../etc", "*", ""])
def test_an_unknown_case_is_refused(tmp_path, task, name):
    with pytest.raises(InputError, match="no stored case"):
        CaseStore(tmp_path).find(name, task)


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path, task, refuted):
    (tmp_path / "file").write_text("")
    CaseStore(tmp_path / "file").keep(task, refuted)
