"""Bundles: an untouched one is accepted, and every tampering is refused by a message that names it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tfcaf_forge import synthesize
from tfcaf_forge.errors import InputError
from tfcaf_forge.evidence.case import from_data
from tfcaf_forge.pipeline import archive, sign
from tfcaf_forge.pipeline.archive import BundleError, pack, unpack
from tfcaf_forge.pipeline.bundle import INDEX, JOURNAL, SIGNATURE, bundle, journal_of
from tfcaf_forge.pipeline.verify_bundle import Asked, Verified, verify
from tfcaf_forge.records.base import canonical_json, digest_bytes
from tfcaf_forge.store import Entry, chained

Files = dict[str, bytes]
WAIVED = """[[waiver]]
property = "igm"
reason = "the trainer is told"
who = "R. Auditor"
expires = {expires}
"""


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        sign.new_key(folder / name)
    return folder


@pytest.fixture(scope="session")
def untouched(made_run: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "x.forge.zip"
    bundle(made_run, path)
    sign.sign(path, keys / "mine")
    return path


@pytest.fixture(scope="session")
def files(untouched: Path) -> Files:
    return archive.read(untouched)


def verified(path: Path, files: Files, key: Path | None = None, today: date | None = None) -> Verified:
    path.write_bytes(pack(files))
    return verify(Asked(path=path, key=key, today=today))


def refusal(found: Verified) -> str:
    assert not found.ok
    return "; ".join(f"{c.name}: {c.text}" for c in found.checks if c.result == "REFUSED")


# What an attacker does who also makes index and chain fit again.


class Forger:
    """A bundle's files, taken apart to be changed, and put together again so that all digests fit."""

    def __init__(self, files: Files) -> None:
        self.files = {name: body for name, body in files.items() if name not in (INDEX, SIGNATURE)}
        self.index = json.loads(files[INDEX])
        self.lines = [json.loads(line) for line in files[JOURNAL].splitlines()]

    def record(self, kind: str, number: int) -> Any:
        return json.loads(self.files[f"records/{self.line(kind, number)['digest']}.json"])

    def line(self, kind: str, number: int = 0) -> dict[str, Any]:
        return next(line for line in self.lines if (line["kind"], line["candidate"]) == (kind, number))

    def put(self, kind: str, number: int, record: Any) -> None:
        line = self.line(kind, number)
        self.files.pop(f"records/{line['digest']}.json", None)
        body = canonical_json(record)
        line["digest"] = digest_bytes(body)
        self.files[f"records/{line['digest']}.json"] = body

    def drop(self, kind: str, number: int) -> None:
        line = self.line(kind, number)
        self.lines.remove(line)
        if not any(other["digest"] == line["digest"] for other in self.lines):
            self.files.pop(f"records/{line['digest']}.json")

    def sealed(self) -> Files:
        entries = [Entry(i, x["kind"], x["candidate"], x["digest"], x["at"]) for i, x in enumerate(self.lines, 1)]
        self.files[JOURNAL] = journal_of(entries)
        self.index |= {"lines": len(entries), "chain": chained(entries)[-1]}
        self.index["files"] = {n: {"size": len(b), "sha256": digest_bytes(b)} for n, b in self.files.items()}
        return {**self.files, INDEX: canonical_json(self.index)}


def verdict_of(record: Any, name: str) -> Any:
    return next(v for v in record["verdicts"] if v["property"] == name)


def proved_by_pen(f: Forger) -> None:
    record = f.record("evidence", 3)
    verdict_of(record, "monotone").update(status="PROVED", counterexample=None)
    f.put("evidence", 3, record)


def untested_by_pen(f: Forger) -> None:
    record = f.record("evidence", 3)
    verdict_of(record, "monotone").update(status="TESTED")
    f.put("evidence", 3, record)


def harmless_counterexample(f: Forger) -> None:
    record = f.record("evidence", 5)
    example = next(v for v in record["verdicts"] if v["counterexample"])["counterexample"]
    example["local_q"] = [[0.0 for _ in row] for row in example["local_q"]]
    example["state"] = [[0.0 for _ in row] for row in example["state"]]
    example["case"] = from_data(example, what="forged").key
    f.put("evidence", 5, record)


