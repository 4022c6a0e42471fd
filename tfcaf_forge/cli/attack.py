"""`forge attack`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    Columns,
    JsonOption,
    LimitsOption,
    SandboxOption,
    Ticker,
    print_facts,
    print_json,
    seconds_text,
    stdout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfcaf_forge.pipeline.attack import Outcome, Scoreboard

STAGES = ("screen", "run", "trace", "limit", "verify", "faithfulness")
FAILURES = ("escape", "leak", "hang", "crash")
WIDTHS = {
    "category": 22, "attacks": 7, "screen": 6, "run": 4, "trace": 5, "limit": 5, "verify": 6, "faithful": 8,
    "shipped": 7, "escape": 6, "leak": 4, "hang": 4, "crash": 5,
}  # fmt: skip
EPILOG = """Examples:

forge attack

forge attack --sandbox docker --require-layers all --json

forge attack --only memory --only time

A row says at which stage the attacks of a category were refused. `shipped`: traced, harmless, and judged as any other
graph. Exit code 0: nothing escaped, leaked, hung or crashed the sandbox. 1: something did. 2: the command itself was wrong."""


def attack(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Run this category only; may stand several times.")
    ] = None,
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    require: Annotated[
        list[str] | None, typer.Option("--require-layers", help="Refuse to start without this layer; `all` for all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Attack your own sandbox with the bundled corpus of hostile functions, and print the scoreboard."""
    from tfcaf_forge.pipeline import attack as audit
    from tfcaf_forge.sandbox.profile import load_profile

    attacks = audit.load_attacks(only or ())
    ticker, done = Ticker(quiet=as_json), 0

    def progress(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        ticker.show(f"{done} of {len(attacks)} attacks, {outcome.category}")

    board = audit.attack(
        attacks, backend=sandbox, profile=load_profile(limits), require=require or (), progress=progress
    )
    ticker.clear()
    if as_json:
        print_json({"schema": 1, "holds": board.holds, "isolation": board.isolation, "outcomes": board.outcomes})
    else:
        _print(board, audit.shapes(attacks))
    raise typer.Exit(PASSED if board.holds else REFUSED)


def _print(board: Scoreboard, shapes: int) -> None:
    from tfcaf_forge.pipeline.attack import by_category

    out = stdout()
    table = Columns(out, WIDTHS, right=[name for name in WIDTHS if name != "category"])
    table.header()
    for category, outcomes in by_category(board.outcomes):
        table.row(_row(category, outcomes))
    table.row(_row("all", board.outcomes))
    out.print()
    for outcome in board.outcomes:
        if outcome.fate in FAILURES:
            print_facts(out, {outcome.fate: f"{outcome.id}: {outcome.detail or 'no refusal'}"})
    total, layers = len(board.outcomes), board.isolation
    facts = {
        "sandbox": f"{layers.backend}, {len(layers.active)} of {len(layers.active) + len(layers.missing)} layers active",
        "corpus": f"{total:,} attacks, of {shapes:,} shapes: the others differ in names, numbers or texts alone",
        "holds"
        if board.holds
        else "BROKEN": f"{total} attacks, {_failures(board.outcomes)}, {seconds_text(board.seconds)}",
    }
    other = sum(outcome.fate == "stopped" and not outcome.expected for outcome in board.outcomes)
    if other:
        facts["note"] = f"{other} were stopped at another stage than the corpus expects; see --json"
    if layers.missing:
        facts["missing"] = f"{', '.join(layers.missing)}; see forge sandbox doctor"
    print_facts(out, facts)


def _row(name: str, outcomes: Sequence[Outcome]) -> dict[str, str]:
    counts = {stage: sum(o.fate == "stopped" and o.stage == stage for o in outcomes) for stage in STAGES}
    counts["verify"] += sum(o.fate == "stopped" and o.stage == "receive" for o in outcomes)
    fates = {fate: sum(o.fate == fate for o in outcomes) for fate in ("shipped", *FAILURES)}
    cells = {"faithful": counts.pop("faithfulness"), **counts, **fates}
    return {"category": name, "attacks": str(len(outcomes)), **{key: str(n) if n else "-" for key, n in cells.items()}}


def _failures(outcomes: Sequence[Outcome]) -> str:
    names = {"escape": "escapes", "leak": "leaks", "hang": "hangs", "crash": "crashes"}
    return ", ".join(f"{sum(o.fate == fate for o in outcomes)} {plural}" for fate, plural in names.items())
