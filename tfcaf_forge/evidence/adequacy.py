"""Adequacy: break a good graph on purpose, many times, and count how often somebody notices.

A mutant is *refuted* if a required property fails. It is *noticed* if a check fails that holds for the good graph:
the user's own properties, advisory properties, a sum of credits that was constant, or a watcher from outside, such as
the ranking on replayed episodes. What computes the same on every sampled and replayed input is left out, and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfcaf_forge.evidence import strategies
from tfcaf_forge.evidence.case import Case, Floats, stack
from tfcaf_forge.evidence.explore import quick_cases
from tfcaf_forge.evidence.mutants import Fault, mutants
from tfcaf_forge.evidence.profiles import Profile
from tfcaf_forge.evidence.properties import Property, catalogue
from tfcaf_forge.evidence.subject import Doubles, RunFault, Subject
from tfcaf_forge.evidence.trial import Trial
from tfcaf_forge.records.mutation import Mutant, MutationScore

_PROFILE = Profile(name="mutation", small=50, batches=8, derandomize=True)
_ALONE = 6
"""Small cases that are tried one by one, since some faults show in a batch of one or two rows only."""
_SAMPLES, _REPLAYED = 2048, 4096
_SAME = 1e-4
"""Credits and values that differ by less than this, relative to 1 and to their size, are the same."""

Watcher = Callable[[Subject], str]
"""Says what it notices about a mutant; empty if nothing."""


def mutation_score(
    subject: Subject,
    *,
    properties: Sequence[Property] = (),
    replay_states: Floats | None = None,
    watchers: Sequence[tuple[str, Watcher]] = (),
    seed: int = 0,
    most: int | None = 200,
) -> MutationScore:
    """Score the suite on the mutants of one good graph.

    Args:
        subject: a graph that is accepted.
        properties: the user's own; those that hold for the good graph can notice a mutant.
        replay_states: [M, S], states that were really seen; mixed into the samples.
        watchers: named checks from outside, asked last.
        seed: decides the mutants and the samples.
        most: how many faults are tried; all if None.
    """
    start = time.perf_counter()
    suite = _Suite.of(subject, properties, replay_states, watchers, seed)
    judged: list[Mutant] = []
    equivalent = invalid = 0
    for fault, made in mutants(subject.graph, seed=seed, most=most):
        if made is None:
            invalid += 1
            continue
        found = suite.judge(fault, Subject(made[0], subject.task, made[1]))
        if found is None:
            equivalent += 1
        else:
            judged.append(found)
    return MutationScore(
        graph=subject.digest,
        seed=seed,
        judged=tuple(judged),
        equivalent=equivalent,
        invalid=invalid,
        checks=tuple(suite.checks),
        seconds=time.perf_counter() - start,
    )


@dataclass(frozen=True, eq=False)
class _Suite:
    """What a mutant is held against.

    Attributes:
        samples: inputs on which a mutant that does the same as the original is equivalent.
        pool, cases: what a mutant is tried on.
        value, credit: the original's, [B] and [B, N].
        required: properties that refute.
        noticing: other properties that hold for the original.
        total: the sum of the original's credits, if it is the same everywhere.
    """

    subject: Subject
    samples: Case
    pool: Case
    cases: tuple[Case, ...]
    value: Doubles
    credit: Doubles
    required: tuple[Property, ...]
    noticing: tuple[Property, ...]
    total: float | None
    watchers: tuple[tuple[str, Watcher], ...]
    checks: list[str] = field(default_factory=list[str])

    @classmethod
    def of(
        cls,
        subject: Subject,
        own: Sequence[Property],
        replay: Floats | None,
        watchers: Sequence[tuple[str, Watcher]],
        seed: int,
    ) -> _Suite:
        """Look at the original."""
        samples = strategies.batch(subject.task, _SAMPLES, seed)
        if replay is not None and len(replay):
            samples = stack([samples, strategies.pool(subject.task, _REPLAYED, seed, replay)])
        pool = strategies.pool(subject.task, _SAMPLES, seed, replay)
        reading = subject.reading(samples)
        suite = (*catalogue(subject.task), *(p for p in own if p.search is None))
        cases = quick_cases(subject.task, _PROFILE, seed, replay, _ALONE)
        trial = _tried(subject, suite, pool, cases)
        held = [p for p in suite if trial.outcomes[p.id].open]
        required = tuple(p for p in held if p.required)
        noticing = tuple(sorted((p for p in held if not p.required), key=lambda p: p.origin != "user"))
        sums = reading.credit.sum(1)
        total = float(sums.mean()) if np.ptp(sums) <= _SAME * max(1.0, abs(sums.mean())) else None
        names = [p.id for p in (*required, *noticing)]
        names += ["credit-sum"] if total is not None else []
        return cls(
            subject, samples, pool, cases, reading.q_tot, reading.credit, required, noticing, total, tuple(watchers),
            [*names, *(name for name, _ in watchers)],
        )  # fmt: skip

    def judge(self, fault: Fault, mutant: Subject) -> Mutant | None:
        """What becomes of a mutant; None where it is equivalent."""
        node = self.subject.graph.nodes[fault.node]
        why = self._difference(mutant)
        if not why:
            return None

        def fate(word: str, by: str, text: str) -> Mutant:
            return Mutant(
                kind=fault.kind, change=fault.change, node=fault.node, line=node.line,
                fate="refuted" if word == "refuted" else "noticed" if word == "noticed" else "survived", by=by, why=text,
            )  # fmt: skip

        trial = _tried(mutant, (*self.required, *self.noticing), self.pool, self.cases)
        for prop in (*self.required, *self.noticing):
            outcome = trial.outcomes[prop.id]
            if not outcome.open:
                text = outcome.broken[1].text if outcome.broken is not None else outcome.error or ""
                return fate("refuted" if prop.required else "noticed", prop.id, text)
        noticed = self._noticed(mutant)
        return fate("noticed", *noticed) if noticed is not None else fate("survived", "", why)

    def _difference(self, mutant: Subject) -> str:
        """By how much a mutant's credits and values differ; empty if they are the same on every sample."""
        try:
            reading = mutant.reading(self.samples)
        except RunFault as fault:
            return f"it cannot be run: {fault}"
        credit, value = _apart(self.credit, reading.credit).max(1), _apart(self.value, reading.q_tot)
        if float(max(credit.max(), value.max())) <= _SAME:
            return ""
        if float(credit.max()) <= _SAME:
            return f"credit is the same everywhere; only a part of q_tot that teaches nothing differs, by at most {value.max():.3g}"
        return (
            f"credit differs in {(credit > _SAME).mean():.1%} of {len(credit):,} states, by at most {credit.max():.3g}"
        )

    def _noticed(self, mutant: Subject) -> tuple[str, str] | None:
        """The first check beyond the properties that notices a mutant, and what it says."""
        sums = mutant.reading(self.samples).credit.sum(1)
        if self.total is not None and float(np.abs(sums - self.total).max()) > 10 * _SAME * max(1.0, abs(self.total)):
            return (
                "credit-sum",
                f"the credits summed to {self.total:.4g}, and now to {sums.min():.4g} to {sums.max():.4g}",
            )
        return next(((name, said) for name, watch in self.watchers if (said := watch(mutant))), None)


def _tried(subject: Subject, suite: Sequence[Property], pool: Case, cases: Sequence[Case]) -> Trial:
    """The trials of a mutant: no proofs, no reduction, and no more once a required property has broken."""
    light = {p.id for p in suite if not p.required and p.origin == "forge"}
    trial = Trial(subject, suite, light, _PROFILE.light)
    trial.visit_pool(pool)
    for case in cases:
        if any(not trial.outcomes[p.id].open for p in suite if p.required):
            break
        trial.visit(case)
    return trial


def _apart(a: Doubles, b: Doubles) -> Doubles:
    """The difference of two results, relative to 1 and to their size; infinite where only one of them is finite."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        gap = np.abs(a - b) / np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return np.where(same, 0.0, np.nan_to_num(gap, nan=np.inf, posinf=np.inf))
