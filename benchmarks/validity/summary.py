"""What comes out: tables of validity by score and task, the rule fitted on the other tasks, the few-data curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from validity import statistics
from validity.training import area, read_runs

Doubles = statistics.Doubles
FIGURES = {"advantage": 1.0, "returns": 1.0, "contribution": 1.0, "starved": -1.0, "weak": -1.0}
"""What the rule may use, and which way is better."""
SHOWN = (
    "returns", "value", "td", "advantage", "contribution", "starved", "uneven", "gini", "sensitivity", "weak",
    "fitted td", "fitted value", "fitted advantage",
)  # fmt: skip
LOWER_IS_BETTER = ("starved", "uneven", "gini", "weak", "code length", "graph size")
PENALTY = 0.3
CLIP = 3.0
SURE = 0.9
WHOLE = 0.95
"""A seed counts when so large a share of the functions was trained with it."""


@dataclass(frozen=True, eq=False)
class Case:
    """One task: names, the truth by seed [K, seeds], and figures by name [K]."""

    task: str
    names: tuple[str, ...]
    runs: Doubles
    figures: dict[str, Doubles]

    @property
    def standardised(self) -> Doubles:
        """Truth less VDN's, in its standard deviations; [K]."""
        truth = self.runs.mean(axis=1)
        return (truth - truth[self.names.index("vdn")]) / (truth.std() or 1.0)


def case_of(data: Path, task: str, episodes: int, repeat: int = 0) -> Case | None:
    """What is known of a task; functions without a run of every seed are left out."""
    file = data / f"figures-{task}-{episodes}-{repeat}.json"
    runs = [run for run in read_runs(data / f"runs-{task}.jsonl") if not run.failed]
    if not file.exists() or not runs:
        return None
    figures = msgspec.json.decode(file.read_bytes())["figures"]
    by_name: dict[str, dict[int, float]] = {}
    for run in runs:
        by_name.setdefault(run.function, {})[run.seed] = area(run)
    # A seed that was stopped half way would leave out the functions that it did not come to.
    known = [seed for scores in by_name.values() for seed in scores]
    seeds = [seed for seed in sorted(set(known)) if known.count(seed) >= WHOLE * len(figures)]
    if not seeds:
        return None
    names = tuple(name for name in figures if name in by_name and set(seeds) <= set(by_name[name]))
    table = np.array([[by_name[name][seed] for seed in seeds] for name in names])
    keys = set.intersection(*(set(figures[name]) for name in names))
    return Case(task, names, table, {key: np.array([figures[n][key] for n in names]) for key in keys})


def scales(cases: Sequence[Case]) -> dict[str, float]:
    """Root mean square of each figure over the tasks' functions."""
    return {
        name: float(np.sqrt(np.mean(np.concatenate([c.figures[name] for c in cases if name in c.figures]) ** 2))) or 1.0
        for name in FIGURES
    }


def design(case: Case, scale: dict[str, float]) -> Doubles:
    """[K, F]; a figure that a task cannot have is 0."""
    zero = np.zeros(len(case.names))
    return np.stack(
        [sign * np.clip(case.figures.get(n, zero) / scale[n], -CLIP, CLIP) for n, sign in FIGURES.items()], axis=1
    )


def weights(cases: Sequence[Case], scale: dict[str, float]) -> Doubles:
    """Fitted on some tasks."""
    return statistics.fit(
        np.concatenate([design(c, scale) for c in cases]), np.concatenate([c.standardised for c in cases]), PENALTY
    )


def combined(case: Case, others: Sequence[Case]) -> Doubles:
    """The rule's prediction, fitted on other tasks."""
    scale = scales(others)
    return design(case, scale) @ weights(others, scale)


def beyond(case: Case, others: Sequence[Case]) -> dict[str, float]:
    """What the rule is worth as it is used: what noise allows, above equal weights or not, and with a training of its first three."""
    score = combined(case, others)
    right, above = statistics.right_side(score, case.runs, case.names.index("vdn"))
    seeds = case.runs.shape[1]
    mean = statistics.stepped_up(statistics.reliability(case.runs), seeds)
    return {
        "seeds": seeds,
        "reliability": statistics.reliability(case.runs),
        "reliability_of_mean": mean,
        "ceiling": float(np.sqrt(max(mean, 0.0))),
        "regret_of_three_trained": statistics.trained_regret(score, case.runs, 3),
        "above_vdn": above,
        "above_vdn_and_trained_better": right,
    }


def table(case: Case, others: Sequence[Case]) -> dict[str, dict[str, float]]:
    """Validity of every score on a task; the combination is fitted on the others alone."""
    rng = np.random.default_rng(0)
    made: dict[str, Doubles] = {name: case.figures[name] for name in SHOWN if name in case.figures}
    made |= {name: case.figures[name] for name in ("code length", "graph size")}
    made = {name: -values if name in LOWER_IS_BETTER else values for name, values in made.items()}
    if others:
        made["combined (fitted on the others)"] = combined(case, others)
    found = {name: asdict(statistics.validity(values, case.runs)) for name, values in made.items()}
    picks = [statistics.validity(rng.random(len(case.names)), case.runs, seed=k, draws=20) for k in range(200)]
    found["random pick"] = {key: float(np.mean([getattr(p, key) for p in picks])) for key in ("rho", "regret", "top3")}
    return found


def margin(cases: Sequence[Case]) -> float:
    """The least prediction, in twentieths, above which nine in ten functions of left-out tasks trained better than equal weights."""
    pairs = [(combined(c, [o for o in cases if o is not c]), c.standardised) for c in cases]
    score, truth = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    steps = [k / 20 for k in range(40) if (score > k / 20).any()]
    return next((m for m in steps if (truth[score > m] > 0).mean() >= SURE), max(steps))


def rule_of(cases: Sequence[Case], source: str) -> dict[str, Any]:
    """`ranking/rule.json`: weights from all tasks, and from all but each; the scales are common."""
    scale = scales(cases)
    signs = list(FIGURES.values())

    def signed(known: Sequence[Case]) -> list[float]:
        return [round(sign * float(w), 6) for sign, w in zip(signs, weights(known, scale), strict=True)]

    without = {c.task: signed([o for o in cases if o is not c]) for c in cases}
    return {
        "schema": 1,
        "figures": list(FIGURES),
        "scales": [round(scale[name], 6) for name in FIGURES],
        "weights": signed(cases),
        "without": without,
        "fitted_on": [c.task for c in cases],
        "source": source,
        "margin": margin(cases),
    }
