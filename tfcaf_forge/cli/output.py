"""Printing: results on stdout, progress on stderr, plain lines where there is no terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.records.base import to_builtins

PASSED, REFUSED, ERROR = 0, 1, 2

STYLES = {
    "accepted": "green",
    "PROVED": "green",
    "TESTED": "green",
    "rejected": "red",
    "refuted": "red",
    "REFUTED": "bold red",
    "ERRORED": "bold red",
    "UNKNOWN": "yellow",
    "duplicate": "dim",
}
"""Colours by word. The word itself always stands there too."""

TaskOption = Annotated[
    str, typer.Option("--task", "-t", help="A bundled task's name, or the path of a TaskSpec (.toml).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Decides every random choice.")]
SandboxOption = Annotated[str, typer.Option("--sandbox", help="Where candidates run: local, docker or gvisor.")]
LimitsOption = Annotated[str, typer.Option("--limits", help="Sandbox profile: default, strict, or a .toml file.")]
RequireOption = Annotated[
    list[str] | None,
    typer.Option(
        "--require-layers", help="Run nothing without this layer of the sandbox (or: all); may stand several times."
    ),
]
ProfileOption = Annotated[str, typer.Option("--profile", help="How hard to test: fast, search or audit.")]
ReplayOption = Annotated[Path | None, typer.Option("--replay", help="A dataset made by `forge collect`.")]


def stdout() -> Console:
    """Results. Without a terminal lines are never wrapped."""
    return _console(sys.stdout, stderr=False)


def stderr() -> Console:
    """Progress and errors."""
    return _console(sys.stderr, stderr=True)


def announce(text: str) -> None:
    """Say something from a signal handler: past `sys.stderr`, which refuses to be entered twice and may be just writing."""
    with suppress(OSError):  # nobody may be there to read it
        os.write(2, f"\n{text}\n".encode())


def _console(stream: Any, *, stderr: bool) -> Console:  # noqa: ANN401 - a text stream
    plain = not stream.isatty()
    return Console(
        stderr=stderr, highlight=False, emoji=False, markup=False, width=10_000 if plain else None, soft_wrap=plain
    )


def print_json(value: object) -> None:
    """A record or plain data as indented JSON on stdout."""
    text = msgspec.json.format(msgspec.json.encode(to_builtins(value)), indent=2)
    sys.stdout.write(text.decode() + "\n")


def print_facts(console: Console, facts: Mapping[str, str]) -> None:
    """Aligned lines `name  value`."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        console.print(Text.assemble((f"{name:<{width}}  ", "dim"), printable(value)))


def printable(text: str) -> str:
    """A text without control characters: model output reaches the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


class Columns:
    """A table that is printed row by row as its rows come to be.

    Args:
        console: where to.
        widths: by column, in order; the last column takes what is left.
        right: columns that are aligned to the right.
    """

    def __init__(self, console: Console, widths: Mapping[str, int], right: Sequence[str] = ()) -> None:
        """Remember the layout."""
        self._console, self._widths, self._right = console, widths, right

    def header(self) -> None:
        """The columns' names."""
        self._console.print(Text(self._line({name: name for name in self._widths}), style="dim"))

    def row(self, cells: Mapping[str, str]) -> None:
        """Print one row."""
        self._console.print(self.text(cells))

    def text(self, cells: Mapping[str, str]) -> Text:
        """One row; words that have a colour get it."""
        text = Text()
        names = list(self._widths)
        for name in names:
            cell = printable(cells[name])
            last = name == names[-1]
            padded = cell if last else self._pad(name, cell)
            text.append(padded, STYLES.get(cell, "")).append("" if last else "  ")
        text.rstrip()
        return text

    def _line(self, cells: Mapping[str, str]) -> str:
        return "  ".join(self._pad(name, cells[name]) for name in self._widths).rstrip()

    def _pad(self, name: str, cell: str) -> str:
        width = self._widths[name]
        return f"{cell:>{width}}" if name in self._right else f"{cell:<{width}}"


class Ticker:
    """Progress on stderr: one line rewritten on a terminal, a line every few seconds elsewhere.

    Args:
        quiet: print nothing.
        every: seconds between lines where there is no terminal.
    """

    def __init__(self, *, quiet: bool = False, every: float = 5.0) -> None:
        """Look whether stderr is a terminal."""
        self._quiet, self._every = quiet, every
        self._live = sys.stderr.isatty()
        self._last = time.monotonic() if not self._live else 0.0
        self._shown = 0

    def show(self, text: str) -> None:
        """Show where things stand; most calls without a terminal print nothing."""
        now = time.monotonic()
        if self._quiet or now - self._last < (0.1 if self._live else self._every):
            return
        self._last = now
        if self._live:
            sys.stderr.write(f"\r{text:<{self._shown}}")
            self._shown = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Wipe the line."""
        if self._live and self._shown and not self._quiet:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0


def fail(fault: ForgeError, *, as_json: bool) -> int:
    """Say what went wrong; returns the exit code."""
    if as_json:
        print_json({"error": {"code": fault.code, "message": str(fault)}})
    stderr().print(Text.assemble(("error: ", "bold red"), printable(str(fault))))
    return ERROR


def wants_json(argv: Sequence[str]) -> bool:
    """Whether `--json` stands on the command line."""
    return "--json" in argv


def program() -> str:
    """How the user can call this program: `forge` where the shell finds it, else the path beside this interpreter."""
    own = Path(sys.executable).with_name("forge")
    found = shutil.which("forge")
    if found is not None and Path(found).resolve() == own.resolve():
        return "forge"
    inside = own.is_relative_to(Path.cwd())
    return str(own.relative_to(Path.cwd()) if inside else own) if own.is_file() else "forge"


def seconds_text(seconds: float) -> str:
    """`48 s`, `3 min 20 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size_text(count: int) -> str:
    """`2.1 kB`."""
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB"
