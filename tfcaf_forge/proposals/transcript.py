"""Transcript: every call and every answer in the run's journal, the moment it exists.

A call is written down before it is made (`asked`), and its end as soon as it is known (`answered`). On resume an
answer that is on the disk is used again, so nothing is paid for twice; a recorded run can stand in for the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfcaf_forge.proposals.exchange import Answered, Asked, Question
from tfcaf_forge.proposals.ledger import Ledger
from tfcaf_forge.store import Store

ASKED, ANSWERED = "asked", "answered"


class Transcript:
    """The calls of one run.

    Args:
        store: the run's journal.
        ledger: what the calls are counted in; takes over what earlier sessions have spent.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        """Read what earlier sessions have written."""
        self._store, self._ledger = store, ledger
        asked = store.read_all(ASKED, Asked)
        answered = store.read_all(ANSWERED, Answered)
        ledger.restore(asked, answered)
        self._next = max(asked, default=0) + 1
        self._by_key = _by_key(answered)

    def known(self, question: Question) -> Answered | None:
        """The answer to a question, if it is on the disk; a failed call is none."""
        found = self._by_key.get(question.key)
        return found if found is not None and found.reply is not None else None

    def begin(self, question: Question, *, tokens: int, usd: float | None, left: bool) -> int:
        """Write a call down before it is made; returns its number."""
        call = Asked(
            key=question.key,
            question=question,
            session=self._ledger.session,
            at_s=round(self._ledger.elapsed_s, 3),
            tokens=tokens,
            usd=usd,
            left=left,
        )
        number, self._next = self._next, self._next + 1
        self._store.append(ASKED, call, number)
        self._ledger.begin(number, call)
        return number

    def end(self, number: int, answered: Answered) -> None:
        """Write down how a call ended."""
        self._store.append(ANSWERED, answered, number)
        self._ledger.end(number, answered)
        _keep(self._by_key, answered)

    def adopt(self, question: Question, answered: Answered) -> None:
        """Write down an answer that another run has recorded; nothing was sent and nothing spent."""
        call = Asked(
            key=question.key, question=question, session=self._ledger.session, at_s=0.0, tokens=0, usd=0.0, left=False, source="transcript"
        )  # fmt: skip
        number, self._next = self._next, self._next + 1
        self._store.append(ASKED, call, number)
        self._store.append(ANSWERED, answered, number)
        _keep(self._by_key, answered)


class Recording:
    """The answers of a recorded run, to be given again.

    Args:
        run: its folder.

    Raises:
        StoreError: there is no run, or it is damaged.
    """

    def __init__(self, run: Path) -> None:
        """Read the run's answers."""
        with Store(run, write=False) as store:
            self._by_key = _by_key(store.read_all(ANSWERED, Answered))
            self.settings: dict[str, Any] = store.read("settings", dict[str, Any]) or {}
        self.run = run

    @property
    def empty(self) -> bool:
        """Whether no model was asked."""
        return not self._by_key

    def answer(self, question: Question) -> Answered | None:
        """How the recorded call ended, be it an answer or a failure; None if it was never made."""
        return self._by_key.get(question.key)


def _by_key(answered: dict[int, Answered]) -> dict[str, Answered]:
    found: dict[str, Answered] = {}
    for record in answered.values():
        _keep(found, record)
    return found


def _keep(found: dict[str, Answered], record: Answered) -> None:
    """An answer goes before a failure, a later failure before an earlier one."""
    before = found.get(record.key)
    if before is None or before.reply is None:
        found[record.key] = record


def departures(store: Store) -> list[dict[str, Any]]:
    """Every call that left this machine: when, where to, how much, and the digest of what was sent.

    The texts themselves stand in the journal, under the call's number.
    """
    return [
        {
            "call": number,
            "session": call.session,
            "at_s": call.at_s,
            "purpose": call.question.slot.purpose,
            "model": call.question.model,
            "endpoint": call.question.endpoint,
            "bytes": call.question.size,
            "key": call.key,
        }
        for number, call in store.read_all(ASKED, Asked).items()
        if call.left and call.source == "model"
    ]
