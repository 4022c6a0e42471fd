from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.reports.render import to_json
from tfcaf_forge.reports.view import RunRecords, view


def test_the_view_is_plain_json_and_comes_back_unchanged(run: RunRecords) -> None:
    data = view(run)
    assert json.loads(to_json(data)) == data
    assert msgspec.json.decode(to_json(data)) == data


def test_the_same_records_give_the_same_bytes(run: RunRecords) -> None:
    assert to_json(view(run)) == to_json(view(run))


def test_hostile_json_is_ascii_and_decodes_strictly(hostile: RunRecords) -> None:
    data = to_json(view(hostile))
    assert data.isascii()
    assert b"\x1b" not in data
    assert msgspec.json.decode(data)["kind"] == "tfcaf-forge run report"


def test_the_winners_facts_are_in_the_verdict(run: RunRecords) -> None:
    verdict = view(run)["verdict"]
    assert (verdict["winner"], verdict["accepted"]) == (11, True)
    assert verdict["headline"] == "Candidate 11 is accepted"
    assert {p["property"]: p["text"] for p in verdict["properties"]}["igm"] == "TESTED 2,000"


def test_consistent_records_have_no_discrepancy(run: RunRecords) -> None:
    assert view(run)["discrepancies"] == []


def test_records_that_contradict_each_other_are_named(run: RunRecords) -> None:
    assert run.ranking is not None
    assert run.manifest is not None
    refuted = replace(run, ranking=msgspec.structs.replace(run.ranking, winner=3))
    assert "the winner, candidate 3, was not accepted on its evidence" in view(refuted)["discrepancies"]
    swapped = replace(run, manifest=msgspec.structs.replace(run.manifest, graph_digest="ff" * 32))
    assert view(swapped)["discrepancies"] == ["the kernel holds another graph than the winner's"]
    other = replace(run, dataset={"digest": "00"})
    assert view(other)["discrepancies"] == ["the ranking was made on another replay dataset than the one shown"]
    nobody = replace(run, ranking=msgspec.structs.replace(run.ranking, winner=99))
    assert view(nobody)["discrepancies"] == [
        "the ranking's winner, 99, was never proposed",
        "the kernel was written although there is no winner",
    ]


def test_the_lineage_follows_parents_and_cannot_loop(run: RunRecords) -> None:
    depths = {row["id"]: row["depth"] for row in view(run)["lineage"]}
    assert (depths[1], depths[4], depths[11], depths[12]) == (0, 1, 2, 3)
    loop = [Proposal(id=i, parent=parent, coder="x", source="") for i, parent in ((1, 2), (2, 1), (3, 3), (4, 77))]
    rows = view(replace(run, proposals=loop))["lineage"]
    assert [(row["id"], row["depth"]) for row in rows] == [(1, 0), (2, 1), (3, 0), (4, 0)]


def test_a_long_chain_is_not_drawn_without_end(run: RunRecords) -> None:
    chain = [Proposal(id=i, parent=i - 1 or None, coder="x", source="") for i in range(1, 3000)]
    rows = view(replace(run, proposals=chain))["lineage"]
    assert len(rows) == len(chain)
    assert max(row["depth"] for row in rows) == 40


def test_every_counterexample_has_its_command(run: RunRecords) -> None:
    found = view(replace(run, files={3: "runs/x/candidates/3.py"}))["counterexamples"]
    assert [item["command"] for item in found] == [
        "forge vet runs/x/candidates/3.py --task lbf-8x8-2p-2f-coop --only monotone --case 51aa90d2",
        "forge vet candidate-5.py --task lbf-8x8-2p-2f-coop --only finite --case 7c1e03ab",
    ]


def test_an_interrupted_run_is_called_unfinished(run: RunRecords) -> None:
    started = RunRecords(
        name=run.name, task=run.task, settings={}, proposals=run.proposals[:1], started=run.started, command="forge"
    )
    data = view(started)
    assert data["verdict"]["headline"] == "The run has not finished: there is no winner yet"
    assert data["candidates"][0]["verdict"] == "unfinished"


def test_what_is_not_claimed_names_missing_layers_and_relaxed_contracts(run: RunRecords) -> None:
    assert any("network-namespace" in text for text in view(run)["not_claimed"])
    credit = msgspec.structs.replace(run.task.credit, monotonicity="relaxed")
    relaxed = replace(run, task=msgspec.structs.replace(run.task, credit=credit))
    assert any("does not require monotone" in text for text in view(relaxed)["not_claimed"])


def test_a_duplicate_says_in_what_it_is_the_same(run: RunRecords) -> None:
    twin = run.traced[4]
    told = {
        "graph": {7: msgspec.structs.replace(twin, candidate=7)},
        "behaviour": {7: msgspec.structs.replace(twin, candidate=7, graph_digest="77" * 32)},
        "source": {},
    }
    for same, traced in told.items():
        others = {number: known for number, known in run.traced.items() if number != 7}
        data = view(replace(run, traced={**others, **traced}))
        seventh = next(item for item in data["candidates"] if item["id"] == 7)
        assert seventh["row"]["what happened"] == f"same {same} as candidate 4"
