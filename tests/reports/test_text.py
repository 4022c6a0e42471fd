from __future__ import annotations

import ast
import unicodedata

import pytest

from tfcaf_forge.reports.text import clip, one_line, source_lines, visible


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x1b[31m", "⟨ESC⟩[31m"),
        ("\x00", "⟨NUL⟩"),
        ("\x7f", "⟨DEL⟩"),
        ("\x9b", "⟨U+009B⟩"),
        ("\u202e", "⟨U+202E⟩"),
        ("\u2066", "⟨U+2066⟩"),
        ("\u200b", "⟨U+200B⟩"),
        ("\ufeff", "⟨U+FEFF⟩"),
        ("\u2028", "⟨U+2028⟩"),
        ("\u00a0", "⟨U+00A0⟩"),
        ("\u3164", "⟨U+3164⟩"),
        ("\ufe0f", "⟨U+FE0F⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_what_cannot_be_seen_is_named(hidden: str, shown: str) -> None:
    assert visible(f"a{hidden}b") == f"a{shown}b"


def test_ordinary_text_of_any_script_stays() -> None:
    text = "∂Q_tot/∂Q_i ≥ 0, für 信用 e\u0301té\n\tindented"
    assert visible(text) == text


def test_no_character_stays_hidden_and_everything_can_be_encoded() -> None:
    planes = (range(0x20000), range(0xE0000, 0xE0200), range(0x10FF00, 0x110000))
    every = "".join(chr(code) for plane in planes for code in plane)
    result = visible(every)
    result.encode("utf-8")
    left = {unicodedata.category(c) for c in set(result) - {"\n", "\t"}}
    assert not left & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert visible(result) == result


def test_stacked_marks_do_not_climb_over_other_lines() -> None:
    shown = visible("Z" + "\u0301" * 40)
    assert shown.count("\u0301") == 3
    assert shown.count("⟨U+0301⟩") == 37


def test_a_cut_says_how_much_is_missing() -> None:
    assert clip("x" * 10, 4) == "xxxx … 6 more characters"
    assert clip("xxxx", 4) == "xxxx"


def test_a_cell_has_one_line() -> None:
    assert one_line("a\r\nb\n\n c\u2028d\x1be") == "a b c⟨U+2028⟩d⟨ESC⟩e"


def test_lines_are_numbered_as_python_numbers_them() -> None:
    source = "a = 1\rb = 2\r\nc = '\\x0c\u2028'\nd = 4\n"
    lines = source_lines(source)
    for statement in ast.parse(source).body:
        assert isinstance(statement, ast.Assign)
        assert isinstance(statement.targets[0], ast.Name)
        assert lines[statement.lineno - 1].startswith(statement.targets[0].id)
    assert len(lines) == 4
    assert source_lines("") == []
