"""The report's data about the run as a whole: verdict, task, ranking, reproduction, what is not claimed."""

from __future__ import annotations

from typing import Any

from tfcaf_forge.records.base import digest_of, to_builtins
from tfcaf_forge.records.ranking import Ranking, Score
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.reports import adequacy, audit, chart, words
from tfcaf_forge.reports.candidates import verdict_data
from tfcaf_forge.reports.facts import RunRecords


def run(records: RunRecords) -> dict[str, Any]:
    """Name, times and settings."""
    finished = records.finished
    seconds = None if finished is None else (finished - records.started).total_seconds()
    return {
        "name": records.name,
        "started": words.utc(records.started),
        "finished": words.utc(finished),
        "seconds": seconds,
        "settings": dict(records.settings),
        "coders": sorted({proposal.coder for proposal in records.proposals}),
    }


def task(spec: TaskSpec) -> dict[str, Any]:
    """The task, its state number by number."""
    return {
        "name": spec.name,
        "title": spec.title,
        "description": spec.description,
        "digest": spec.digest,
        "agents": spec.n_agents,
        "actions": list(spec.actions),
        "state_size": spec.state_size,
        "credit": to_builtins(spec.credit),
        "domain": f"every state within the declared ranges of its {spec.state_size} fields, and local Q-values "
        f"in {words.entering(spec.credit)}",
        "fields": [to_builtins(slot) | {"range": _range(slot.low, slot.high)} for slot in spec.layout],
    }


def _range(low: float, high: float) -> str:
    return f"{words.number(low)} to {words.number(high)}"


def verdict(records: RunRecords) -> dict[str, Any]:
    """The first screen: the winner, each property, the comparison, the kernel."""
    ranking, number = records.ranking, records.winner
    evidence = None if number is None else records.evidence.get(number)
    examined = sorted(evidence.verdicts if evidence else (), key=lambda v: not v.required)
    return {
        "winner": number,
        "accepted": evidence is not None and evidence.accepted,
        "headline": _headline(records),
        "comparison": None if ranking is None else words.comparison(ranking),
        "better_than_baseline": ranking is not None and number is not None and ranking.better_than_baseline,
        "properties": [] if number is None else [verdict_data(v, records, number) for v in examined],
        "affine": None if records.manifest is None else records.manifest.affine,
        "kernel": None
        if records.kernel is None
        else {
            "path": records.kernel.path,
            "size": records.kernel.size,
            "size_text": words.size_text(records.kernel.size),
            "sha256": records.kernel.sha256,
        },
        "manifest": None if records.manifest is None else to_builtins(records.manifest),
    }


def _headline(records: RunRecords) -> str:
    if records.winner is not None:
        evidence = records.evidence.get(records.winner)
        held = "is accepted" if evidence and evidence.accepted else "won the ranking but is not accepted"
        return f"Candidate {records.winner} {held}"
    return "No candidate was accepted" if records.finished else "The run has not finished: there is no winner yet"


def discrepancies(records: RunRecords) -> list[str]:
    """Records that contradict each other. Each is a reason not to trust the run."""
    found: list[str] = []
    number, manifest, ranking = records.winner, records.manifest, records.ranking
    for candidate, evidence in records.evidence.items():
        traced = records.traced.get(candidate)
        if traced is not None and evidence.graph != traced.graph_digest:
            found.append(f"the evidence on candidate {candidate} is about another graph than the one traced from it")
        if evidence.task != records.task.digest:
            found.append(f"the evidence on candidate {candidate} is about another task")
    if ranking is not None and ranking.winner is not None and number is None:
        found.append(f"the ranking's winner, {ranking.winner}, was never proposed")
    if number is not None and not (number in records.evidence and records.evidence[number].accepted):
        found.append(f"the winner, candidate {number}, was not accepted on its evidence")
    dataset = records.dataset.get("digest")
    if ranking is not None and dataset is not None and ranking.dataset != dataset:
        found.append("the ranking was made on another replay dataset than the one shown")
    if number is None and records.kernel is not None:
        found.append("the kernel was written although there is no winner")
    if manifest is not None:
        traced = None if number is None else records.traced.get(number)
        if traced is not None and manifest.graph_digest != traced.graph_digest:
            found.append("the kernel holds another graph than the winner's")
        if manifest.task_digest != records.task.digest:
            found.append("the kernel was made for another task")
    return (
        found
        + _log_faults(records)
        + _measured_faults(records)
        + adequacy.faults(records)
        + audit.waiver_faults(records)
    )


