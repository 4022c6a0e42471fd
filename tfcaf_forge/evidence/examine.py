"""Examine: everything that can be known about one graph. Proofs first, then trials, then a small counterexample."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import ConfigError, ForgeError
from tfcaf_forge.evidence import strategies
from tfcaf_forge.evidence.blame import blame
from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.explain import explain
from tfcaf_forge.evidence.explore import explore
from tfcaf_forge.evidence.observe import observing
from tfcaf_forge.evidence.profiles import Profile, profile_of
from tfcaf_forge.evidence.properties import Finding, Property, catalogue
from tfcaf_forge.evidence.proven import Proven, is_proved, proofs_of
from tfcaf_forge.evidence.reduce import reduce
from tfcaf_forge.evidence.remedy import remedy
from tfcaf_forge.evidence.subject import RunFault, Subject
from tfcaf_forge.evidence.trial import Outcome, Trial
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Counterexample, Evidence, Status, Verdict

FAITHFUL = "trace-faithful"
"""Judged where the candidate can still run, in the sandbox; the result comes in as data."""
_POOL_ROWS = 2048


class ProofContradicted(ForgeError):  # noqa: N818 - reads as what it is
    """A property that was proved has a counterexample in the declared domain: the prover is wrong."""

    code = "proof"


def examine(
    subject: Subject,
    *,
    candidate: int = 0,
    profile: str | Profile = "fast",
    seed: int = 0,
    replay_states: NDArray[np.floating] | None = None,
    faithful: tuple[bool, str] | None = None,
    only: Sequence[str] | None = None,
    cases: Sequence[Case] = (),
    properties: Sequence[Property] = (),
    earlier: Mapping[str, Sequence[Case]] | None = None,
    observe: Path | None = None,
    record_contradictions: bool = False,
) -> Evidence:
    """Prove what can be proved of a graph, try the rest, and reduce what breaks.

    Args:
        subject: the graph and its task.
        candidate: id of the proposal.
        profile: `fast`, `search`, `audit`, or a profile of one's own.
        seed: decides every random choice.
        replay_states: [M, S], states that were really seen; mixed into the batches.
        faithful: whether graph and candidate agreed in the sandbox, and a sentence about it; None if not compared.
        only: ids of the properties to examine; None for all.
        cases: inputs to try first, on every property.
        properties: the user's own, tried like those of the catalogue.
        earlier: by property id, inputs that broke it for other graphs; tried first, on that property.
        observe: a folder for a record of every case that is tried, as JSON lines.
        record_contradictions: keep a counterexample to a proof as an ERRORED verdict, with which no graph is accepted,
            in place of the exception: a fault of the prover does not end a run of many candidates.

    Raises:
        ConfigError: `only` or `profile` names what does not exist, or one of `properties` has a name that is taken.
        ProofContradicted: the prover is wrong; never a property of the candidate. Not with `record_contradictions`.
    """
    start = time.perf_counter()
    chosen = profile_of(profile) if isinstance(profile, str) else profile
    suite = _select(_together(subject.task, properties), only)
    proofs = proofs_of(subject)
    replay = None if replay_states is None else np.ascontiguousarray(replay_states, dtype=np.float32)
    pool = strategies.pool(subject.task, _POOL_ROWS, seed, replay)
    trial = Trial(subject, suite, _light(suite, proofs), chosen.light)
    with observing(observe, f"{subject.digest[:12]}-{chosen.name}-{seed}") as observer:
        for name, known in (earlier or {}).items():
            for case in known:
                trial.revisit(name, case)
        for case in cases:
            trial.visit(case)
        explore(subject.task, chosen, seed, replay, trial, observer)
        trial.visit_pool(pool)
        trial.search()
        verdicts = [
            _verdict(subject, p, trial.outcomes[p.id], proofs.get(p.id), pool, record=record_contradictions)
            for p in suite
        ]
    verdicts += _also_proved(proofs, subject.task, only)
    if faithful is not None and (only is None or FAITHFUL in only):
        verdicts.append(_faithful(*faithful))
    return Evidence(
        candidate=candidate,
        task=subject.task.digest,
        graph=subject.digest,
        profile=chosen.name,
        seed=seed,
        verdicts=tuple(verdicts),
        seconds=time.perf_counter() - start,
    )


def _together(task: TaskSpec, own: Sequence[Property]) -> tuple[Property, ...]:
    """The catalogue and the user's own properties."""
    known = [p.id for p in catalogue(task)] + [FAITHFUL]
    for prop in own:
        if prop.id in known:
            raise ConfigError(f"the property id {prop.id!r} is taken; give your own property another one")
        known.append(prop.id)
    return (*catalogue(task), *own)


def _light(suite: Sequence[Property], proofs: Mapping[str, Proven]) -> set[str]:
    """What needs few rows: what is proved, and advice; a user's own property may speak about rare states only."""
    return {p.id for p in suite if (not p.required and p.origin == "forge") or is_proved(proofs, p.id)}


def _select(properties: Sequence[Property], only: Sequence[str] | None) -> tuple[Property, ...]:
    known = [p.id for p in properties]
    for name in only or ():
        if name not in (*known, FAITHFUL):
            raise ConfigError(f"there is no property {name!r}; choose from {', '.join((*known, FAITHFUL))}")
    return tuple(p for p in properties if only is None or p.id in only)


