"""Pull a function's source out of a model's answer, or out of a user's file.

The text is hostile. It is looked at with linear regular expressions, never parsed and never run; whether it is
Python at all is for the sandbox to find out.

Which code is taken:

1. A text whose first top-level `def` stands before any fence is source as a whole. (A fence may then be part of a
   docstring.)
2. Otherwise the fenced blocks count that carry no language or Python's. The **last** one that defines a function at
   top level is taken, since models correct themselves downwards; one that defines `tfcaf` goes before others.
3. A last fence that is never closed reaches to the end of the text.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from tfcaf_forge.records.rejection import Rejection

MAX_SOURCE = 16 * 1024
"""Longest source that goes to the sandbox, in bytes of UTF-8. The paper's longest function has 8 kB."""
MAX_TEXT = 256 * 1024
"""Longest text that is searched for source, in bytes of UTF-8."""

_FENCE = re.compile(r"^[ \t]{0,12}(?P<mark>`{3,16}|~{3,16})[ \t]*(?P<tag>[\w+#.-]{0,32})[^\n`]*$", re.MULTILINE)
_FUNCTION = re.compile(r"^def[ \t]+\w+[ \t]*\(", re.MULTILINE)
_NAMED = re.compile(r"^def[ \t]+tfcaf[ \t]*\(", re.MULTILINE)
_CODE_LINE = re.compile(r"^(?:import |from |class |return\b|@|[ \t]*def\b|[A-Za-z_]\w*[ \t]*=)", re.MULTILINE)
_PYTHON = frozenset({"", "python", "py", "python3", "torch", "pytorch"})


class Block(NamedTuple):
    """A fenced block: its language tag in lower case, and its text without the fences."""

    tag: str
    text: str


def extract(text: str) -> str | Rejection:
    """The source of a function, or why there is none.

    Returns:
        The source, at most `MAX_SOURCE` bytes; or a Rejection of stage `extract` with the code `empty`, `not-text`,
        `too-large`, `no-code` or `no-function`.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return _refuse("empty", "the text is empty; write a function `def tfcaf(local_q, state):`")
    if "\0" in text or not _encodable(text):
        return _refuse("not-text", "the text holds bytes that are not UTF-8 text; save the source as UTF-8")
    if _size(text) > MAX_TEXT:
        return _refuse("too-large", f"the text has {_size(text):,} bytes; at most {MAX_TEXT:,} are searched for source")
    source = _pick(text)
    if isinstance(source, str) and _size(source) > MAX_SOURCE:
        return _refuse("too-large", f"the source has {_size(source):,} bytes; write at most {MAX_SOURCE:,}")
    return source


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a text, in order."""
    blocks: list[Block] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif not fence["tag"] and fence["mark"].startswith(opened["mark"]):
            blocks.append(_block(opened, text[opened.end() : fence.start()]))
            opened = None
    if opened is not None:
        blocks.append(_block(opened, text[opened.end() :]))
    return blocks


def _pick(text: str) -> str | Rejection:
    """The source by the rules above."""
    first, fence = _FUNCTION.search(text), _FENCE.search(text)
    if first is not None and (fence is None or first.start() < fence.start()):
        return text
    blocks = blocks_of(text)
    python = [block.text for block in blocks if block.tag in _PYTHON]
    for pattern in (_NAMED, _FUNCTION):
        for source in reversed(python):
            if pattern.search(source):
                return source
    if blocks and not python:
        return _refuse("no-code", f"no block holds Python, but: {', '.join(b.tag for b in blocks)}; write Python")
    if python or _CODE_LINE.search(text):
        return _refuse("no-function", "no function is defined at top level; write `def tfcaf(local_q, state):`")
    return _refuse("no-code", "no code in the text; write one Python function in one fenced block")


def _block(fence: re.Match[str], body: str) -> Block:
    return Block(fence["tag"].lower(), textwrap.dedent(body).strip("\n") + "\n")


def _size(text: str) -> int:
    return len(text.encode())


def _encodable(text: str) -> bool:
    """False for lone surrogates, which no record can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(code: str, message: str) -> Rejection:
    return Rejection(stage="extract", code=code, message=message)
