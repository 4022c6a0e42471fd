"""Measure one candidate on a bench: every figure with its bootstrap samples.

A figure that measures an error is stated as a gain over equal weights, g = ln(error of equal weights / error of the candidate):
0 for equal weights, free of the reward's scale, paired over episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.ranking import credit as credits
from tfcaf_forge.ranking.bench import Bench, mixing_of
from tfcaf_forge.ranking.features import Floats
from tfcaf_forge.ranking.fits import Errors, design, evaluation, fold_weights, ridge_errors
from tfcaf_forge.ranking.score import FOLDS, Doubles, Mixing
from tfcaf_forge.ranking.undefined import undefined_rows

TANGENTS = 2
"""How often the tangent of a function that is not affine is taken anew at the fitted local values."""
_SMALL = 1e-3


@dataclass(frozen=True, eq=False)
class Measured:
    """One candidate on one dataset.

    Attributes:
        credit: [M, N], at the fitted local values where Q_tot is not affine.
        affine: whether it is.
        returns, td, value, advantage: errors and what they are measured against, by episode.
        contribution: errors of the shares of credit and their weights, by episode; None where the truth is unknown.
        starved, uneven: by episode, sums over rows; `rows` is how many there are.
        sensitivity, weak, distance: of the whole dataset.
        undefined: bool [M], rows on which the candidate is not finite. If there is one, the figures are those of a candidate without
            any credit, so that all of them are numbers; they say nothing about it.
    """

    credit: Floats
    affine: bool
    returns: Errors
    td: Errors
    value: Errors
    advantage: Errors
    contribution: Errors | None
    starved: Doubles
    uneven: Doubles
    gini: Doubles
    rows: Doubles
    sensitivity: float
    weak: float
    distance: float
    undefined: npt.NDArray[np.bool_]


def measure(graph: OpGraph, bench: Bench) -> Measured:
    """Everything that the closed forms say about a verified graph."""
    found = fitted_mixing(graph, bench)
    undefined = undefined_rows(found)
    mixing = _empty(found) if undefined.any() else found
    bias = mixing.bias.astype(np.float64)
    x = design(mixing, bench.phi)
    returns = ridge_errors(x, bench.target - bias, bench.target, bench.episode)
    td, value = evaluation(x, bias, bench.reward, bench.target, bench.episode, bench.terminated, bench.gamma)
    # What the state explains is taken out of the target, so the bias has no part here either.
    advantage = ridge_errors(design(mixing, bench.centred), bench.advantage, bench.advantage, bench.episode)
    count = int(bench.episode.max()) + 1

    def summed(rows: Doubles) -> Doubles:
        return np.bincount(bench.episode, rows, count).astype(np.float64)

    contribution = None
    if bench.contribution is not None:
        wrong, weight = credits.contribution_errors(mixing.credit, bench.contribution)
        contribution = Errors(summed(wrong), summed(weight))
    return Measured(
        credit=mixing.credit,
        affine=is_affine(graph),
        returns=returns,
        td=td,
        value=value,
        advantage=advantage,
        contribution=contribution,
        starved=summed(credits.starved(mixing.credit)),
        uneven=summed(1.0 - credits.evenness(mixing.credit)),
        gini=summed(credits.gini(mixing.credit)),
        rows=summed(np.ones(len(bench.reward))),
        sensitivity=credits.sensitivity(mixing.credit),
        weak=credits.weakness(mixing.credit, bench.q_scale),
        distance=credits.distance_from_equal(mixing.credit),
        undefined=undefined,
    )


def _empty(mixing: Mixing) -> Mixing:
    """One of the same rows without credit and bias, for what is not finite on some row."""
    return Mixing(np.zeros_like(mixing.credit), np.zeros_like(mixing.bias))


def return_errors(graph: OpGraph, bench: Bench) -> Errors:
    """The first of the figures alone."""
    mixing = fitted_mixing(graph, bench)
    mixing = _empty(mixing) if undefined_rows(mixing).any() else mixing
    return ridge_errors(design(mixing, bench.phi), bench.target - mixing.bias, bench.target, bench.episode)


def gains(mine: Measured, base: Measured, picks: Doubles) -> dict[str, Doubles]:
    """Every figure on every bootstrap sample: name -> [resamples]. With `picks` of ones, [1, E], the figures themselves.

    Args:
        mine, base: the candidate and equal weights, on one bench.
        picks: [resamples, E].
    """
    found = {
        "returns": _log_gain(mine.returns, base.returns, picks),
        "td": _log_gain(mine.td, base.td, picks),
        "value": _log_gain(mine.value, base.value, picks),
        "advantage": _log_gain(mine.advantage, base.advantage, picks),
        "starved": (picks @ mine.starved) / (picks @ mine.rows),
        "uneven": (picks @ mine.uneven) / (picks @ mine.rows),
        "gini": (picks @ mine.gini) / (picks @ mine.rows),
        "sensitivity": np.full(len(picks), mine.sensitivity),
        "weak": np.full(len(picks), mine.weak),
    }
    if mine.contribution is not None and base.contribution is not None and mine.contribution.spread.sum() > 0:
        whole = np.maximum(picks @ mine.contribution.spread, 1e-12)
        own, other = (picks @ m.error / whole for m in (mine.contribution, base.contribution))
        found["contribution"] = np.log((other + _SMALL) / (own + _SMALL))
        found["contribution_error"] = own
    return found


def explained(errors: Errors, picks: Doubles) -> Doubles:
    """1 - SSE / SST on every bootstrap sample, [resamples]."""
    return 1.0 - (picks @ errors.error) / np.maximum(picks @ errors.spread, 1e-300)


def _log_gain(mine: Errors, base: Errors, picks: Doubles) -> Doubles:
    floor = 1e-9 * np.maximum(picks @ base.spread, 1e-300)
    return np.log((picks @ base.error + floor) / (picks @ mine.error + floor))


def fitted_mixing(graph: OpGraph, bench: Bench) -> Mixing:
    """Credit and bias; the tangent of what is not affine follows the local values that it leads to, while it is finite."""
    mixing = mixing_of(graph, bench.state)
    if is_affine(graph):
        return mixing
    for _ in range(TANGENTS):
        if undefined_rows(mixing).any():
            break
        local_q = _fitted_locals(mixing, bench)
        mixing = mixing_of(graph, bench.state, local_q)
    return mixing


def _fitted_locals(mixing: Mixing, bench: Bench) -> Floats:
    """Local Q-values of ridge regressions of the returns under this mixing, [M, N].

    Those of a fold are fitted to the returns of the others: a held-out return must not choose the tangent that is judged by it.
    """
    scale = float(np.sqrt(np.mean(mixing.credit.astype(np.float64) ** 2))) or 1.0
    weights = fold_weights(design(mixing, bench.phi), bench.target - mixing.bias, bench.episode)
    local_q = np.empty(mixing.credit.shape, np.float32)
    for held, w in enumerate(weights):
        rows = bench.episode % FOLDS == held
        local_q[rows] = bench.phi[rows] @ (w[:-1] / scale).astype(np.float32)
    return local_q
