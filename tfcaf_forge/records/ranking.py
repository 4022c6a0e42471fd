"""Score and Ranking: the order of the accepted candidates on a replay dataset, with its uncertainty."""

from __future__ import annotations

from tfcaf_forge.records.base import Plain, Record


class Interval(Plain, frozen=True, kw_only=True):
    """A point estimate with a two-sided 95 % interval."""

    value: float
    low: float
    high: float


class Score(Plain, frozen=True, kw_only=True):
    """One candidate's score.

    Attributes:
        candidate: id of the proposal; 0 for the equal-weights baseline (VDN).
        graph: digest of the graph.
        score: higher is better; `Ranking.method` says what it is.
        gain: score minus the baseline's, paired over episodes.
        starved: share of replayed transitions in which some agent gets (nearly) no credit.
        components: further figures by name.
    """

    candidate: int
    graph: str
    score: Interval
    gain: Interval
    starved: float
    components: dict[str, float] = {}


class Ranking(Record, frozen=True, kw_only=True):
    """Candidates in order, the best first.

    Attributes:
        method: the score's name and definition in a sentence.
        dataset: digest of the replay dataset.
        baseline: the equal-weights score.
        scores: the best first.
        winner: id of the best candidate, or None if none was accepted.
        better_than_baseline: whether the winner's gain has its whole interval above zero.
        tied: candidates that the data cannot tell from the winner: 0 lies in the 95 % interval of their paired difference.
        best_share: by candidate, the share of bootstrap samples in which it is the best.
        agreement: mean Kendall tau-b between the order on a bootstrap sample and this one; None if it was not computed.
    """

    method: str
    task: str
    dataset: str
    episodes: int
    transitions: int
    seed: int
    baseline: Score
    scores: tuple[Score, ...]
    winner: int | None
    better_than_baseline: bool
    tied: tuple[int, ...] = ()
    best_share: dict[int, float] = {}
    agreement: float | None = None
