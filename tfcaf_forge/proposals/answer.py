"""Answer: what kind of answer a model gave, and the function in it if there is one.

Every way of giving none has a code of its own, and the repair prompt says how to put it right: `truncated`, `empty`,
`refused`, `no-code`, `no-function`, `multi-block`, `wrong-language`, `too-large`, `not-text`; and `no-answer` where
the call itself failed.
"""

from __future__ import annotations

import re

from tfcaf_forge.proposals.exchange import Answered, Reply
from tfcaf_forge.proposals.extract import Block, blocks_of, extract
from tfcaf_forge.proposals.normal import normal_source
from tfcaf_forge.records.rejection import Rejection

_CUT = frozenset({"length", "max_tokens", "model_length"})
_FILTERED = frozenset({"content_filter", "safety", "refusal"})
_PYTHON = frozenset({"", "python", "py", "python3", "torch", "pytorch"})
_TFCAF = re.compile(r"^def[ \t]+tfcaf[ \t]*\(", re.MULTILINE)
_REFUSAL = re.compile(
    r"\b(?:I['’]?m sorry|I am sorry|I apologi[sz]e|I (?:can(?:['’]t|not)|won['’]t|am (?:not able|unable)|must decline)|"
    r"I['’]m (?:not able|unable)|as an AI)\b",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"^[ \t]*(?:#include\b|using namespace\b|public (?:static |class )|fn \w+\(|func \w+\(|function \w+\(|package \w+$|"
    r"(?:const|let|var) \w+ ?=|<\?php)",
    re.MULTILINE,
)
_OPEN_BRACKETS = re.compile(r"[(\[{]")
_CLOSED_BRACKETS = re.compile(r"[)\]}]")


def function_in(answered: Answered) -> str | Rejection:
    """The source of the function in an answer, or why there is none, with what to write instead."""
    if answered.reply is None:
        fault = answered.fault
        text = "no answer" if fault is None else f"no answer ({fault.code}: {fault.message})"
        return _refuse("too-large" if fault is not None and fault.code == "too-large" else "no-answer", text)
    return _read(answered.reply)


def last_resort(text: str) -> str | None:
    """A function from an answer with several, when asking again has not helped: the last one."""
    found = extract(text)
    return found if isinstance(found, str) else None


def _read(reply: Reply) -> str | Rejection:
    if reply.finish in _FILTERED or reply.refusal:
        return _refuse("refused", f"the model refused{': ' + reply.refusal[:160] if reply.refusal else ''}")
    if not reply.text.strip():
        cut = " before it began: all its tokens went into thinking" if reply.finish in _CUT else ""
        return _refuse("truncated" if cut else "empty", f"the answer is empty{cut}; raise --answer-tokens" if cut else "the answer is empty")  # fmt: skip
    found = extract(reply.text)
    if reply.finish in _CUT and (isinstance(found, Rejection) or _unfinished(reply.text, found)):
        return _refuse(
            "truncated", "the answer was cut off before the function was complete; write less, or raise --answer-tokens"
        )
    if isinstance(found, Rejection):
        return _named(found, reply.text)
    if len({normal_source(block.text) for block in _candidates(reply.text)}) > 1:
        return _refuse("multi-block", "several blocks define `tfcaf` in different ways; write one, in one block")
    return found


def _named(found: Rejection, text: str) -> Rejection:
    """Why nothing could be extracted, as exactly as the text lets us say."""
    tags = [block.tag for block in blocks_of(text) if block.tag not in _PYTHON]
    if found.code in ("no-code", "no-function") and (tags or _FOREIGN.search(text)):
        return _refuse(
            "wrong-language", f"the code is not Python{' but ' + ', '.join(tags) if tags else ''}; write Python"
        )
    if found.code == "no-code" and _REFUSAL.search(text[:2000]):
        return _refuse("refused", "the model declined to write a function")
    return found


def _candidates(text: str) -> list[Block]:
    return [block for block in blocks_of(text) if block.tag in _PYTHON and _TFCAF.search(block.text)]


def _unfinished(text: str, source: str) -> bool:
    """Whether a cut-off answer was cut off inside its function: its fence or a bracket is still open, or no return."""
    fences = len(re.findall(r"^[ \t]{0,12}(?:`{3,16}|~{3,16})", text, re.MULTILINE))
    balanced = len(_OPEN_BRACKETS.findall(source)) == len(_CLOSED_BRACKETS.findall(source))
    return fences % 2 == 1 or not balanced or not re.search(r"^[ \t]+return\b", source, re.MULTILINE)


def _refuse(code: str, message: str) -> Rejection:
    return Rejection(stage="extract", code=code, message=message)
