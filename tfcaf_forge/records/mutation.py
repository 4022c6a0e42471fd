"""MutationScore: how many deliberate faults in a good graph the suite notices, and which it does not."""

from __future__ import annotations

from typing import Literal

from tfcaf_forge.records.base import Plain, Record

Fate = Literal["refuted", "noticed", "survived"]


class Mutant(Plain, frozen=True, kw_only=True):
    """One deliberate fault that changes what the graph does.

    Attributes:
        kind: `sign`, `index`, `comparison`, `clamp`, `axis`, `constant`, `operands`, `where`, `operation`, `dropped`.
        change: what was changed, such as `sub.Tensor → add.Tensor`.
        node, line: where; the line is the guest's claim.
        fate: refuted by a required property; noticed by another check; or survived.
        by: the property or check.
        why: of a survivor, what it changes and by how much; of a noticed one, what was seen.
    """

    kind: str
    change: str
    node: int
    line: int | None = None
    fate: Fate
    by: str = ""
    why: str = ""


class MutationScore(Record, frozen=True, kw_only=True):
    """The mutants of one graph.

    Attributes:
        graph: digest of the good graph.
        seed: decides which mutants are made, and the samples.
        judged: mutants that change something, in the order in which they were made.
        equivalent: mutants that compute the same on every sampled and replayed input; left out.
        invalid: mutants that are no valid graph, or the same graph in canonical form; left out.
        checks: the checks that could notice a mutant, in the order in which they were asked.
    """

    graph: str
    seed: int
    judged: tuple[Mutant, ...]
    equivalent: int
    invalid: int
    checks: tuple[str, ...]
    seconds: float = 0.0

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Those that nothing noticed."""
        return tuple(m for m in self.judged if m.fate == "survived")

    @property
    def killed(self) -> int:
        """How many were refuted or noticed."""
        return len(self.judged) - len(self.survivors)

    @property
    def share(self) -> float:
        """The mutation score: the share that was refuted or noticed; 1 if there was nothing to judge."""
        return self.killed / len(self.judged) if self.judged else 1.0

    @property
    def refuted_share(self) -> float:
        """The share that a required property refutes."""
        return self._share("refuted")

    @property
    def noticed_share(self) -> float:
        """The share that only another check notices."""
        return self._share("noticed")

    @property
    def by_way(self) -> dict[str, int]:
        """How many were killed by each property or check, the most first."""
        ways = [m.by for m in self.judged if m.by]
        return dict(sorted(((way, ways.count(way)) for way in set(ways)), key=lambda pair: (-pair[1], pair[0])))

    def _share(self, fate: Fate) -> float:
        return sum(m.fate == fate for m in self.judged) / len(self.judged) if self.judged else 0.0