def _also_proved(proofs: Mapping[str, Proven], task: TaskSpec, only: Sequence[str] | None) -> list[Verdict]:
    """What was proved beyond the catalogue, such as that credits sum to a constant: welcome, and never required."""
    known = {p.id for p in catalogue(task)}
    return [
        Verdict(property_id=name, status="PROVED", required=False, detail=proof.detail, seconds=proof.seconds)
        for name, proof in sorted(proofs.items())
        if name not in known and proof.status == "PROVED" and (only is None or name in only)
    ]


def _verdict(
    subject: Subject, prop: Property, outcome: Outcome, proof: Proven | None, pool: Case, *, record: bool
) -> Verdict:  # fmt: skip
    """One property's verdict from its proof and its trials."""
    start = time.perf_counter()
    proved = proof is not None and proof.status == "PROVED"
    status, detail = _status(prop, outcome, proof)
    counterexample, required = None, prop.required
    if outcome.broken is not None:
        counterexample = _counterexample(subject, prop, *outcome.broken)
        detail = _with_share(subject, prop, pool, detail)
        said = _contradiction(subject, prop, counterexample, proof.detail) if proof is not None and proved else ""
        if said and not record:
            raise ProofContradicted(said)
        if said:
            status, detail, required, counterexample = "ERRORED", said, True, None
    return Verdict(
        property_id=prop.id,
        status=status,
        required=required,
        trials=outcome.trials,
        detail=detail,
        counterexample=counterexample,
        seconds=outcome.seconds + (proof.seconds if proof else 0.0) + time.perf_counter() - start,
        origin=prop.origin,
    )


def _with_share(subject: Subject, prop: Property, pool: Case, detail: str) -> str:
    """How often a property breaks that is measured and not required, before the hazard."""
    try:
        return detail if prop.share is None else f"{prop.share(subject, pool)}; {detail}"
    except RunFault:
        return detail


def _status(prop: Property, outcome: Outcome, proof: Proven | None) -> tuple[Status, str]:
    if outcome.broken is not None:
        return "REFUTED", prop.hazard
    if outcome.error is not None:
        return "ERRORED", f"the check itself failed: {outcome.error}"
    if proof is not None and proof.status == "PROVED":
        return "PROVED", proof.detail
    if outcome.trials == 0:
        return "UNKNOWN", _untried(prop, outcome)
    shown = outcome.worst.text if prop.measured and outcome.worst is not None else ""
    return "TESTED", shown or (f"not proved: {proof.detail}" if proof is not None and proof.detail else "")


def _untried(prop: Property, outcome: Outcome) -> str:
    if outcome.skipped:
        return "the graph could not be run on any case"
    return "no case was tried" if outcome.worst is None else "no state that was tried meets what it assumes"


def _shown_as_it_is(subject: Subject, case: Case, found: Finding) -> Counterexample:
    """One row of a pool, which fails as a whole, or a case that its finder has already made small."""
    one = case.take([found.row])
    index = {name: i for i, name in enumerate(subject.task.names)}
    return Counterexample(
        state=_rows(one.state),
        local_q=_rows(one.local_q),
        fields={name: float(one.state[0, index[name]]) for name in found.fields},
        observed=found.text,
        case=one.key,
    )


def _counterexample(subject: Subject, prop: Property, case: Case, found: Finding) -> Counterexample:
    """Reduce a failing case and say which fields matter."""
    if prop.pooled or prop.search is not None:
        return _shown_as_it_is(subject, case, found)

    def failing(part: Case) -> Finding | None:
        try:
            return prop.check(subject, part)
        except RunFault:
            return None

    def fails(part: Case) -> bool:
        violation = failing(part)
        return violation is not None and (part.rows == 1 or violation.row == 0 or prop.needs > 1)

    small = reduce(case, found.row, found.others, fails, subject.domain)
    small, fields = explain(small, fails, subject.domain)
    shown = failing(small) or found
    if shown.row and small.rows > 1:
        small = small.take([shown.row, *(b for b in range(small.rows) if b != shown.row)])
        shown = failing(small) or shown
    blamed = blame(subject, prop.id, small)
    return Counterexample(
        state=_rows(small.state),
        local_q=_rows(small.local_q),
        fields=fields,
        observed=shown.text,
        line=None if blamed is None else blamed.line,
        remedy="" if blamed is None else remedy(subject, prop.id, small, blamed),
        case=small.key,
    )


def _rows(values: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in values)


def _contradiction(subject: Subject, prop: Property, found: Counterexample, claim: str) -> str:
    """What a counterexample in the declared domain to a proved property says: our own fault, and a loud one."""
    state, local_q = (np.array(part, dtype=np.float32) for part in (found.state, found.local_q))
    if not subject.domain.contains(state, local_q):
        return ""
    return (
        f"{prop.id} was proved ({claim}) for graph {subject.digest[:12]}, but {found.observed} at "
        f"{found.fields} (case {found.case}); this is a bug of the prover: please report it with the graph"
    )


def _faithful(agreed: bool, detail: str) -> Verdict:
    """The sandbox's comparison of the candidate with its graph, as a verdict."""
    return Verdict(property_id=FAITHFUL, status="TESTED" if agreed else "REFUTED", required=True, detail=detail)
