"""Examine: everything that can be known about one graph. Proofs first, then trials, then a small counterexample."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import ConfigError, ForgeError
from tfcaf_forge.evidence import strategies
from tfcaf_forge.evidence.blame import blame
from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.explain import explain
from tfcaf_forge.evidence.explore import explore
from tfcaf_forge.evidence.profiles import Profile, profile_of
from tfcaf_forge.evidence.properties import Finding, Property, catalogue
from tfcaf_forge.evidence.proven import Proven, is_proved, proofs_of
from tfcaf_forge.evidence.reduce import reduce
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
        cases: inputs to try first, such as earlier counterexamples.

    Raises:
        ConfigError: `only` or `profile` names what does not exist.
        ProofContradicted: the prover is wrong; never a property of the candidate.
    """
    start = time.perf_counter()
    chosen = profile_of(profile) if isinstance(profile, str) else profile
    properties = _select(catalogue(subject.task), only)
    proofs = proofs_of(subject)
    light = {p.id for p in properties if not p.required or is_proved(proofs, p.id)}
    trial = Trial(subject, properties, light, chosen.light)
    replay = None if replay_states is None else np.ascontiguousarray(replay_states, dtype=np.float32)
    for case in cases:
        trial.visit(case)
    explore(subject.task, chosen, seed, replay, trial)
    trial.visit_pool(strategies.pool(subject.task, _POOL_ROWS, seed, replay))
    verdicts = [_verdict(subject, p, trial.outcomes[p.id], proofs.get(p.id)) for p in properties]
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


def _verdict(subject: Subject, prop: Property, outcome: Outcome, proof: Proven | None) -> Verdict:
    """One property's verdict from its proof and its trials."""
    start = time.perf_counter()
    proved = proof is not None and proof.status == "PROVED"
    status, detail = _status(prop, outcome, proof)
    counterexample = None
    if outcome.broken is not None:
        counterexample = _counterexample(subject, prop, *outcome.broken)
        if proved:
            _refuse_contradiction(subject, prop, counterexample, proof.detail if proof else "")
    return Verdict(
        property_id=prop.id,
        status=status,
        required=prop.required,
        trials=outcome.trials,
        detail=detail,
        counterexample=counterexample,
        seconds=outcome.seconds + (proof.seconds if proof else 0.0) + time.perf_counter() - start,
    )


def _status(prop: Property, outcome: Outcome, proof: Proven | None) -> tuple[Status, str]:
    if outcome.broken is not None:
        return "REFUTED", prop.hazard
    if outcome.error is not None:
        return "ERRORED", f"the check itself failed: {outcome.error}"
    if proof is not None and proof.status == "PROVED":
        return "PROVED", proof.detail
    if outcome.trials == 0:
        ran = "the graph could not be run on any case" if outcome.skipped else "no case was tried"
        return "UNKNOWN", ran
    shown = outcome.worst.text if prop.measured and outcome.worst is not None else ""
    return "TESTED", shown or (f"not proved: {proof.detail}" if proof is not None and proof.detail else "")


def _counterexample(subject: Subject, prop: Property, case: Case, found: Finding) -> Counterexample:
    """Reduce a failing case and say which fields matter; of a pool, which fails as a whole, show one row."""
    if prop.pooled:
        one = case.take([found.row])
        return Counterexample(
            state=_rows(one.state), local_q=_rows(one.local_q), fields={}, observed=found.text, case=one.key
        )

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
    return Counterexample(
        state=_rows(small.state),
        local_q=_rows(small.local_q),
        fields=fields,
        observed=shown.text,
        line=blame(subject, prop.id, small),
        case=small.key,
    )


def _rows(values: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in values)


def _refuse_contradiction(subject: Subject, prop: Property, found: Counterexample, claim: str) -> None:
    """A counterexample in the declared domain to a proved property is our own fault, and a loud one."""
    state, local_q = (np.array(part, dtype=np.float32) for part in (found.state, found.local_q))
    if subject.domain.contains(state, local_q):
        raise ProofContradicted(
            f"{prop.id} was proved ({claim}) for graph {subject.digest[:12]}, but {found.observed} at "
            f"{found.fields} (case {found.case}); this is a bug of the prover: please report it with the graph"
        )


def _faithful(agreed: bool, detail: str) -> Verdict:
    """The sandbox's comparison of the candidate with its graph, as a verdict."""
    return Verdict(property_id=FAITHFUL, status="TESTED" if agreed else "REFUTED", required=True, detail=detail)
