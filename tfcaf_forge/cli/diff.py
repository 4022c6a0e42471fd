"""`forge diff`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, printable, stdout
from tfcaf_forge.cli.show import RunOption

EPILOG = """Examples:

forge diff 4 11 --run runs/lbf-8x8-2p-2f-coop-0

forge diff runs/lbf-8x8-2p-2f-coop-0 runs/lbf-8x8-2p-2f-coop-1

forge diff runs/first:3 runs/second:8"""
_SIGNS = {"gone": ("-", "red"), "new": ("+", "green"), "same": (" ", ""), "place": ("", "dim")}


def diff(
    one: Annotated[str, typer.Argument(help="A candidate's id, a run's folder (its winner), or FOLDER:ID.")],
    other: Annotated[str, typer.Argument(help="The same for the other.")],
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two candidates, or the winners of two runs: source, graph, verdicts, scores."""
    from tfcaf_forge.pipeline.diff import diff as compare
    from tfcaf_forge.pipeline.show import newest

    bare = one.isdecimal() or other.isdecimal()
    found = compare(one, other, run=run or (newest() if bare else None))
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    out, scores = stdout(), found["scores"]
    print_facts(out, {found["one"]: scores["one"], found["other"]: scores["other"]})
    if not scores["same_data"]:
        out.print(Text("the scores are on different replay data, or there are none: they do not compare", style="dim"))
    for title, rows in (("settings", found["settings"]), ("verdicts", found["verdicts"])):
        lines = [f"  {row.get('name') or row.get('property')}  {row['one']} → {row['other']}" for row in rows]
        out.print(Text.assemble("\n", (title, "dim"), "" if lines else "  the same", *(f"\n{printable(x)}" for x in lines)))  # fmt: skip
    _lines("source", found["source"])
    _lines("graph", found["graph"])


def _lines(title: str, lines: Sequence[dict[str, str]]) -> None:
    out = stdout()
    out.print(Text.assemble("\n", (title, "dim"), "" if lines else "  the same"))
    for line in lines:
        sign, style = _SIGNS[line["kind"]]
        out.print(Text(f"{sign}{printable(line['text'])}", style=style))
