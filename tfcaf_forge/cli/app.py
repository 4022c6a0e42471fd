"""The `forge` command: its verbs, and the one place where errors become messages and exit codes.

A verb's module is imported when the verb is called; the list of verbs shows the lines that stand here. So `forge --help`
takes what Python and the library of the command line take, and no more.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.resources import ONE_THREAD
from tfcaf_forge.version import VERSION

VERBS = {
    "synthesize": "Propose, vet and rank credit functions for a task; export the best as a kernel.",
    "stability": "Measure how reliably models write functions that hold, next to the offline coder. Budgets are for each model.",
    "vet": "Run a function in the sandbox, take its graph out, prove and test it.",
    "collect": "Record real episodes to a replay dataset, by random and (where known) scripted behaviour.",
    "rank": "Rank functions on replayed trajectories. Python files are vetted first.",
    "recheck": "Hold a deployed kernel against new data: keep it, look at it, or take it out of service.",
    "export": "Write an accepted candidate of a run as a kernel, one .safetensors file without code; or in another format.",
    "train": "Train parameter-sharing Q-learners with a mixer.",
    "compare": "Compare training runs: mixers side by side, over seeds, with intervals.",
    "report": "Write a run's report anew: one self-contained HTML file, or the same facts for another program.",
    "show": "Show one candidate of a run: source, verdicts, counterexamples, graph.",
    "diff": "Compare two candidates, or the winners of two runs: source, graph, verdicts, scores.",
    "runs": "List the runs of a folder: task, status, winner, and how training with it is predicted to go.",
    "bundle": "Write a run as one file that anyone can verify: kernel, records, journal, reports, versions.",
    "sign": "Sign a bundle with a key of one's own, offline.",
    "verify": "Check a bundle offline: signature, digests, graphs, kernel, proofs, counterexamples. Runs no candidate's code.",
    "attack": "Attack your own sandbox with the bundled corpus of hostile functions, and print the scoreboard.",
    "task": "Tasks: what is bundled, what it declares, and whether its environment agrees.",
    "dataset": "Replay datasets: what they hold, whether they keep to their task, and how to make them.",
    "sandbox": "The sandbox: what holds on this machine, and its image for Docker.",
}
"""What the list of verbs says of each: the first paragraph of its own help, which a test holds it to."""


def verb(name: str) -> Any:  # noqa: ANN401 - a command of whichever click typer brings
    """A verb as a command: `cli.NAME.NAME` with its `EPILOG`, or the group `cli.NAME.app`."""
    module = import_module(f"tfcaf_forge.cli.{name}")
    if hasattr(module, "app"):
        found = get_group(module.app)
        found.name = name
        return found
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    alone.command(name, epilog=module.EPILOG)(getattr(module, name))
    return get_command(alone)


class _Verbs(TyperGroup):
    """Knows its verbs by name and line, and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - click's
        name, known, rest = super().resolve_command(ctx, args)
        return name, known if known is None else verb(str(known.name)), rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # typer would end without a word
            raise typer.Exit(_interrupted()) from None


app = typer.Typer(
    name="forge",
    cls=_Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Credit assignment functions for cooperative agents: written by a model, run only in a sandbox, proved and "
    "tested as a graph, ranked on replayed trajectories, shipped as a kernel.",
    epilog="Start with: [bold]forge synthesize --task lbf-8x8-2p-2f-coop[/bold]",
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"tfcaf-forge {VERSION}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a verb."""
    del version


def _by_name() -> None:
    """Stand for a verb in the list of verbs; it is never called."""


for _name, _line in VERBS.items():
    app.command(_name, help=_line)(_by_name)


def _interrupted() -> int:
    """Say how to go on; returns the exit code."""
    sys.stderr.write("interrupted; repeat the same command to go on where it stopped\n")
    return 130


def _one_thread() -> None:
    """One thread a process, where the user has said nothing else: batches are small, and threads that wait for each other
    on a busy machine took three times the processor time of a whole run. Read when NumPy and torch are loaded.
    """
    for name, count in ONE_THREAD.items():
        os.environ.setdefault(name, count)


def main() -> None:
    """Run the command line; never shows a traceback for a fault that we know."""
    _one_thread()
    try:
        app()
    except ForgeError as fault:
        from tfcaf_forge.cli.output import fail, wants_json

        sys.exit(fail(fault, as_json=wants_json(sys.argv)))
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
