"""Judge: one candidate through sandbox, comparison with earlier ones, examination and score, cheapest first.

What is the same as an earlier candidate is dropped before it is examined: a model's by its normalised source, before
the sandbox; everybody's by the digest of its graph; and a model's by what it does on the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfcaf_forge.pipeline.behaviour import Fingerprints, Floats, twin_of
from tfcaf_forge.pipeline.candidates import Candidates
from tfcaf_forge.pipeline.outcome import Judged, Notify, Stage, Staged
from tfcaf_forge.pipeline.spread import Work
from tfcaf_forge.proposals.normal import normal_source
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Isolation, Traced


class Judge:
    """Finds out what becomes of candidates, and keeps it.

    Args:
        candidates: what is known already.
        work: sandbox, proofs and trials, and scores on the replay dataset.
        fingerprints: inputs to tell behaviours by; None where sources and behaviours are not compared.
        layers: what holds candidates in now.
        notify: told of every stage.
    """

    def __init__(
        self,
        candidates: Candidates,
        work: Work,
        fingerprints: Fingerprints | None,
        layers: Callable[[], Isolation],
        notify: Notify,
    ) -> None:
        """Nothing is judged yet."""
        self._known, self._work, self._layers = candidates, work, layers
        self._fingerprints, self._notify = fingerprints, notify
        self._prints: dict[int, Floats] = {}

    def of(self, proposal: Proposal) -> Judged:
        """Everything for one candidate that is not on the disk yet; every earlier one is to be judged before.

        One that has its graph was found to copy nobody's source when it was traced. It is not compared again: what was
        found then stands, whoever has been proposed since.
        """
        number, known = proposal.id, self._known
        if number in known.rejections:
            return Judged(proposal, rejection=known.rejections[number])
        if number in known.duplicates:
            return Judged(proposal, duplicate=known.duplicates[number])
        twin = None if number in known.traced else self._copied(proposal)
        if twin is not None:
            return self._repeats(proposal, twin, "source")
        traced = known.traced.get(number) or self._trace(proposal)
        if isinstance(traced, Rejection):
            return Judged(proposal, rejection=traced)
        if number not in known.evidence:
            twin, same = self._twin(traced)
            if twin is not None:
                return self._repeats(proposal, twin, same)
            self._tell(proposal, "examining")
            known.examine(self._work.examine(traced))
        return self._scored(proposal, traced)

    def untouched(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Those that the sandbox has still to see: nothing is known of them, and none copies an earlier source."""
        known = self._known
        fresh = [p for p in proposals if p.id not in known.traced and not known.done(p.id)]
        return [p for p in fresh if self._copied(p) is None]

    def _scored(self, proposal: Proposal, traced: Traced) -> Judged:
        known, number = self._known, proposal.id
        evidence = known.evidence[number]
        if evidence.accepted and number not in known.scores:
            self._tell(proposal, "scoring")
            known.score(self._work.score(number, traced.graph))
        return Judged(proposal, evidence=evidence, score=known.scores.get(number))

    def _trace(self, proposal: Proposal) -> Traced | Rejection:
        self._tell(proposal, "sandbox")
        self._known.held(self._layers())
        outcome = self._work.trace(proposal)
        self._known.held(self._layers())  # the sandbox may have been started anew, elsewhere than before
        if isinstance(outcome, Rejection):
            self._known.reject(proposal.id, outcome)
        else:
            self._known.trace(outcome)
        return outcome

    def _repeats(self, proposal: Proposal, twin: int, same: str) -> Judged:
        self._known.repeat(proposal.id, twin)
        return Judged(proposal, duplicate=twin, same=same)

    def _copied(self, proposal: Proposal) -> int | None:
        """An earlier candidate with the same source, but for comments and spaces."""
        if self._fingerprints is None:
            return None
        mine, known = normal_source(proposal.source), self._known
        earlier = (p for i, p in sorted(known.proposals.items()) if i < proposal.id and i not in known.duplicates)
        return next((p.id for p in earlier if normal_source(p.source) == mine), None)

    def _twin(self, traced: Traced) -> tuple[int | None, str]:
        """An earlier candidate with the same graph, or one that does the same; and which of the two it is."""
        earlier = ((i, t) for i, t in sorted(self._known.traced.items()) if i < traced.candidate)
        same = next((i for i, other in earlier if other.graph_digest == traced.graph_digest), None)
        if same is not None or self._fingerprints is None:
            return same, "graph"
        return self._look_alike(traced, self._fingerprints), "behaviour"

    def _look_alike(self, traced: Traced, fingerprints: Fingerprints) -> int | None:
        """An earlier accepted candidate that does the same.

        One that was refuted may differ from its repair in a corner that no sample shows, so it is nobody's twin.
        """
        for number, evidence in self._known.evidence.items():
            if evidence.accepted and number not in self._prints:
                self._prints[number] = fingerprints.of(self._known.traced[number].graph)
        earlier = {i: p for i, p in sorted(self._prints.items()) if i < traced.candidate}
        return twin_of(fingerprints.of(traced.graph), earlier)

    def _tell(self, proposal: Proposal, stage: Stage) -> None:
        self._notify(Staged({proposal.id: stage}))
