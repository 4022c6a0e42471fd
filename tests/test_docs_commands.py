"""Every `forge` command that the pages show is one that the command line takes: verb, options, values.

`test_docs` runs whole pages; the commands of the others (servers, hosted models, long trainings, one's own data) are read here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from tfcaf_forge.cli.app import VERBS, app, verb

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(text: str) -> Iterator[str]:
    """Lines of code blocks, fenced or indented, that call `forge`; continued lines joined, comments left out."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        found = re.match(r"(?:    |PATH=\S+ )?((?:\.venv/bin/)?forge [a-z].*)", line)
        if found:
            first = re.split(r"\s+(?:&&|\|\|?|>|2>)\s", found[1])[0]
            yield re.sub(r"\s+#.*", "", first)


SHOWN = sorted({(page.name, line) for page in PAGES for line in commands(page.read_text())})


def test_the_pages_show_many_commands():
    assert len(SHOWN) > 40


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_a_command_of_a_page_is_one_that_the_command_line_takes(page, line):
    name, *rest = shlex.split(line)[1:]
    assert name in get_command(app).commands
    found = verb(name)
    while hasattr(found, "commands") and rest:
        assert rest[0] in found.commands, line
        found, rest = found.commands[rest[0]], rest[1:]
    found.make_context(name, rest)


def leaves(name, command):
    """Every command below a verb, or the verb itself."""
    inside = getattr(command, "commands", {})
    return (
        [(name, command)]
        if not inside
        else [leaf for word in inside for leaf in leaves(f"{name} {word}", inside[word])]
    )


def test_the_help_of_every_command_has_an_example():
    found = [leaf for word in VERBS for leaf in leaves(f"forge {word}", verb(word))]
    assert len(found) > 20
    assert [name for name, command in found if name not in (command.epilog or "")] == []
