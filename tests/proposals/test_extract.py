"""Which code is taken out of a text, and with which reason none is."""

from __future__ import annotations

import time

import pytest

from tfcaf_forge.errors import InputError
from tfcaf_forge.proposals.extract import MAX_SOURCE, MAX_TEXT, blocks_of, extract
from tfcaf_forge.proposals.files import proposal_from_file, proposal_from_text
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection

GOOD = "def tfcaf(local_q, state):\n    return local_q.sum(dim=1, keepdim=True)\n"
OTHER = "def helper(x):\n    return x\n"


def fenced(source, tag="python", mark="```"):
    return f"{mark}{tag}\n{source}{mark}\n"


def code_of(text):
    found = extract(text)
    assert isinstance(found, Rejection), found
    assert found.stage == "extract"
    return found.code


def test_plain_source_is_taken_as_it_is():
    assert extract("import torch\n\n" + GOOD) == "import torch\n\n" + GOOD


def test_a_fence_in_a_docstring_does_not_cut_plain_source():
    source = 'def tfcaf(local_q, state):\n    """Like this:\n\n    ```\n    def f(x):\n    ```\n    """\n    return local_q\n'
    assert extract(source) == source


@pytest.mark.parametrize("tag", ["python", "py", "Python", ""])
@pytest.mark.parametrize("mark", ["```", "~~~", "````"])
def test_a_fenced_block_is_taken_without_its_fences(tag, mark):
    assert extract(f"Here you are:\n\n{fenced(GOOD, tag, mark)}\nIt weighs all agents alike.") == GOOD


def test_windows_line_ends_are_read():
    assert extract(fenced(GOOD).replace("\n", "\r\n")) == GOOD.replace("\n", "\r\n").strip("\n") + "\n"


def test_an_indented_block_is_dedented():
    text = "1. The function:\n" + "".join(f"   {line}\n" for line in fenced(GOOD).splitlines())
    assert extract(text) == GOOD


def test_of_several_blocks_the_last_that_defines_a_function_is_taken():
    first, second = GOOD.replace("tfcaf", "mixer"), GOOD.replace("tfcaf", "better")
    assert extract(fenced(first) + "Better:\n" + fenced(second) + "Use:\n" + fenced("better(q, s)\n")) == second


def test_of_several_blocks_one_that_defines_tfcaf_goes_first():
    assert extract(fenced(GOOD) + fenced(OTHER)) == GOOD


def test_blocks_in_other_languages_are_passed_over():
    assert extract(fenced("def tfcaf(x)\n", "ruby") + fenced(GOOD)) == GOOD


def test_a_block_that_is_never_closed_reaches_to_the_end():
    assert extract("Sure!\n```python\n" + GOOD) == GOOD


def test_a_longer_fence_holds_a_shorter_one():
    assert [block.text for block in blocks_of("````md\n```\nx\n```\n````\n")] == ["```\nx\n```\n"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n\t\n", "empty"),
        ("\ufeff", "empty"),
        ("I am sorry, I cannot help with that.", "no-code"),
        (fenced("function f() {}\n", "js"), "no-code"),
        ("x = 1\n", "no-function"),
        ("import os\n", "no-function"),
        (fenced("x = 1\n"), "no-function"),
        ("class A:\n    def tfcaf(self, q, s):\n        return q\n", "no-function"),
        (GOOD + "\0", "not-text"),
        (GOOD + "\ud800", "not-text"),
        (GOOD + "#" * MAX_SOURCE, "too-large"),
        ("x" * (MAX_TEXT + 1), "too-large"),
        ("ä" * (MAX_TEXT // 2 + 1), "too-large"),
    ],
)
def test_a_text_without_a_usable_function_is_refused_with_its_reason(text, code):
    assert code_of(text) == code


def test_the_largest_source_is_taken():
    source = GOOD + "#" * (MAX_SOURCE - len(GOOD))
    assert extract(source) == source


@pytest.mark.parametrize(
    "piece", ["`", "```\n", "~", " ", "def ", "def a", "\n", "a", "\t\n", "```python\n", "=", "a ="]
)
def test_a_hostile_text_is_searched_in_linear_time(piece):
    begin = time.perf_counter()
    extract((piece * MAX_TEXT)[:MAX_TEXT])
    assert time.perf_counter() - begin < 2.0


def test_a_syntax_error_is_not_extractions_business():
    text = "def tfcaf(local_q, state)\n    return (\n"
    assert extract(text) == text


def test_a_text_becomes_a_proposal():
    proposal = proposal_from_text(GOOD, 4)
    assert proposal == Proposal(id=4, coder="file", source=GOOD)
    assert isinstance(proposal_from_text("", 4), Rejection)


def test_a_file_becomes_a_proposal(tmp_path):
    (tmp_path / "mine.py").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert proposal_from_file(tmp_path / "mine.py") == Proposal(id=1, coder="file", source=GOOD, note="mine.py")


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b"\xff\xfe\x00d", "not-text"), (b"x" * 5_000_000, "too-large")]
)
def test_a_bad_file_is_refused_with_its_reason(tmp_path, data, code):
    (tmp_path / "mine.py").write_bytes(data)
    found = proposal_from_file(tmp_path / "mine.py")
    assert isinstance(found, Rejection)
    assert found.code == code


def test_a_missing_file_is_the_users_fault(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.py.*; give the path"):
        proposal_from_file(tmp_path / "nowhere.py")
