"""`forge show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tfcaf_forge.cli.output import STYLES, JsonOption, print_facts, print_json, printable, stdout

RunOption = Annotated[
    Path | None, typer.Option("--run", help="A run's folder. [default: the one in runs/ written to last]")
]
EPILOG = """Examples:

forge show 11

forge show 3 --run runs/lbf-8x8-2p-2f-coop-0 --write .   # candidate-3.py, and its counterexamples as JSON"""


def show(
    candidate: Annotated[int, typer.Argument(help="A candidate's id.")],
    run: RunOption = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write its source and its counterexamples into this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one candidate of a run: source, verdicts, counterexamples, graph."""
    from tfcaf_forge.pipeline import show as showing

    folder = run or showing.newest()
    if write is not None:
        made = [str(path) for path in showing.write_out(folder, candidate, write)]
        print_json({"schema": 1, "written": made}) if as_json else print_facts(stdout(), dict.fromkeys(made, ""))
        return
    found = showing.show(folder, candidate)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    out = stdout()
    facts = {
        "candidate": f"{found['id']} of {found['run']}{', the winner' if found['winner'] else ''}",
        "verdict": f"{found['verdict']}   {found['row']['what happened']}".rstrip(),
        "from": f"{found['coder']}, round {found['round']}, parent {found['parent'] or '-'}",
        **_numbers(found),
        "graph": found["graph_digest"] or "-",
    }
    print_facts(out, facts)
    if found["note"].strip():
        out.print(Text.assemble("\n", ("note, the coder's own words\n", "dim"), printable(found["note"].strip())))
    if found["verdicts"]:
        out.print()
    for verdict in found["verdicts"]:
        example = verdict["counterexample"]
        said = f"{example['inputs']} → {example['observed']}" if example else verdict["detail"]
        out.print(Text.assemble(f"{verdict['property']:<18}  ", (f"{verdict['text']:<13}", STYLES.get(verdict["status"], "")), printable(said)))  # fmt: skip
    for title, text in (("source", found["source"]), ("graph", found["graph"])):
        if text:
            out.print(Text.assemble("\n", (f"{title}\n", "dim"), printable(text.rstrip())))


def _numbers(found: dict[str, Any]) -> dict[str, str]:
    """What training is predicted to be, and the score on the replayed data; records of before there was a prediction lack it."""
    row, score = found["row"], found["score"]
    if score is None:
        return {"predicted": "-", "score": "-"}
    predicted = "-" if score["predicted"] is None else f"{row['predicted']} {row['95 %']}"
    return {"predicted": predicted, "score": "{value:.3f} [{low:.3f}, {high:.3f}]".format(**score["score"])}
