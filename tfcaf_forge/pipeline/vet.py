"""Vet: one proposal through the sandbox, then its graph through the examination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.proposals.files import proposal_from_file, proposal_from_text
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from tfcaf_forge.evidence.case import Case
    from tfcaf_forge.evidence.properties import Property

Floats = npt.NDArray[np.float32]
Probes = tuple[tuple[Floats, Floats], ...]

_PROBE_ROWS = (1, 3, 16)
"""Batch sizes of the inputs on which graph and candidate must agree; 1 and two others than the tracer's."""
FAITHFUL = (
    "the traced graph agrees with the function's own run, in value and gradient, on 20 rows in batches of 1, 3 and 16"
)


class Vetted(Plain, frozen=True, kw_only=True):
    """What is known of one proposal.

    Attributes:
        proposal: the source as it came; None where no function could be taken out of the text.
        rejection: why it has no graph, or None.
        traced: its graph, or None.
        evidence: the verdicts on its graph, or None.
        isolation: the layers that held it in.
    """

    proposal: Proposal | None
    rejection: Rejection | None = None
    traced: Traced | None = None
    evidence: Evidence | None = None
    isolation: Isolation | None = None

    @property
    def accepted(self) -> bool:
        """Whether it has a graph and every required property holds."""
        return self.evidence is not None and self.evidence.accepted


@dataclass(frozen=True, eq=False)
class Examiner:
    """Everything that vetting needs and that stays the same from one proposal to the next.

    Attributes:
        task: the task.
        sandbox: where proposals run.
        profile: name of the trial profile.
        seed: of the trials and of the probe inputs.
        states: replayed states to mix into the trials, [M, S], or None.
        properties: the user's own.
        observe: a folder for a record of every case that is tried, or None.
        earlier: by property id, inputs that broke it for other functions; tried first.
    """

    task: TaskSpec
    sandbox: Sandbox
    profile: str = "fast"
    seed: int = 0
    states: Floats | None = None
    properties: tuple[Property, ...] = ()
    observe: Path | None = None
    earlier: Mapping[str, Sequence[Case]] = field(default_factory=dict[str, "Sequence[Case]"])

    def trace(self, proposal: Proposal) -> Traced | Rejection:
        """The proposal's graph, or why there is none."""
        contract = Contract(n_agents=self.task.n_agents, state_size=self.task.state_size)
        return self.sandbox.trace(proposal, contract, probes(self.task, self.seed))

    def examine(
        self,
        traced: Traced,
        *,
        only: Sequence[str] | None = None,
        cases: Sequence[Case] = (),
        record_contradictions: bool = False,
    ) -> Evidence:
        """The verdicts on a graph; a counterexample to a proof raises, or is one of them."""
        from tfcaf_forge.evidence.examine import examine
        from tfcaf_forge.evidence.subject import Subject

        return examine(
            Subject(traced.graph, self.task),
            candidate=traced.candidate,
            profile=self.profile,
            seed=self.seed,
            replay_states=self.states,
            faithful=(True, FAITHFUL),
            only=only,
            cases=cases,
            properties=self.properties,
            earlier=self.earlier,
            observe=self.observe,
            record_contradictions=record_contradictions,
        )


def vet(
    source: str | Path,
    task: str | Path | TaskSpec,
    *,
    profile: str = "fast",
    seed: int = 0,
    backend: str = "local",
    limits: str = "default",
    states: Floats | None = None,
    only: Sequence[str] | None = None,
    cases: Sequence[Case] = (),
    properties: Sequence[Path | Property] = (),
    stored: Path | None = None,
    observe: Path | None = None,
    require: Sequence[str] = (),
    sandbox: Sandbox | None = None,
) -> Vetted:
    """Run a function in the sandbox, prove and test its graph.

    Args:
        source: Python text, or the path of a file that holds it.
        task: a bundled task's name, a path, or a TaskSpec.
        profile: trial profile: `fast`, `search` or `audit`.
        seed: of the trials.
        backend, limits: the sandbox's backend and profile.
        states: [M, S] replayed states to mix into the trials.
        only: ids of the properties to examine; all if None.
        cases: inputs to try first, on every property.
        properties: files of your own properties (see `evidence.own`; they run with your rights), or what they hold.
        stored: a folder of counterexamples: those of this task are tried first, and new ones are added.
        observe: a folder for a record of every case that is tried, as JSON lines.
        require: layers of the sandbox without which nothing runs, besides those of the profile; `all` for every one.
        sandbox: one that is already open, to use in place of a new one.

    Raises:
        TaskError, ConfigError, InputError: what was given is wrong.
        SandboxError: the sandbox did not start.
    """
    from tfcaf_forge.evidence.stored import CaseStore

    if seed < 0:
        raise InputError(f"seed {seed}; it must be 0 or more")
    spec = load_task(task)
    own = own_properties(properties)
    proposal = proposal_from_file(source) if isinstance(source, Path) else proposal_from_text(source)
    if isinstance(proposal, Rejection):
        return Vetted(proposal=None, rejection=proposal)
    store = None if stored is None else CaseStore(stored)
    earlier = {} if store is None else store.earlier(spec)
    with (
        nullcontext(sandbox)
        if sandbox is not None
        else Sandbox(backend, load_profile(limits), require=require) as opened
    ):
        examiner = Examiner(spec, opened, profile, seed, states, own, observe, earlier)
        found = _vet(proposal, examiner, only, cases)
    if store is not None and found.evidence is not None:
        store.keep(spec, found.evidence)
    return found


def own_properties(given: Sequence[Path | Property]) -> tuple[Property, ...]:
    """Properties from files, and those that are already loaded, in their order.

    Raises:
        ConfigError: a file cannot be used.
    """
    from tfcaf_forge.evidence.own import load_own

    return tuple(p for part in given for p in (load_own(part) if isinstance(part, Path) else (part,)))


def _vet(proposal: Proposal, examiner: Examiner, only: Sequence[str] | None, cases: Sequence[Case]) -> Vetted:
    isolation = examiner.sandbox.isolation
    traced = examiner.trace(proposal)
    if isinstance(traced, Rejection):
        return Vetted(proposal=proposal, rejection=traced, isolation=isolation)
    evidence = examiner.examine(traced, only=only, cases=cases)
    return Vetted(proposal=proposal, traced=traced, evidence=evidence, isolation=isolation)


def probes(task: TaskSpec, seed: int) -> Probes:
    """Inputs for the sandbox, drawn over the task's declared ranges."""
    from tfcaf_forge.evidence.domain import sample_local_q, sample_states

    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x70726F62]))
    return tuple((sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in _PROBE_ROWS)
