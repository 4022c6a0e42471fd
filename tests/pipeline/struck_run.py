"""A run of forty candidates that takes seconds, for tests that strike it: `python struck_run.py FOLDER [BACKEND]`.

Every fifth function is honest and new, every fifth computes what the one before it did, the others are refused, each
at another stage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tfcaf_forge import Synthesis, synthesize
from tfcaf_forge.proposals.base import Attempt
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.task_spec import TaskSpec

ROUNDS, EACH = 5, 8
SOURCES = (
    "def tfcaf(local_q, state):\n    return (local_q * {n}.5).sum(dim=1, keepdim=True)\n",
    "def tfcaf(local_q, state):\n    scaled = local_q * {m}.5\n    return scaled.sum(dim=1, keepdim=True)\n",
    "import os\ndef tfcaf(local_q, state):\n    return local_q.sum(dim=1, keepdim=True) * {n}\n",
    "def tfcaf(local_q, state):\n    if local_q.sum() > {n}:\n        return local_q[:, :1]\n    return local_q[:, 1:]\n",
    "def tfcaf(local_q, state):\n    local_q += {n}\n    return local_q.sum(dim=1, keepdim=True)\n",
)


class Mixed:
    """Writes the sources in turn."""

    name = "mixed"

    def propose(self, task: TaskSpec, *, id: int, round: int, index: int, history: Sequence[Attempt]) -> Proposal:
        source = SOURCES[(id - 1) % len(SOURCES)].format(n=id, m=id - 1)
        return Proposal(id=id, round=round, index=index, coder=self.name, source=source)


def run(folder: Path, backend: str = "local") -> Synthesis:
    return synthesize(
        "matrix-climbing", coder=Mixed(), out=folder, rounds=ROUNDS, candidates=EACH, episodes=40, backend=backend
    )


if __name__ == "__main__":
    run(Path(sys.argv[1]), *sys.argv[2:])
