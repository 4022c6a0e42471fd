"""Recorded models: `recorded/NAME` answers from a file in the package, with no key and no network.

The answers were written by hand for this project, to show the path of a model's answers through the loop; no model
wrote them, and how they fare says nothing about any model. An answer is found by its place in the loop (purpose,
round, index, turn), since a prompt's letters depend on the evidence.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from tfcaf_forge.proposals.exchange import Purpose, Question, Reply, Slot
from tfcaf_forge.proposals.faults import CallFailed, Fault, ModelError
from tfcaf_forge.proposals.ledger import Price
from tfcaf_forge.records.base import Plain, Record, convert

PREFIX = "recorded/"
_FOLDER = Path(__file__).resolve().parent / "recorded"


class Line(Plain, frozen=True, kw_only=True):
    """One recorded answer and its place in the loop."""

    purpose: Purpose
    round: int = 0
    index: int = 0
    turn: int = 0
    finish: str = "stop"
    text: str


class Sheet(Record, frozen=True, kw_only=True, rename={"answers": "answer"}):
    """A file of recorded answers.

    Attributes:
        task: what they were written for.
        written: by whom, in a sentence.
    """

    task: str
    written: str
    answers: tuple[Line, ...]


class RecordedModel:
    """Answers from a bundled sheet.

    Args:
        name: `recorded/NAME`.
        task: the task that is to be solved.

    Raises:
        ModelError: there is no such sheet, or it was written for another task.
    """

    endpoint = "recorded"
    leaves = False
    price = Price(prompt=0.0, answer=0.0)

    def __init__(self, name: str, task: str) -> None:
        """Read the sheet."""
        self.name = name
        known = recorded_names()
        if name not in known:
            raise ModelError(f"there is no {name}; choose one of {', '.join(known)}")
        sheet = read_sheet(name)
        if sheet.task != task:
            raise ModelError(f"{name} was written for the task {sheet.task}, not for {task}; give --task {sheet.task}")
        self._answers = {(a.purpose, a.round, a.index, a.turn): a for a in sheet.answers}
        self._first = [a for a in sheet.answers if a.purpose == "propose" and a.round == 0 and a.turn == 0]

    async def ask(self, question: Question, timeout_s: float) -> Reply:
        """The answer for the question's place in the loop."""
        del timeout_s
        line = self._line(question.slot)
        if line is None:
            slot = question.slot
            text = f"{self.name} holds no answer to {slot.purpose} in round {slot.round + 1}, place {slot.index + 1}"
            raise CallFailed(Fault(code="no-recorded-answer", message=text))
        return Reply(text=line.text, finish=line.finish, tokens_in=0, tokens_out=0)

    async def close(self) -> None:
        """Nothing is open."""

    def _line(self, slot: Slot) -> Line | None:
        found = self._answers.get((slot.purpose, slot.round, slot.index, slot.turn))
        if found is None and slot.purpose == "propose" and slot.round == 0 and slot.turn == 0 and self._first:
            return self._first[slot.index % len(self._first)]  # more samples than were written: they repeat
        return found


def recorded_names() -> tuple[str, ...]:
    """The bundled sheets."""
    return tuple(PREFIX + path.stem for path in sorted(_FOLDER.glob("*.toml")))


def read_sheet(name: str) -> Sheet:
    """A bundled sheet by name."""
    path = _FOLDER / f"{name.removeprefix(PREFIX)}.toml"
    return convert(tomllib.loads(path.read_text(encoding="utf-8")), Sheet, what=str(path))