def moved_counterexample(f: Forger) -> None:
    record = f.record("evidence", 3)
    example = verdict_of(record, "monotone")["counterexample"]
    example["local_q"] = [[q + 1.0 for q in row] for row in example["local_q"]]
    f.put("evidence", 3, record)


def advisory_by_pen(f: Forger) -> None:
    record = f.record("evidence", 3)
    verdict_of(record, "monotone")["required"] = False
    f.put("evidence", 3, record)


def dropped_verdict(f: Forger) -> None:
    record = f.record("evidence", 3)
    record["verdicts"] = [v for v in record["verdicts"] if v["property"] != "monotone"]
    f.put("evidence", 3, record)


def other_source(f: Forger) -> None:
    record = f.record("proposal", 5)
    record["source"] += "# reviewed\n"
    f.put("proposal", 5, record)


def swapped_candidates(f: Forger) -> None:
    one, two = f.line("proposal", 1), f.line("proposal", 5)
    one["digest"], two["digest"] = two["digest"], one["digest"]


def swapped_graphs(f: Forger) -> None:
    one, two = f.record("traced", 1), f.record("traced", 5)
    one["graph"], two["graph"] = two["graph"], one["graph"]
    f.put("traced", 1, one)
    f.put("traced", 5, two)


def other_graph(f: Forger) -> None:
    record = f.record("traced", 5)
    text = json.dumps(record["graph"])
    assert " 0.5" in text
    record["graph"] = json.loads(text.replace(" 0.5", " 0.25", 1))
    f.put("traced", 5, record)


def better_score(f: Forger) -> None:
    ranking = f.record("ranking", 0)
    ranking["scores"][0]["score"]["value"] += 0.25
    f.put("ranking", 0, ranking)


def without_prediction(f: Forger) -> None:
    """One candidate is left to be put in order by its score."""
    ranking = f.record("ranking", 0)
    score = ranking["scores"][0] | {"predicted": None}
    ranking["scores"][0] = score
    f.put("score", score["candidate"], score)
    f.put("ranking", 0, ranking)


def better_baseline(f: Forger) -> None:
    ranking = f.record("ranking", 0)
    ranking["baseline"]["predicted"] = {"value": 0.1, "low": 0.1, "high": 0.1}
    f.put("ranking", 0, ranking)


def other_winner(f: Forger) -> None:
    ranking = f.record("ranking", 0)
    ranking["winner"] = next(s["candidate"] for s in ranking["scores"] if s["candidate"] != ranking["winner"])
    f.put("ranking", 0, ranking)


def other_dataset(f: Forger) -> None:
    record = f.record("dataset", 0)
    record["seed"] += 1
    f.put("dataset", 0, record)


def other_domain(f: Forger) -> None:
    record = f.record("task", 0)
    record["credit"]["q_high"] = 1.0
    f.put("task", 0, record)


def edited(name: str, old: str, new: str) -> Callable[[Forger], None]:
    def change(f: Forger) -> None:
        assert old.encode() in f.files[name], (name, old)
        f.files[name] = f.files[name].replace(old.encode(), new.encode(), 1)

    return change


