"""The `forge` command: its verbs, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tfcaf_forge import __version__
from tfcaf_forge.cli import (
    attack,
    bundle,
    collect,
    compare,
    dataset,
    diff,
    export,
    rank,
    recheck,
    report,
    runs,
    sandbox,
    show,
    sign,
    stability,
    synthesize,
    task,
    train,
    verify,
    vet,
)
from tfcaf_forge.cli.output import fail, wants_json
from tfcaf_forge.errors import ForgeError

app = typer.Typer(
    name="forge",
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
        sys.stdout.write(f"tfcaf-forge {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a verb."""
    del version


app.command(epilog=synthesize.EPILOG)(synthesize.synthesize)
app.command(epilog=stability.EPILOG)(stability.stability)
app.command(epilog=vet.EPILOG)(vet.vet)
app.command(epilog=collect.EPILOG)(collect.collect)
app.command(epilog=rank.EPILOG)(rank.rank)
app.command(epilog=recheck.EPILOG)(recheck.recheck)
app.command(epilog=export.EPILOG)(export.export)
app.command(epilog=train.EPILOG)(train.train)
app.command(epilog=compare.EPILOG)(compare.compare)
app.command(epilog=report.EPILOG)(report.report)
app.command(epilog=show.EPILOG)(show.show)
app.command(epilog=diff.EPILOG)(diff.diff)
app.command(epilog=runs.EPILOG)(runs.runs)
app.command(epilog=bundle.EPILOG)(bundle.bundle)
app.command(epilog=sign.EPILOG)(sign.sign)
app.command(epilog=verify.EPILOG)(verify.verify)
app.command(epilog=attack.EPILOG)(attack.attack)
app.add_typer(task.app, name="task")
app.add_typer(dataset.app, name="dataset")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line; never shows a traceback for a fault that we know."""
    try:
        app()
    except ForgeError as fault:
        sys.exit(fail(fault, as_json=wants_json(sys.argv)))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; repeat the same command to go on where it stopped\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
