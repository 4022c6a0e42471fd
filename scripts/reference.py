"""The reference pages of the site, made from `--help` and docstrings whenever it is built; a hook of mkdocs.

    python scripts/reference.py FOLDER       writes the same two pages as Markdown files

Nothing of it is kept in the repository, so it cannot grow old.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

COMMANDS, LIBRARY = "reference-commands.md", "reference-library.md"
MODULES = (
    "tfcaf_forge.integrations.host",
    "tfcaf_forge.integrations.epymarl",
    "tfcaf_forge.integrations.torchrl",
    "tfcaf_forge.integrations.benchmarl",
    "tfcaf_forge.integrations.ray_cluster",
    "tfcaf_forge.pipeline.executor",
)
"""Public besides `tfcaf_forge` itself: what somebody with a trainer or a cluster of their own calls."""


def on_files(files: Any, config: Any) -> Any:
    """mkdocs asks which files there are: two more."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def pages() -> dict[str, str]:
    """Both pages by their file's name."""
    return {COMMANDS: commands(), LIBRARY: library()}


def commands() -> str:
    """Every command of `forge` with its arguments, options and examples."""
    import typer

    from tfcaf_forge.cli.app import VERBS, verb

    lines = [
        "# Commands",
        "",
        "What `forge VERB --help` says. Exit codes: 0 passed, 1 refused or refuted, 2 a wrong command.",
    ]
    for name, command in (found for word in VERBS for found in _walk(f"forge {word}", verb(word))):
        pieces = " ".join(command.collect_usage_pieces(typer.Context(command, info_name=name)))
        usage = re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), pieces)
        lines += ["", f"## {name}", "", _plain(command.help or ""), "", f"    {name} {usage}", "", *_options(command)]
        if command.epilog:
            lines += ["", *_examples(command.epilog)]
    return "\n".join(lines) + "\n"


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inside = getattr(command, "commands", {})
    if not inside:
        yield name, command
    for word, below in sorted(inside.items()):
        yield from _walk(f"{name} {word}", below)


def _options(command: Any) -> Iterator[str]:
    import typer

    context = typer.Context(command)
    rows = [record for each in command.params if (record := each.get_help_record(context)) is not None]
    if rows:
        yield from ("| Option | |", "|---|---|")
        seen = dict(rows)
        yield from (f"| `{names}` | {_cell(text)} |" for names, text in seen.items())


def _examples(epilog: str) -> Iterator[str]:
    """An epilog: commands as code, sentences as they are."""
    for part in filter(None, (part.strip() for part in epilog.split("\n\n"))):
        text = _plain(part)
        first = text.removeprefix("Example: ")
        yield f"    {first}" if first.startswith("forge ") else text
        yield ""


def library() -> str:
    """`tfcaf_forge` and the modules of `MODULES`: signatures and docstrings."""
    import tfcaf_forge

    lines = ["# Library", "", "## tfcaf_forge"]
    for name in tfcaf_forge.__all__:
        if name != "__version__":
            lines += _entry(f"forge.{name}", getattr(tfcaf_forge, name))
    for place in MODULES:
        module = import_module(place)
        lines += ["", f"## {place}", "", *_docstring(module.__doc__)]
        for name, value in vars(module).items():
            told = inspect.isclass(value) or inspect.isfunction(value)
            if told and value.__module__ == place and not name.startswith("_"):
                lines += _entry(name, value)
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any) -> Iterator[str]:
    kind = "class " if inspect.isclass(value) else ""
    yield from ("", f"### {name}", "", f"    {kind}{name}{_signature(value)}", "", *_docstring(inspect.getdoc(value)))
    if inspect.isclass(value):
        for method, found in vars(value).items():
            if inspect.isfunction(found) and not method.startswith("_") and inspect.getdoc(found):
                yield from ("", f"#### {name}.{method}", "", f"    {method}{_signature(found)}", "")
                yield from _docstring(inspect.getdoc(found))


def _signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except ValueError:
        return ""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are kept as strings
    return re.sub(r"tfcaf_forge\.[a-z_.]+\.|(?<=\()self(, )?", "", text)


def _docstring(text: str | None) -> list[str]:
    """As a code block: indentation and brackets mean what they mean in the source."""
    return [f"    {line}".rstrip() for line in inspect.cleandoc(text or "").splitlines()]


def _plain(text: str) -> str:
    """Without rich's markup."""
    return re.sub(r"\[/?(?:bold|italic|dim)\]", "", inspect.cleandoc(text))


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


if __name__ == "__main__":
    for page, body in pages().items():
        (Path(sys.argv[1]) / page).write_text(body, encoding="utf-8")
