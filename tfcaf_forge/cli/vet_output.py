"""How `forge vet` shows what it found: one line a property; under a refuted one the line to look at, and a remedy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from tfcaf_forge.cli.output import STYLES, print_facts, printable

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.vet import Vetted
    from tfcaf_forge.records.mutation import MutationScore
    from tfcaf_forge.records.task_spec import TaskSpec
    from tfcaf_forge.records.verdict import Verdict

_STATUS, _NAME = 9, 20
_INDENT = " " * (_STATUS + _NAME)
_SURVIVORS = 12


def print_rejection(out: Console, found: Vetted) -> None:
    """Why there is no graph to examine."""
    assert found.rejection is not None  # noqa: S101 - the caller has looked
    where = found.rejection.where.line if found.rejection.where is not None else None
    said = {"rejected": str(found.rejection)}
    if where is not None and (text := _source_line(found, where)):
        said["line"] = f"{where}: `{text}`"
    print_facts(out, {**said, "code": f"{found.rejection.stage}/{found.rejection.code}"})


def print_verdicts(out: Console, found: Vetted, task: TaskSpec) -> None:
    """The table: what is required, then your own, then what is only advice."""
    verdicts = found.evidence.verdicts if found.evidence is not None else ()
    groups = {
        "required": [v for v in verdicts if v.required],
        "advisory: your own": [v for v in verdicts if not v.required and v.origin == "user"],
        "advisory": [v for v in verdicts if not v.required and v.origin == "forge"],
    }
    for title, group in groups.items():
        if group:
            out.print(Text(title, style="dim"))
        for verdict in group:
            out.print(_row(verdict, task))
            for line in _below(verdict, found):
                out.print(Text(_INDENT + printable(line)))
    out.print()


def _row(verdict: Verdict, task: TaskSpec) -> Text:
    text = Text()
    text.append(f"{verdict.status:<{_STATUS}}", STYLES.get(verdict.status, ""))
    text.append(f"{verdict.property_id:<{_NAME - 1}} ")
    return text.append(printable(_what(verdict, task)))


def _what(verdict: Verdict, task: TaskSpec) -> str:
    from tfcaf_forge.reports.counterexamples import counterexample_text

    if verdict.counterexample is not None:
        return counterexample_text(verdict.counterexample, task)
    trials = f"{verdict.trials:,} trials" if verdict.status == "TESTED" and verdict.trials else ""
    return "; ".join(part for part in (trials, verdict.detail) if part)


def _below(verdict: Verdict, found: Vetted) -> Iterator[str]:
    """For a refuted property: where to look and what to write instead, and what it would do to training."""
    example = verdict.counterexample
    if example is not None and example.line is not None:
        text = _source_line(found, example.line)
        shown = f"line {example.line}: `{text}`" if text else f"line {example.line}"
        yield f"{shown} {example.remedy}".rstrip()
    if verdict.status == "REFUTED" and verdict.required and verdict.detail:
        yield verdict.detail


def _source_line(found: Vetted, number: int) -> str:
    from tfcaf_forge.reports.text import one_line, source_lines

    lines = source_lines(found.proposal.source) if found.proposal is not None else []
    return one_line(lines[number - 1].strip(), 120) if 0 < number <= len(lines) else ""


def print_end(out: Console, found: Vetted, file: Path, task: str, own: Sequence[Path], observe: Path | None) -> None:
    """The verdict on the whole, and the command that repeats the first counterexample."""
    assert found.evidence is not None  # noqa: S101 - the caller has looked
    assert found.traced is not None  # noqa: S101 - evidence is about a graph
    broken = [v.property_id for v in found.evidence.verdicts if v.required and not v.holds]
    word = "accepted" if found.accepted else "refuted"
    facts = {word: ", ".join(broken)} if broken else {word: "every required property holds"}
    seconds = f"{found.traced.seconds:.2f} s in the sandbox, {found.evidence.seconds:.2f} s of proofs and trials"
    facts["graph"] = f"{found.traced.graph_digest[:12]}…, {len(found.traced.graph.nodes)} nodes; {seconds}"
    if observe is not None:
        facts["observed"] = str(observe)
    print_facts(out, facts | _again(found, file, task, own))


def _again(found: Vetted, file: Path, task: str, own: Sequence[Path]) -> dict[str, str]:
    """The command that repeats the first counterexample: a required one, or else one of the user's own."""
    verdicts = [v for v in (found.evidence.verdicts if found.evidence else ()) if v.counterexample is not None]
    verdicts = [v for v in verdicts if v.required] or [v for v in verdicts if v.origin == "user"]
    if not verdicts or verdicts[0].counterexample is None:
        return {}
    command = [
        "forge",
        "vet",
        str(file),
        "--task",
        task,
        *(part for path in own for part in ("--properties", str(path))),
    ]
    command += ["--only", verdicts[0].property_id, "--case", verdicts[0].counterexample.case]
    return {"again": shlex.join(command)}


def print_mutation_score(out: Console, score: MutationScore) -> None:
    """The share that was killed, by whom, and who survived."""
    out.print()
    counts = f"{score.killed} of {len(score.judged)} mutants"
    ways = ", ".join(f"{count} {way}" for way, count in score.by_way.items())
    print_facts(
        out,
        {
            "mutation": f"{score.share:.1%}  {counts} ({score.refuted_share:.1%} refuted, {score.noticed_share:.1%} noticed)",
            "killed by": ways or "-",
            "left out": f"{score.equivalent} that change nothing, {score.invalid} that are no graph",
        },
    )
    for mutant in score.survivors[:_SURVIVORS]:
        place = "" if mutant.line is None else f"line {mutant.line}: "
        out.print(Text(printable(f"survived  {place}{mutant.change}; {mutant.why}")))
    if len(score.survivors) > _SURVIVORS:
        out.print(Text(f"… and {len(score.survivors) - _SURVIVORS} more; --json lists them all"))
