"""The rule that joins the figures of a candidate into one prediction of how well training with it goes.

    predicted = sum_k weight_k * g_k / scale_k

g_k are the gains of `ranking.measure`, all 0 for equal weights, so the prediction is 0 for equal weights, too. Weights and
scales are data (`rule.json`), fitted on the tasks of the validity benchmark to the measured training with its functions. For a
task of the benchmark the weights are those that were fitted without it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from tfcaf_forge.ranking.score import Doubles
from tfcaf_forge.records.base import Record, from_json

RULE = Path(__file__).with_name("rule.json")
_MOST = 3.0
"""A gain counts at most so many scales: one wild figure must not decide alone."""


class Rule(Record, frozen=True, kw_only=True):
    """Weights with their provenance.

    Attributes:
        figures: names of the gains, in order.
        scales: what each is divided by.
        weights: fitted on all tasks.
        without: by task of the benchmark, the weights fitted on the others.
        margin: a prediction has to be further than this above equal weights before it is called better: the least at which nine in
            ten functions of the left-out tasks did train better.
        fitted_on: the tasks.
        source: how and from what they were fitted.
    """

    figures: tuple[str, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    without: dict[str, tuple[float, ...]]
    fitted_on: tuple[str, ...]
    source: str
    margin: float = 0.0

    def weights_for(self, task: str) -> tuple[float, ...]:
        """Weights that have not seen the task."""
        return self.without.get(task, self.weights)

    def lowest(self, task: str) -> float:
        """Below every prediction: what a candidate gets whose figures are no numbers."""
        return -_MOST * sum(abs(weight) for weight in self.weights_for(task)) - 1.0

    def predict(self, task: str, gains: dict[str, Doubles]) -> Doubles:
        """The prediction on every bootstrap sample, [resamples]; a figure that is not there counts as 0."""
        samples = len(next(iter(gains.values())))
        made = np.zeros(samples)
        for name, scale, weight in zip(self.figures, self.scales, self.weights_for(task), strict=True):
            if name in gains:
                made += weight * np.clip(gains[name] / scale, -_MOST, _MOST)
        return made


@lru_cache(maxsize=1)
def load_rule() -> Rule:
    """The rule that ships with the package."""
    return from_json(RULE.read_bytes(), Rule, what=str(RULE))