def _log_faults(records: RunRecords) -> list[str]:
    seqs = [line.seq for line in records.log]
    return (
        [] if seqs == list(range(1, len(seqs) + 1)) else ["a line was taken out of the journal: its numbers have a gap"]
    )


def _measured_faults(records: RunRecords) -> list[str]:
    found = records.measured.get("equivalence")
    if found is None or found["same"]:
        return []
    return [
        f"the kernel's file does not compute what the winner's graph does{': ' + found['fault'] if found['fault'] else ''}"
    ]


def ranking(record: Ranking | None) -> dict[str, Any] | None:
    """The ranking in order, the baseline in its place, with the geometry of the chart."""
    if record is None:
        return None
    digits = words.digits_for(record)
    lines = sorted((*record.scores, record.baseline), key=lambda s: s.decides.value, reverse=True)
    ends = chart.axis([line.decides for line in lines])
    base = chart.mark(record.baseline.decides, ends)

    def row(line: Score) -> dict[str, Any]:
        baseline = line is record.baseline
        return {
            "candidate": None if baseline else line.candidate,
            "label": words.BASELINE if baseline else f"candidate {line.candidate}",
            "winner": not baseline and line.candidate == record.winner,
            "mark": chart.mark(line.decides, ends),
            "predicted": words.NONE if line.predicted is None else words.signed_text(line.predicted, digits),
            "predicted_interval": words.NONE if line.predicted is None else words.interval_text(line.predicted, digits),
            "score": words.value_text(line.score, digits),
            "interval": words.interval_text(line.score, digits),
            "gain": words.NONE if baseline else words.signed_text(line.gain, digits),
            "gain_interval": words.NONE if baseline else words.interval_text(line.gain, digits),
            "starved": words.percent(line.starved),
            "components": line.components,
        }

    return {
        "record": to_builtins(record),
        "method": record.method,
        "predicts": record.baseline.predicted is not None,
        "rows": [row(line) for line in lines],
        "baseline_at": None if base is None else base["at"],
        "ticks": chart.ticks(ends),
        "ties": words.ties(record),
    }


def reproduce(records: RunRecords) -> dict[str, Any]:
    """Commands, versions, and the digests to expect."""
    number, kernel, ranking = records.winner, records.kernel, records.ranking
    traced = None if number is None else records.traced.get(number)
    evidence = None if number is None else records.evidence.get(number)
    digests = {
        "task": records.task.digest,
        "replay dataset": None if ranking is None else ranking.dataset,
        "winner's graph": None if traced is None else traced.graph_digest,
        "winner's evidence": None if evidence is None else digest_of(evidence),
        "kernel file": None if kernel is None else kernel.sha256,
    }
    return {
        "command": records.command,
        "next": records.next_command,
        "environment": dict(records.environment),
        "digests": {name: digest for name, digest in digests.items() if digest},
    }


def not_claimed(records: RunRecords) -> list[str]:
    """What a reader might infer from the report, and must not."""
    credit, isolation = records.task.credit, records.isolation
    missing = ", ".join(isolation.missing) if isolation else ""
    texts = [
        "TESTED is not PROVED: n trials found no counterexample, and there may be one.",
        "PROVED covers the declared domain only. A state outside its declared range, or a local Q-value outside "
        f"{words.entering(credit)}, is not covered, and nothing here says that "
        "the environment keeps to the ranges; `forge task check` looks at that.",
        "Proofs and trials are about the graph in the kernel, under this version's meaning of each operation. "
        "They do not cover the compiler, the device or the numerical library that later runs it.",
        "Prediction and score are computed on recorded transitions. A higher one does not promise a higher return after training, and "
        "the interval of a prediction covers the variation between episodes, not how far the rule may be wrong.",
        "The winner is the best of several candidates on the same data. Unless the score's definition says so, its "
        "interval covers the variation between episodes and not that choice.",
        "Equal weights (VDN) is the only baseline of the ranking; nothing is said about QMIX or any other mixer.",
        "A coder's note is its own account of its function. No verdict rests on it.",
        "The sandbox lowers risk and removes none of it entirely."
        + (f" Layers that were not in force: {missing}." if missing else ""),
        "This page carries no signature. The digests show a change only to someone who has them from elsewhere, such as "
        "from a signed bundle: `forge verify X.forge.zip --key PUBLIC.pem`.",
    ]
    if credit.monotonicity == "relaxed":
        texts.insert(2, "The task does not require monotone credit, so greedy local actions may not be jointly greedy.")
    return texts
