"""Normalised source: two texts that differ only in comments, docstrings, blank lines and spaces are one text.

The text is hostile, so it is not parsed; one linear regular expression tells strings from comments.
"""

from __future__ import annotations

import itertools
import re

_PIECE = re.compile(
    r"(?P<doc>^[ \t]*(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?''')[ \t]*$)"
    r"|(?P<string>\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<comment>\#[^\n]*)",
    re.MULTILINE,
)
_SPACES = re.compile(r"(?<=\S)[ \t]+")
_AROUND = re.compile(r"[ \t]*([-+*/%@=<>!&|^~,:;()\[\]{}])[ \t]*")


def normal_source(source: str) -> str:
    """The source without what means nothing."""
    bare = _PIECE.sub(lambda piece: piece["string"] or "", source.replace("\r\n", "\n").expandtabs(4))
    lines = [_line(line) for line in bare.split("\n")]
    return "\n".join(line for line in lines if line.strip())


def _line(line: str) -> str:
    text = line.rstrip()
    body = text.lstrip(" ")
    indent = text[: len(text) - len(body)]
    return indent + _AROUND.sub(r"\1", _SPACES.sub(" ", body))


def words_of(source: str) -> frozenset[str]:
    """The words and neighbouring pairs of words of a source, to tell how alike two are."""
    tokens = re.findall(r"[A-Za-z_]\w*|\d+(?:\.\d+)?|[^\s\w]", normal_source(source))
    return frozenset(tokens) | frozenset(f"{a} {b}" for a, b in itertools.pairwise(tokens))


def difference(one: str, other: str) -> float:
    """How unlike two sources are: 0 for the same, 1 for nothing in common (Jaccard distance)."""
    mine, yours = words_of(one), words_of(other)
    joint = len(mine | yours)
    return 1.0 - len(mine & yours) / joint if joint else 0.0
