"""CycloneDX 1.6 ML-BOM (ECMA-424): the kernel as a machine-learning model with its card, its data, and what made it."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tfcaf_forge.reports.model_card import LIMITS, USES
from tfcaf_forge.reports.render import dumps
from tfcaf_forge.reports.text import one_line, visible
from tfcaf_forge.reports.view import View
from tfcaf_forge.version import VERSION

_DIGEST = re.compile("[0-9a-f]{64}")
_NO_PACKAGE = {"platform", "processors", "processor", "memory", "lock", "machine", "tfcaf-forge"}


def to_cyclonedx(view: View) -> bytes:
    """The bill of materials as JSON; the same view gives the same bytes."""
    model, made = _model(view), view["run"]["finished"] or view["run"]["started"]
    kernel = view["verdict"]["kernel"]
    serial = uuid.uuid5(uuid.NAMESPACE_OID, kernel["sha256"] if kernel else view["task"]["digest"])
    data = _data(view)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": made.replace(" UTC", "Z").replace(" ", "T"),
            "tools": {"components": [{"type": "application", "name": "tfcaf-forge", "version": VERSION}]},
            "component": model,
        },
        "components": [*data, *_libraries(view)],
        "dependencies": [{"ref": model["bom-ref"], "dependsOn": [part["bom-ref"] for part in data]}],
    }
    return dumps(bom)


def _model(view: View) -> dict[str, Any]:
    verdict = view["verdict"]
    kernel = verdict["kernel"]
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "kernel",
        "name": "kernel.safetensors" if kernel else "no kernel",
        "description": visible(verdict["headline"]),
        "modelCard": {
            "modelParameters": {
                "task": "credit assignment in cooperative multi-agent reinforcement learning",
                "architectureFamily": "fixed graph of tensor operations, without trainable parameters",
                "datasets": [{"ref": part["bom-ref"]} for part in _data(view)],
                "inputs": [{"format": f"local Q-values [B, {view['task']['agents']}]"}, {"format": f"state [B, {view['task']['state_size']}]"}],
                "outputs": [{"format": "joint value [B, 1]"}],
            },
            "quantitativeAnalysis": {"performanceMetrics": _metrics(view)},
            "considerations": {
                "useCases": list(USES),
                "technicalLimitations": [*LIMITS, *map(visible, view["not_claimed"])],
            },
        },
        "properties": [
            {"name": f"tfcaf-forge:verdict:{one_line(v['property'], 100)}", "value": v["text"]} for v in verdict["properties"]
        ],
    }  # fmt: skip
    if kernel and _DIGEST.fullmatch(kernel["sha256"]):
        model["hashes"] = [{"alg": "SHA-256", "content": kernel["sha256"]}]
    return model


def _metrics(view: View) -> list[dict[str, Any]]:
    mutation = view["mutation"]
    noticed = [{"type": "mutation score", "value": f"{mutation['share']:.4f}"}] if mutation else []
    return [*_scores(view), *noticed]


def _scores(view: View) -> list[dict[str, Any]]:
    if not view["ranking"]:
        return []
    record = view["ranking"]["record"]
    won = next((s for s in record["scores"] if s["candidate"] == record["winner"]), None)
    lines = [("replay score, equal weights (VDN)", record["baseline"]["score"])]
    if won is not None:
        lines = [("replay score", won["score"]), ("gain over equal weights", won["gain"]), *lines]
        lines = [
            *([("predicted training, equal weights (VDN) at 0", won["predicted"])] if won["predicted"] else []),
            *lines,
        ]
    return [
        {"type": name, "value": str(i["value"]), "confidenceInterval": {"lowerBound": str(i["low"]), "upperBound": str(i["high"])}}
        for name, i in lines
    ]  # fmt: skip


def _data(view: View) -> list[dict[str, Any]]:
    digest = view["dataset"].get("digest")
    if not digest:
        return []
    count = f"{view['dataset'].get('episodes', '?')} recorded episodes"
    hashes = [{"alg": "SHA-256", "content": digest}] if _DIGEST.fullmatch(digest) else []
    about = {"type": "data", "bom-ref": "replay", "name": "replay dataset", "description": count}
    return [about | {"hashes": hashes} if hashes else about]


def _libraries(view: View) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, version in view["reproduce"]["environment"].items():
        if name in _NO_PACKAGE or version == "not installed":
            continue
        line = {"type": "library", "bom-ref": f"lib:{one_line(name, 80)}", "name": one_line(name, 80), "version": one_line(version, 80)}  # fmt: skip
        found.append(line)
    return found
