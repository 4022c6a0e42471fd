"""Export: a vetted candidate of a run as a kernel's file."""

from __future__ import annotations

from pathlib import Path

from tfcaf_forge.errors import InputError
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.pipeline.environment import environment, forge_version
from tfcaf_forge.records.base import Plain, digest_bytes
from tfcaf_forge.records.manifest import Manifest, VerdictSummary
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.store import Store


class Exported(Plain, frozen=True, kw_only=True):
    """A kernel's file that was written.

    Attributes:
        path: where.
        sha256: of the file.
        candidate: whose graph it holds.
        graph_digest: of the graph.
    """

    path: str
    sha256: str
    candidate: int
    graph_digest: str


def export(run: Path, out: Path | None = None, *, candidate: int | None = None) -> Exported:
    """Write a candidate of a run as a kernel.

    Args:
        run: the run's folder.
        out: the kernel's file; `kernel-ID.safetensors` in the current folder if None.
        candidate: id; the winner if None.

    Raises:
        StoreError: there is no run.
        InputError: the run has no such candidate, it was not accepted, or the file cannot be written there.
    """
    with Store(run, write=False) as store:
        number = candidate if candidate is not None else winner_of(store)
        path = out or Path(f"kernel-{number}.safetensors")
        sha256 = write_kernel(store, number, path)
        traced = store.read("traced", Traced, number)
        assert traced is not None  # noqa: S101 - `write_kernel` has read it
        return Exported(path=str(path), sha256=sha256, candidate=number, graph_digest=traced.graph_digest)


def write_kernel(store: Store, candidate: int, path: Path) -> str:
    """Write an accepted candidate's kernel; returns the file's SHA-256. Errors as in `export`."""
    from tfcaf_forge.kernels.artifact import save_kernel

    traced = store.read("traced", Traced, candidate)
    return save_kernel(path, _accepted(store, candidate, traced).graph, manifest_of(store, candidate))


def manifest_of(store: Store, candidate: int) -> Manifest:
    """The manifest of an accepted candidate's kernel; errors as in `export`."""
    task = store.read("task", TaskSpec)
    proposal = store.read("proposal", Proposal, candidate)
    traced = _accepted(store, candidate, store.read("traced", Traced, candidate))
    evidence = store.read("evidence", Evidence, candidate)
    if task is None or proposal is None or evidence is None:
        raise InputError(f"{store.folder}: the records of candidate {candidate} are incomplete; resume the run first")
    return Manifest(
        task=task.name,
        task_digest=task.digest,
        n_agents=task.n_agents,
        state_size=task.state_size,
        layout=task.names,
        q_scale=task.credit.q_scale,
        monotonicity=task.credit.monotonicity,
        affine=is_affine(traced.graph),
        graph_digest=traced.graph_digest,
        source_digest=digest_bytes(proposal.source.encode()),
        coder=proposal.coder,
        evidence_digest=evidence.digest,
        verdicts=tuple(
            VerdictSummary(
                property_id=v.property_id, status=v.status, required=v.required, trials=v.trials, detail=v.detail
            )
            for v in evidence.verdicts
        ),
        isolation=traced.isolation.active,
        forge_version=forge_version(),
        torch_version=environment()["torch"],
    )


def winner_of(store: Store) -> int:
    """Id of a run's winner; errors as in `export`."""
    ranking = store.read("ranking", Ranking)
    if ranking is None or ranking.winner is None:
        raise InputError(
            f"{store.folder} has no winner; name an accepted candidate with --candidate, or resume the run"
        )
    return ranking.winner


def accepted_graph(store: Store, candidate: int) -> OpGraph:
    """The graph of an accepted candidate; errors as in `export`."""
    return _accepted(store, candidate, store.read("traced", Traced, candidate)).graph


def _accepted(store: Store, candidate: int, traced: Traced | None) -> Traced:
    evidence = store.read("evidence", Evidence, candidate)
    if traced is None or evidence is None:
        raise InputError(
            f"{store.folder} has no vetted candidate {candidate}; `forge report {store.folder}` lists them"
        )
    if not evidence.accepted:
        broken = ", ".join(v.property_id for v in evidence.verdicts if v.required and not v.holds)
        raise InputError(f"candidate {candidate} was not accepted ({broken}); only accepted candidates are exported")
    return traced