def one_bit(name: str) -> Callable[[Forger], None]:
    def change(f: Forger) -> None:
        body = bytearray(f.files[name])
        body[len(body) // 2] ^= 1
        f.files[name] = bytes(body)

    return change


def without_candidate(f: Forger) -> None:
    f.drop("rejection", 2)
    f.drop("proposal", 2)


def without(name: str) -> Callable[[Forger], None]:
    return lambda f: f.files.pop(name) and None


def with_file(name: str, body: bytes) -> Callable[[Forger], None]:
    return lambda f: f.files.update({name: body})


def dropped(kind: str, number: int) -> Callable[[Forger], None]:
    return lambda f: f.drop(kind, number)


def junk_record(f: Forger) -> None:
    line = f.line("isolation")
    f.files.pop(f"records/{line['digest']}.json")
    line["digest"] = digest_bytes(b"[1]")
    f.files[f"records/{line['digest']}.json"] = b"[1]"


def winner_of(f: Forger) -> int:
    return f.record("ranking", 0)["winner"]


def shorter_run(f: Forger) -> None:
    """Without the one that was refuted, where it came last."""
    for kind in ("proposal", "traced", "duplicate"):
        f.drop(kind, 4)
    line = {kind: f.record(kind, 5) for kind in ("proposal", "traced", "evidence", "score")}
    for kind, record in line.items():
        f.drop(kind, 5)
        del record
    ranking = f.record("ranking", 0)
    ranking["scores"] = [s for s in ranking["scores"] if s["candidate"] != 5]
    ranking["winner"] = 1
    ranking["better_than_baseline"] = ranking["scores"][0]["predicted"]["low"] > ranking["margin"]
    for kind in ("equivalence", "mutation", "observed"):
        number = next(x["candidate"] for x in f.lines if x["kind"] == kind)
        f.drop(kind, number)
    f.put("ranking", 0, ranking)


def lower_baseline(f: Forger) -> None:
    ranking = f.record("ranking", 0)
    for part in ("value", "low", "high"):
        ranking["baseline"]["score"][part] -= 0.2
    f.put("ranking", 0, ranking)


def better_by_pen(f: Forger) -> None:
    ranking = f.record("ranking", 0)
    ranking["better_than_baseline"] = not ranking["better_than_baseline"]
    f.put("ranking", 0, ranking)


def key_twice(f: Forger) -> None:
    """One reader sees the first `status`, another the last."""
    line = f.line("evidence", 3)
    body = f.files.pop(f"records/{line['digest']}.json")
    body = body.replace(b'"status":"REFUTED"', b'"status":"PROVED","status":"REFUTED"', 1)
    line["digest"] = digest_bytes(body)
    f.files[f"records/{line['digest']}.json"] = body


def observations_of(f: Forger) -> str:
    return f.record("observed", winner_of(f))["file"]


def other_observations(f: Forger) -> None:
    f.files[observations_of(f)] = f.files[observations_of(f)].replace(b"passed", b"failed", 1)


def no_observations(f: Forger) -> None:
    f.files.pop(observations_of(f))


def other_mutants(f: Forger) -> None:
    record = f.record("mutation", winner_of(f))
    record["graph"] = "0" * 64
    f.put("mutation", winner_of(f), record)


def mutants_of_a_loser(f: Forger) -> None:
    f.line("mutation", winner_of(f))["candidate"] = 6 - winner_of(f)


def compared_with_another_kernel(f: Forger) -> None:
    record = f.record("equivalence", winner_of(f))
    record["kernel"] = "0" * 64
    f.put("equivalence", winner_of(f), record)


def invented(**fields: Any) -> Callable[[Forger], None]:
    """A verdict that nobody gave, beside those of the winner."""

    def change(f: Forger) -> None:
        won = winner_of(f)
        record = f.record("evidence", won)
        verdict = {"property": "safe-in-deployment", "status": "TESTED", "required": False, "trials": 90_000_000}
        empty = {"counterexample": None, "detail": "", "origin": "forge", "seconds": 0.0}
        record["verdicts"].append({**empty, **verdict, **fields})
        f.put("evidence", won, record)

    return change


def faithful_in_many_trials(f: Forger) -> None:
    record = f.record("evidence", 5)
    verdict_of(record, "trace-faithful")["trials"] = 90_000_000
    f.put("evidence", 5, record)


def another_profile(f: Forger) -> None:
    settings = f.record("settings", 0)
    f.put("settings", 0, settings | {"profile": "audit"})


SEALED: dict[str, tuple[Callable[[Forger], None], str]] = {
    "one bit of the kernel": (one_bit("kernel.safetensors"), "kernel: .*kernel.safetensors"),
    "no kernel": (without("kernel.safetensors"), r"kernel: kernel.safetensors is missing"),
    "a verdict made PROVED": (proved_by_pen, "score is missing|recorded as PROVED"),
    "a counterexample under TESTED": (untested_by_pen, "candidate 3: monotone is TESTED, which does not go with"),
    "a counterexample that breaks nothing": (harmless_counterexample, "counterexamples: candidate 5: the counterexample to .* breaks nothing"),
    "a counterexample moved": (moved_counterexample, "candidate 3: the counterexample to monotone was changed"),
    "a required property made advisory": (advisory_by_pen, "candidate 3: monotone is recorded as advisory"),
    "a verdict removed": (dropped_verdict, "candidate 3: the verdict on the required property monotone was removed"),
    "a source edited": (other_source, "candidate 5 was traced from another source"),
    "candidates swapped": (swapped_candidates, "candidate 1 is that of candidate 5: they were swapped"),
    "graphs swapped": (swapped_graphs, "graph of candidate 1 was changed"),
    "a graph edited": (other_graph, "graph of candidate 5 was changed"),
    "a rejection removed": (dropped("rejection", 2), "candidate 2 has no fate"),
    "a candidate removed": (without_candidate, "candidate 2 is missing"),
    "evidence removed": (dropped("evidence", 3), "candidate 3 has no fate"),
    "a score raised": (better_score, "other scores than those recorded"),
    "a prediction taken away": (without_prediction, "predictions of candidates and baseline do not go together"),
    "equal weights away from 0": (better_baseline, "predictions of candidates and baseline do not go together"),
    "another winner": (other_winner, "is not the accepted candidate that stands first"),
    "another replay dataset": (other_dataset, "another replay dataset than the one recorded"),
    "a narrower domain": (other_domain, "settings name another task"),
    "the HTML report edited": (edited("report.html", "REFUTED", "PROVED"), "report: report.html says something else"),
    "the JSON report edited": (edited("report.json", "REFUTED", "PROVED"), "report: report.json says something else"),
    "the JUnit report edited": (edited("junit.xml", "testcase", "testcase "), "report: junit.xml says something else"),
    "the facts edited": (edited("facts.json", '"command":"forge', '"command":"curl'), "report: .* says something else"),
    "a run cut short": (shorter_run, "3 candidates are recorded, and the run's settings ask for 5"),
    "a lower baseline": (lower_baseline, "its gain and the baseline do not go together"),
    "better than equal weights by pen": (better_by_pen, "says that the winner is better than equal weights, or that it is not"),
    "a key twice in a record": (key_twice, "the evidence of candidate 3 is not in canonical form: a key stands in it twice"),
    "the versions edited": (with_file("requirements.lock", b"torch==1.0\n"), "requirements.lock is not the list of versions"),
    "a report under another release's name": (edited("facts.json", '"forge_version":"', '"forge_version":"9'), "report: release 9.* wrote the reports"),
    "an observation edited": (other_observations, "winner: observations/.* is not the file that was recorded"),
    "the observations removed": (no_observations, "winner: observations/.* is missing, although it is recorded"),
    "an observation too many": (with_file("observations/more.jsonl", b"{}\n"), "observations/more.jsonl is named by no record"),
    "mutants of another graph": (other_mutants, "winner: the record mutation is about another graph"),
    "mutants of a loser": (mutants_of_a_loser, "winner: there is a record mutation of candidate . who did not win|who did not win"),
    "a comparison with another kernel": (compared_with_another_kernel, "were compared with another kernel.safetensors"),
    "a record that is none": (junk_record, "records: "),
    "a record too many": (with_file("records/" + "0" * 64 + ".json", b"{}"), "a record that no line of the journal names"),
    "a file too many": (with_file("setup.py", b""), "setup.py has no place in a bundle"),
    "a verdict on what is no property": (invented(), "nothing that a run examines is called safe-in-deployment"),
    "a property of the user's own, which no run has": (invented(origin="user"), "nothing that a run examines is called safe-in-deployment"),
    "a second verdict on a property": (invented(property="contract", required=True), "has two verdicts on contract"),
    "trials of what is only proved": (invented(property="credit-sum"), "credit-sum is TESTED, and it is recorded only where it is PROVED|two verdicts"),
    "trials of what the sandbox compares": (faithful_in_many_trials, "trace-faithful is recorded with 90,000,000 trials"),
    "a harder profile in the settings": (another_profile, "is of the profile fast, and the run's settings ask for audit"),
    "an expired waiver": (with_file("waivers.toml", WAIVED.format(expires="2001-01-01").encode()), "expired on 2001-01-01"),
    "a waiver for what holds": (with_file("waivers.toml", WAIVED.format(expires="2999-01-01").encode()), "remove it"),
    "a waiver without a reason": (with_file("waivers.toml", WAIVED.replace("the trainer is told", " ").format(expires="2999-01-01").encode()), "needs a reason and a name"),
}  # fmt: skip


@pytest.mark.parametrize("name", SEALED)
def test_a_bundle_that_was_changed_and_sealed_again_is_refused_by_name(name: str, files: Files, tmp_path: Path) -> None:
    change, message = SEALED[name]
    forger = Forger(files)
    change(forger)
    assert re.search(message, refusal(verified(tmp_path / "x.forge.zip", forger.sealed())))


def changed(name: str, body: Callable[[bytes], bytes]) -> Callable[[Files], None]:
    return lambda files: files.update({name: body(files[name])})


def reordered(files: Files) -> None:
    lines = files[JOURNAL].splitlines(keepends=True)
    lines[3], lines[4] = lines[4], lines[3]
    files[JOURNAL] = b"".join(lines)


def relabelled(files: Files) -> None:
    files[JOURNAL] = files[JOURNAL].replace(
        b'"at":17', b'"at":16', 1
    )  # as many digits as before, so that it stays canonical


def in_the_index(files: Files) -> None:
    """Let the index fit, but not the chain."""
    index = json.loads(files[INDEX])
    index["files"] = {n: {"size": len(files[n]), "sha256": digest_bytes(files[n])} for n in index["files"]}
    files[INDEX] = canonical_json(index)


PLAIN: dict[str, tuple[Callable[[Files], object], str]] = {
    "one bit of the kernel": (changed("kernel.safetensors", lambda b: b[:-1] + bytes([b[-1] ^ 1])), "kernel.safetensors was changed"),
    "a report replaced": (changed("report.html", lambda b: b"<p>all is well"), "report.html was changed"),
    "the index edited": (changed(INDEX, lambda b: b.replace(b'"lines":', b'"limes":')), "unknown key `limes`.*did you mean `lines`"),
    "a key twice in the index": (changed(INDEX, lambda b: b.replace(b'{"chain"', b'{"lines":0,"chain"', 1)), "bundle.json is not in canonical form"),
    "a key twice in the log": (lambda f: (changed(JOURNAL, lambda b: b.replace(b'{"at"', b'{"kind":"evidence","at"', 1))(f), in_the_index(f)), "journal.json, line 1 is not in canonical form"),
    "a signature with a key twice": (changed(SIGNATURE, lambda b: b.replace(b'{"payload"', b'{"payload":"","payload"', 1)), "signature: .*not in canonical form"),
    "a file missing": (lambda f: f.pop("junit.xml"), "junit.xml is missing"),
    "a file added": (lambda f: f.update({"notes.txt": b"hi"}), "notes.txt was added"),
    "the log reordered": (lambda f: (reordered(f), in_the_index(f)), "line 4 says it is line 5: lines were removed or put elsewhere"),
    "a time in the log edited": (lambda f: (relabelled(f), in_the_index(f)), "the chain breaks at line 1"),
    "the end of the log cut off": (lambda f: (changed(JOURNAL, lambda b: b"".join(b.splitlines(keepends=True)[:-1]))(f), in_the_index(f)), "the index says"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_bundle_that_was_changed_is_refused_by_name(name: str, files: Files, keys: Path, tmp_path: Path) -> None:
    change, message = PLAIN[name]
    mine = dict(files)
    change(mine)
    assert re.search(message, refusal(verified(tmp_path / "x.forge.zip", mine, keys / "mine.pub")))


def test_an_untouched_bundle_is_accepted(untouched: Path, keys: Path) -> None:
    found = verify(Asked(path=untouched, key=keys / "mine.pub"))
    assert found.ok, refusal(found)
    ends = {check.name: check.result for check in found.checks}
    assert {ends.pop(name) for name in ("trials", "ranking", "measured", "mutants")} == {"not done"}
    assert set(ends.values()) == {"passed"}
    assert set(ends) >= {"archive", "signature", "journal", "records", "graphs", "kernel", "proofs", "counterexamples"}


def test_a_full_check_repeats_the_trials(made_run: Path, tmp_path: Path) -> None:
    bundle(made_run, tmp_path / "x.forge.zip", replay=True)
    found = verify(Asked(path=tmp_path / "x.forge.zip", full=True))
    assert found.ok, refusal(found)
    said = {check.name: check.text for check in found.checks}
    assert "replayed states among them: no verdict changed, nor how many trials it rests on" in said["trials"]
    assert "2 scores and the baseline's were computed again" in said["ranking"]
    assert "reach, branches, credit" in said["measured"]
    assert "mutants were made again" in said["mutants"]


def scores_by_pen(f: Forger) -> None:
    """A better score in every record that says it, so that nothing contradicts anything."""
    won = winner_of(f)
    score, ranking = f.record("score", won), f.record("ranking", 0)
    for name in ("score", "gain", "predicted"):
        score[name] = {part: value + 0.1 for part, value in score[name].items()}
    ranking["scores"] = [score if s["candidate"] == won else s for s in ranking["scores"]]
    ranking["better_than_baseline"] = score["predicted"]["low"] > ranking["margin"]
    f.put("score", won, score)
    f.put("ranking", 0, ranking)


def margin_by_pen(f: Forger) -> None:
    """A margin so low that every lead counts."""
    ranking = f.record("ranking", 0)
    ranking["margin"] = -10.0
    ranking["better_than_baseline"] = True
    f.put("ranking", 0, ranking)


def survivors_by_pen(f: Forger) -> None:
    record = f.record("mutation", winner_of(f))
    record["judged"][-1] |= {"fate": "survived" if record["judged"][-1]["fate"] != "survived" else "refuted"}
    f.put("mutation", winner_of(f), record)


def credit_by_pen(f: Forger) -> None:
    measured = json.loads(f.files["measured.json"])
    measured["credit"][0]["agents"][0][0] = 0.123
    f.files["measured.json"] = canonical_json(measured)


def trials_by_pen(f: Forger) -> None:
    """One more than there were, so that no bound gives it away."""
    record = f.record("evidence", winner_of(f))
    verdict_of(record, "contract")["trials"] += 1
    f.put("evidence", winner_of(f), record)


def said_of_the_ranking(**fields: Any) -> Callable[[Forger], None]:
    def change(f: Forger) -> None:
        ranking = f.record("ranking", 0)
        assert any(ranking[name] != value for name, value in fields.items())
        f.put("ranking", 0, ranking | fields)

    return change


def always_the_best(f: Forger) -> None:
    shares = f.record("ranking", 0)["best_share"]
    said_of_the_ranking(best_share={i: float(i == str(winner_of(f))) for i in shares})(f)


def tied_by_pen(f: Forger) -> None:
    ranking = f.record("ranking", 0)
    others = [s["candidate"] for s in ranking["scores"] if s["candidate"] != ranking["winner"]]
    said_of_the_ranking(tied=[] if ranking["tied"] else others)(f)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (trials_by_pen, r"trials: candidate \d: contract is recorded with [\d,]+ trials; repeated, they are"),
        (tied_by_pen, r"ranking: candidate \d is recorded as (tied with|apart from) the winner, which it is not"),
        (always_the_best, r"ranking: candidate \d is recorded as the best in [\d.]+% of the resamples"),
        (said_of_the_ranking(agreement=0.999), "ranking: the ranking's agreement is recorded as 0.999"),
        (said_of_the_ranking(tied=[9]), "ranking: .* of other candidates than its own|which it is not"),
        (said_of_the_ranking(episodes=5000), "ranking: the ranking's episodes is not what"),
        (said_of_the_ranking(method="certified"), "ranking: the ranking's method is not what"),
        (scores_by_pen, r"ranking: the score of candidate \d is recorded as"),
        (margin_by_pen, r"ranking: the ranking's margin is recorded as -10; the rule's is"),
        (survivors_by_pen, "mutants: .* is recorded as"),
        (credit_by_pen, "measured: measured.json: credit is not what it is"),
    ],
)
def test_numbers_that_agree_with_each_other_are_refused_where_they_are_computed_again(
    change: Callable[[Forger], None], message: str, made_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.forge.zip"
    bundle(made_run, path, replay=True)
    forger = Forger(archive.read(path))
    change(forger)
    path.write_bytes(pack(forger.sealed()))
    assert re.search(message, refusal(verify(Asked(path=path, full=True))))


def test_more_trials_than_a_profile_makes_are_refused_without_the_replay_data_too(
    made_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.forge.zip"
    bundle(made_run, path)
    forger = Forger(archive.read(path))
    record = forger.record("evidence", 3)
    verdict_of(record, "contract")["trials"] = 50_000_000
    forger.put("evidence", 3, record)
    path.write_bytes(pack(forger.sealed()))
    assert "contract is recorded with 50,000,000 trials, and the profile fast" in refusal(
        verify(Asked(path=path, full=True))
    )


def test_advice_that_other_states_refute_is_said_and_not_refused(tmp_path: Path) -> None:
    """Tested on replayed states, refuted on drawn ones: without the replay data these are other trials, and no lie."""
    synthesize("lbf-8x8-2p-2f-coop", out=tmp_path / "run", rounds=1, candidates=1, mutants=0)
    for name, replay in (("with.zip", True), ("without.zip", False)):
        bundle(tmp_path / "run", tmp_path / name, replay=replay)
    found, other = (verify(Asked(path=tmp_path / name, full=True)) for name in ("with.zip", "without.zip"))
    assert found.ok, refusal(found)
    assert other.ok, refusal(other)
    said = next(c.text for c in other.checks if c.name == "trials")
    assert "no verdict changed but what other states may change: candidate 1: continuous was TESTED" in said


def test_a_run_with_a_profile_that_climbs_passes_the_full_check(tmp_path: Path) -> None:
    synthesize("matrix-climbing", out=tmp_path / "run", rounds=1, candidates=1, episodes=60, mutants=0, profile="search")  # fmt: skip
    for name, replay in (("with.zip", True), ("without.zip", False)):
        bundle(tmp_path / "run", tmp_path / name, replay=replay)
        found = verify(Asked(path=tmp_path / name, full=True))
        assert found.ok, refusal(found)


def test_reports_of_another_release_are_left_out_only_where_that_is_asked_for(files: Files, tmp_path: Path) -> None:
    forger = Forger(files)
    edited("facts.json", '"forge_version":"', '"forge_version":"9')(forger)
    path = tmp_path / "x.forge.zip"
    path.write_bytes(pack(forger.sealed()))
    assert not verify(Asked(path=path)).ok
    found = verify(Asked(path=path, other_release=True))
    assert found.ok
    assert next(c for c in found.checks if c.name == "report").result == "not done"


def test_a_run_whose_observations_were_changed_is_not_bundled(made_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(made_run, run)
    path = next((run / "observations").iterdir())
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(BundleError, match="is missing or was changed since it was recorded"):
        bundle(run, tmp_path / "x.zip")


def test_two_bundles_of_a_run_on_one_day_are_the_same_bytes(made_run: Path, tmp_path: Path) -> None:
    made = [bundle(made_run, tmp_path / name).sha256 for name in ("a.zip", "b.zip")]
    assert made[0] == made[1]


def test_a_wrong_key_is_refused(untouched: Path, keys: Path) -> None:
    found = verify(Asked(path=untouched, key=keys / "other.pub"))
    assert "not signed by the key" in refusal(found)


def test_a_bundle_without_a_signature_is_refused_where_a_key_is_given(files: Files, keys: Path, tmp_path: Path) -> None:
    mine = {name: body for name, body in files.items() if name != SIGNATURE}
    assert "carries no signature" in refusal(verified(tmp_path / "x.zip", mine, keys / "mine.pub"))
    assert verified(tmp_path / "x.zip", mine).ok


def test_a_signature_of_another_bundle_is_refused(files: Files, keys: Path, tmp_path: Path) -> None:
    forger = Forger(files)
    forger.index["run"] = "another"
    mine = {**forger.sealed(), SIGNATURE: files[SIGNATURE]}
    assert "is about another bundle" in refusal(verified(tmp_path / "x.zip", mine, keys / "mine.pub"))


def test_a_signed_payload_that_was_changed_is_refused(files: Files, keys: Path, tmp_path: Path) -> None:
    envelope = json.loads(files[SIGNATURE])
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
    mine = {**files, SIGNATURE: json.dumps(envelope).encode()}
    assert "signature: " in refusal(verified(tmp_path / "x.zip", mine, keys / "mine.pub"))
    assert "this is no signature" in refusal(verified(tmp_path / "x.zip", {**files, SIGNATURE: b"{}"}))


def test_a_private_key_does_not_pass_for_a_public_one(untouched: Path, keys: Path) -> None:
    with pytest.raises(InputError, match=r"is no public key in PEM.*give the .pub file"):
        verify(Asked(path=untouched, key=keys / "mine"))


def test_a_key_is_never_replaced_and_is_private(keys: Path) -> None:
    assert stat.S_IMODE((keys / "mine").stat().st_mode) == 0o600
    with pytest.raises(InputError, match="a key is never replaced"):
        sign.new_key(keys / "mine")


# Hostile archives.


def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as out:
        for info, body in entries:
            out.writestr(info, body)
    return made.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.create_system = (stat.S_IFLNK | 0o777) << 16, 3
    return info, target.encode()


def lying_size() -> bytes:
    data = bytearray(zipped(("a.json", b"x" * 10)))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<II", data, at + 20, 0x7FFFFFFF, 0x7FFFFFFF)
    return bytes(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zipped(("../../etc/cron.d/x", b"")), "leads elsewhere"),
        (lambda: zipped(("/etc/passwd", b"")), "leads elsewhere"),
        (lambda: zipped(("records/../../x", b"")), "leads elsewhere"),
        (lambda: zipped(("c:\\x", b"")), "leads elsewhere"),
        (lambda: zipped(("a\x00.json", b"")), "leads elsewhere|bytes outside"),
        (lambda: zipped(("\u202egnp.exe", b"")), "leads elsewhere"),
        (lambda: zipped(("n" * 300, b"")), "leads elsewhere"),
        (lambda: zipped(link("kernel.safetensors", "/etc/passwd")), "is a link"),
        (lambda: zipped(("records/", b"")), "leads elsewhere|no plain file"),
        (lambda: zipped(("a.json", b"\0" * 10_000_000), compression=zipfile.ZIP_DEFLATED), "is compressed .10,000,000 bytes from"),
        (lambda: zipped(("a.json", b"1"), ("a.json", b"2")), "twice"),
        (lambda: zipped(("a.json", b"1"), ("a.JSON", b"2")), "twice"),
        (lambda: b"MZ" + pack({"a.json": b"1"}), "bytes outside its files"),
        (lambda: pack({"a.json": b"1"}) + b"more", "bytes outside its files|damaged"),
        (lambda: pack({"a.json": b"12345"}).replace(b"12345", b"12346"), "Bad CRC"),
        (lambda: pack({"a.json": b"1"})[:-30], "no archive"),
        (lying_size, "has 2,147,483,647 bytes"),
        (lambda: b"", "no archive"),
        (lambda: b"PK" * 5000, "no archive"),
        (lambda: zipped(*((f"f{i}.json", b"") for i in range(archive.MAX_FILES + 1))), "20,001 files"),
    ],
)  # fmt: skip
def test_a_hostile_archive_is_refused_by_name(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        unpack(make())


def test_every_bit_of_the_archives_headers_counts() -> None:
    small = {"a.json": b"1", "b/c.json": b"22"}
    data = pack(small)
    assert unpack(data) == small
    for at in range(len(data)):
        for bit in (1, 128):
            broken = bytearray(data)
            broken[at] ^= bit
            with pytest.raises(BundleError):
                unpack(bytes(broken))


GUARD = """
import sys
def refuse(event, arguments):
    if event.startswith(("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.", "os.exec", "os.system", "os.posix_spawn", "os.fork")):
        raise SystemExit(f"{event} {arguments}")
import torch
sys.addaudithook(refuse)
from pathlib import Path
from tfcaf_forge.pipeline.verify_bundle import Asked, verify
found = verify(Asked(path=Path(sys.argv[1]), key=Path(sys.argv[2])))
assert found.ok, found
used = [name for name in sys.modules if name.startswith(("tfcaf_forge.sandbox", "RestrictedPython", "litellm"))]
assert not used, used
"""


def test_verifying_neither_connects_nor_starts_a_process_nor_loads_the_sandbox(untouched: Path, keys: Path) -> None:
    command = [sys.executable, "-c", GUARD, str(untouched), str(keys / "mine.pub")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_run_whose_winner_was_waived_says_so(made_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(made_run, run)
    (run / "waivers.toml").write_text(WAIVED.format(expires="2001-01-01"))
    bundle(run, tmp_path / "x.zip")
    assert "the waiver for igm by R. Auditor expired on 2001-01-01" in refusal(verify(Asked(path=tmp_path / "x.zip")))
