"""A proof that a counterexample contradicts: vetting one function stops loudly, a run of many goes on without it."""

from __future__ import annotations

from typing import cast

import pytest

from tfcaf_forge.evidence import examine as examination
from tfcaf_forge.evidence.examine import ProofContradicted
from tfcaf_forge.evidence.proven import Said
from tfcaf_forge.pipeline.spread import Here
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox.sandbox import Sandbox

FALLING = "def tfcaf(local_q, state):\n    return -local_q.sum(dim=1, keepdim=True)\n"


def test_a_fault_of_the_prover_is_a_verdict_in_a_run_and_an_exception_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examination, "proofs_of", lambda subject: {"monotone": Said("PROVED", "so it seemed")})
    with Sandbox() as sandbox:
        here = Here(Examiner(load_task("lbf-8x8-2p-2f-coop"), sandbox), cast(Ranker, None))
        traced = here.trace(Proposal(id=1, coder="file", source=FALLING))
        assert isinstance(traced, Traced)
        with pytest.raises(ProofContradicted, match="monotone was proved"):
            here.examiner.examine(traced)
        evidence = here.examine(traced)
    verdict = evidence.of("monotone")
    assert verdict is not None
    assert verdict.status == "ERRORED"
    assert "this is a bug of the prover: please report it" in verdict.detail
    assert not evidence.accepted
