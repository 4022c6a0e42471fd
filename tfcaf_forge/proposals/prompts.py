"""Prompts: from templates in `prompts/` to text. Templates are versioned by file name and never edited once released."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tfcaf_forge.proposals.allowed import REFUSED, TAKEN, functional_names, torch_names
from tfcaf_forge.proposals.feedback import plain, state_rows
from tfcaf_forge.records.base import digest_of
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.resources import bundled

_NAMED = re.compile(r"(?P<name>\w+)\.v(?P<version>\d+)\.j2")
_FENCE = re.compile(r"`{3,}|~{3,}")
_BLANKS = re.compile(r"\n{3,}")
_MOST_DESCRIPTION = 4000


def render(name: str, values: Mapping[str, Any]) -> str:
    """A prompt.

    Args:
        name: the template's name without version and ending, such as `repair`.
        values: what it names; a name that is missing is an error.
    """
    text = _environment().get_template(_latest()[name]).render(**values)
    return _BLANKS.sub("\n\n", text).strip() + "\n"


def task_values(task: TaskSpec) -> dict[str, Any]:
    """What prompts say about a task, from its TaskSpec alone."""
    return {
        "title": plain(task.title, 200),
        "description": task.description.strip()[:_MOST_DESCRIPTION],
        "n_agents": task.n_agents,
        "state_size": task.state_size,
        "actions": [plain(action, 40) for action in task.actions],
        "interchangeable": [group for group in task.agents.interchangeable if len(group) > 1],
        "alike": [block.name for block in task.state if block.interchangeable and (block.count or 1) > 1],
        "rows": state_rows(task),
        "monotonicity": task.credit.monotonicity,
        "q_low": f"{task.credit.entering[0]:g}",
        "q_high": f"{task.credit.entering[1]:g}",
        "q_scale": f"{task.credit.q_scale:g}",
        "torch_names": torch_names(),
        "functional_names": functional_names(),
        "taken": TAKEN,
        "refused": REFUSED,
    }


def prompts_digest() -> str:
    """SHA-256 over the templates in use: a run that is resumed must ask in the same words."""
    folder = bundled("prompts")
    return digest_of([(name, (folder / name).read_text(encoding="utf-8")) for name in sorted(_latest().values())])


@cache
def _latest() -> dict[str, str]:
    """The file of every template's newest version."""
    found = [match for path in bundled("prompts").glob("*.j2") if (match := _NAMED.fullmatch(path.name)) is not None]
    found.sort(key=lambda match: int(match["version"]))
    return {match["name"]: match[0] for match in found}


def fenced(text: str, tag: str = "") -> str:
    """A text between fences that it cannot close itself."""
    longest = max((len(run) for run in _FENCE.findall(text)), default=2)
    mark = "`" * max(3, longest + 1)
    return f"{mark}{tag}\n{text.rstrip()}\n{mark}"


def numbered(source: str) -> str:
    """A source between fences, each line with its number, so that evidence can point to lines."""
    lines = source.rstrip("\n").split("\n")
    width = len(str(len(lines)))
    return fenced("\n".join(f"{i:>{width}}  {line}".rstrip() for i, line in enumerate(lines, 1)), "text")


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(bundled("prompts")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=False,
    )
    environment.filters["fenced"] = fenced
    environment.filters["numbered"] = numbered
    return environment
