"""The command lines that begin, resume or repeat a run, and that train with its kernel."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.records.base import Record, convert
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.store import Store

_GIVEN = "given"


class Given(Record, frozen=True, kw_only=True):
    """How a session of a run was begun on the command line, as far as its settings do not say it.

    Attributes:
        task: what `--task` was; empty where it was no text.
        words: further options with their values: bounds, budgets, datasets, whom a key may reach.
        transcript: the recorded run whose answers were given again, and all that was said beside `--out`.
    """

    task: str = ""
    words: tuple[str, ...] = ()
    transcript: str = ""


def keep_given(store: Store, given: Given | None) -> None:
    """Write down how this session was begun, unless the one before it was begun alike; None says nothing."""
    known = store.read_all(_GIVEN, Given)
    if given is not None and (not known or known[max(known)] != given):
        store.append(_GIVEN, given, max(known, default=-1) + 1)


def given_of(store: Store) -> Given:
    """How the last session was begun; empty where it was begun in Python."""
    known = store.read_all(_GIVEN, Given)
    return known[max(known)] if known else Given()


def command_of(settings: dict[str, Any], folder: Path, given: Given) -> str:
    """The command line that begins, resumes or repeats a run: every option that has a say in its result."""
    if given.transcript:
        return shlex.join(["forge", "synthesize", "--transcript", given.transcript, "--out", str(folder), *given.words])
    parts = [
        "forge",
        "synthesize",
        "--task",
        task_reference(str(settings["task"]), given),
        "--seed",
        str(settings["seed"]),
    ]
    for name in ("rounds", "candidates", "episodes", "profile"):
        parts += [f"--{name}", str(settings[name])]
    parts += ["--sandbox", str(settings["backend"]), "--limits", str(settings["limits"])]
    parts += [word for layer in settings.get("require", ()) for word in ("--require-layers", layer)]
    parts += ["--out", str(folder)]
    if settings.get("asking"):
        parts += _model_options(convert(settings["asking"], Asking, what=str(folder)))
    return shlex.join([*parts, *given.words])


def next_command(task: str, kernel: Path, given: Given) -> str:
    """How to train with a kernel."""
    return shlex.join(["forge", "train", "--task", task_reference(task, given), "--mixer", str(kernel)])


def task_reference(task: str, given: Given) -> str:
    """What to give to `--task`: the name of a bundled task, or what was given for another."""
    return task if task in bundled_tasks() else given.task or f"{task}.toml"


def _model_options(asking: Asking) -> list[str]:
    """The options that say how models are asked."""
    words = ["--model", asking.model]
    if "://" in asking.endpoint:
        words += ["--api-base", asking.endpoint]
    words += ["--evaluator-model", _named(asking.evaluator, asking.evaluator_endpoint) if asking.evaluator else "none"]
    for name, endpoint in asking.fallbacks:
        words += ["--fallback", _named(name, endpoint)]
    words += ["--strategy", asking.strategy, "--temperature", f"{asking.temperature:g}"]
    return [*words, "--answer-tokens", str(asking.answer_tokens), "--repairs", str(asking.repairs)]


def _named(name: str, endpoint: str) -> str:
    return f"{name}@{endpoint}" if "://" in endpoint else name
