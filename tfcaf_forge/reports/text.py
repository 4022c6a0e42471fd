"""Hostile text made harmless to look at: what is invisible, or moves other text, is shown as what it is.

Source text, notes, task texts and exception messages come from models and from files. Markup is the template
engine's business (autoescape); here are the characters that survive escaping: terminal escapes, bidirectional
overrides, zero-width letters, stacked combining marks, and lines of a hundred kilobytes.
"""

from __future__ import annotations

import re
import unicodedata

_LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line for Python's compiler, so that our line numbers are its line numbers."""
_SUSPECT = re.compile(r"[^\n\t\x20-\x7e]")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKS = {"Mn", "Me"}
_STACK = 3
"""Combining marks in a row that may be drawn; no script needs more, and more climb over other lines."""
_CONTROLS = [
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "BEL",
    "BS",
    "TAB",
    "LF",
    "VT",
    "FF",
    "CR",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "FS",
    "GS",
    "RS",
    "US",
]
_IGNORABLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
"""Letters and marks that are drawn as nothing (Unicode: default-ignorable, and the blank Braille pattern)."""


def visible(text: str) -> str:
    """The text with every invisible or text-moving character replaced by a visible name of it.

    An escape becomes `⟨ESC⟩`, a right-to-left override `⟨U+202E⟩` (names, because few fonts draw the control pictures). Line feed and tab stay. The result can be encoded as
    UTF-8 and holds no control or format character.
    """
    if text.isascii() and text.isprintable():
        return text
    stacked = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal stacked
        character = match[0]
        if unicodedata.category(character) not in _MARKS:
            return _shown(character)
        adjacent = match.start() > 0 and unicodedata.category(text[match.start() - 1]) in _MARKS
        stacked = stacked + 1 if adjacent else 1
        return f"⟨U+{ord(character):04X}⟩" if stacked > _STACK else _shown(character)

    return _SUSPECT.sub(replace, text)


def _shown(character: str) -> str:
    """One character that is not printable ASCII: itself, or its visible name."""
    code = ord(character)
    if code < 0x20:
        return f"⟨{_CONTROLS[code]}⟩"
    if code == 0x7F:
        return "⟨DEL⟩"
    hidden = (
        unicodedata.category(character) in _UNSEEN
        or (unicodedata.category(character) == "Zs" and code != 0x20)
        or code in _IGNORABLE
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0100 <= code <= 0xE01EF
    )
    return f"⟨U+{code:04X}⟩" if hidden else character


def clip(text: str, limit: int) -> str:
    """The first `limit` characters, and how many more there were."""
    more = len(text) - limit
    return text if more <= 0 else f"{text[:limit]} … {more:,} more characters"


def one_line(text: str, limit: int = 400) -> str:
    """Text for a table cell: no line ends, no runs of white space, nothing invisible, and a stated cut."""
    return clip(" ".join(visible(_LINE_END.sub("\n", text)).split()), limit)


def source_lines(source: str) -> list[str]:
    """Lines of a source text, numbered from 1 as Python's compiler numbers them; a last empty line is dropped."""
    lines = _LINE_END.split(source)
    return lines[:-1] if lines and not lines[-1] else lines
