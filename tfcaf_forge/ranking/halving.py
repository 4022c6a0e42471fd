"""Successive halving: cheap figures for all, a longer fit for the better half, real training for the last few.

(Jamieson and Talwalkar, 2016.) How far it goes is planned from sizes and the budget before anything runs, by the costs that
were measured once on one core; so two runs with one seed and one budget give one order, however busy the machine is.
"""

from __future__ import annotations

from dataclasses import dataclass

FITTED_S = 2.0e-6
"""Seconds a candidate, minibatch row and agent of the fitted rung (hidden 32); 1.6e-6 s of processor time were measured."""
LINEAR_S = 2.0e-5
"""Seconds a candidate, transition and agent of the closed forms: 1.5e-5 s of processor time were measured."""
TRAINED_STEPS_PER_S = 3000.0
"""Environment steps a second of the trainer in a contest's settings, updates and evaluations included; 6,200 in a second of processor
time were measured with two agents, and other tasks are slower."""
LEAST_STEPS = 4000
MOST_STEPS = 200_000
FINALISTS = 3


@dataclass(frozen=True)
class Plan:
    """What a budget allows.

    Attributes:
        fitted: how many candidates get the longer fit (0: none).
        finalists: how many are trained with (0: none), next to VDN.
        steps: environment steps of each training.
        seconds: what it should take on one core.
    """

    fitted: int
    finalists: int
    steps: int
    seconds: float


def plan(minutes: float, *, candidates: int, transitions: int, n_agents: int, minibatch_rows: int) -> Plan:
    """What can be done with so many minutes.

    Args:
        minutes: the budget; the closed forms are computed in any case.
        candidates: K.
        transitions, n_agents: M and N.
        minibatch_rows: of the fitted rung: steps times rows of a minibatch.
    """
    left = 60.0 * minutes - LINEAR_S * candidates * transitions * n_agents
    spent = 60.0 * minutes - left
    half = max(min(candidates, 4), (candidates + 1) // 2)
    cost = FITTED_S * (half + 1) * minibatch_rows * n_agents
    if candidates < 2 or left < cost:
        return Plan(0, 0, 0, round(spent, 3))
    left, spent = left - cost, spent + cost
    finalists = min(FINALISTS, candidates)
    steps = int(min(MOST_STEPS, left * TRAINED_STEPS_PER_S / (finalists + 1)))
    if steps < LEAST_STEPS:
        return Plan(half, 0, 0, round(spent, 3))
    return Plan(half, finalists, steps, round(spent + (finalists + 1) * steps / TRAINED_STEPS_PER_S, 3))
