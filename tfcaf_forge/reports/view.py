"""A run's records as one piece of plain data, from which the JSON and the HTML report are both made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tfcaf_forge.records.base import to_builtins
from tfcaf_forge.reports import adequacy, audit, candidates, sections
from tfcaf_forge.reports.facts import KernelFile, RunRecords

__all__ = ["KIND", "SCHEMA", "KernelFile", "RunRecords", "View", "plain", "view"]

View = dict[str, Any]
SCHEMA = 4
KIND = "tfcaf-forge run report"


def view(records: RunRecords) -> View:
    """The report as dictionaries, lists, strings, finite numbers, booleans and None.

    The texts in it are as they came, apart from a cut of overlong ones; `render` makes them harmless. Depends on
    the records alone: the same records give the same view.
    """
    everyone = [candidates.candidate(records, proposal) for proposal in records.proposals]
    lineage = candidates.lineage(records)
    data = {
        "schema": SCHEMA,
        "kind": KIND,
        "run": sections.run(records),
        "task": sections.task(records.task),
        "verdict": sections.verdict(records),
        "discrepancies": sections.discrepancies(records),
        "waivers": audit.waivers(records),
        "intended": audit.intended(),
        "provenance": audit.provenance(records),
        "candidates": everyone,
        "fates": candidates.fates(records),
        "matrix": candidates.matrix(records),
        "counterexamples": candidates.counterexamples(records),
        "lineage": lineage,
        "tree": audit.tree(lineage, everyone),
        "change": audit.change(records),
        "graph": records.graph_text,
        "operations": audit.operations(records),
        "measured": audit.measured(records),
        "mutation": adequacy.mutation(records),
        "equivalence": adequacy.equivalence(records),
        "observations": adequacy.observations(records),
        "ranking": sections.ranking(records.ranking),
        "dataset": dict(records.dataset),
        "isolation": None if records.isolation is None else to_builtins(records.isolation),
        "properties": {name: dict(texts) for name, texts in records.catalogue.items()},
        "reproduce": sections.reproduce(records),
        "not_claimed": sections.not_claimed(records),
        "log": audit.log(records),
    }
    return plain(data)


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    """JSON-able data: tuples become lists, keys strings, and numbers that JSON cannot hold their names."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
