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
        predicted: how training is predicted to go, 0 for equal weights, in standard deviations of training with the functions of
            one task; None in records of before there was a prediction.
    """

    candidate: int
    graph: str
    score: Interval
    gain: Interval
    starved: float
    components: dict[str, float] = {}
    predicted: Interval | None = None

    @property
    def decides(self) -> Interval:
        """What candidates are put in order by: the prediction, or where there is none the score."""
        return self.score if self.predicted is None else self.predicted

    @property
    def ahead(self) -> Interval:
        """How far it is ahead of equal weights in what decides."""
        return self.gain if self.predicted is None else self.predicted


class Ranking(Record, frozen=True, kw_only=True):
    """Candidates in order, the best first.

    Attributes:
        method: what decides the order and what the score is, in a sentence each.
        dataset: digest of the replay dataset.
        baseline: the equal-weights score.
        scores: the best first.
        winner: id of the best candidate, or None if none was accepted.
        better_than_baseline: whether the winner is ahead of equal weights by more than the margin with its whole interval.
        tied: candidates that the data cannot tell from the winner: 0 lies in the 95 % interval of their paired difference.
        best_share: by candidate (as text, as JSON has it), the share of bootstrap samples in which it is the best.
        agreement: mean Kendall tau-b between the order on a bootstrap sample and this one; None if it was not computed.
        margin: how far ahead it has to be; below, the rule of the prediction has been wrong too often.
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
    best_share: dict[str, float] = {}
    agreement: float | None = None
    margin: float = 0.0


class Order(Plain, frozen=True, kw_only=True):
    """Candidates in the order in which training with them is predicted to go, by successive halving.

    Attributes:
        by: what decides, in a sentence.
        ids: the best first.
        tied: candidates that the data cannot tell from the first by the prediction.
        best_share: by candidate, the share of bootstrap samples in which its prediction is the highest.
        agreement: mean Kendall tau-b between the predicted order on a bootstrap sample and on all data.
        better_than_baseline: whether the first's prediction has its whole 95 % interval above that of equal weights and the rule's margin; where
            there was a training, whether it also ended above VDN's.
        fitted: by candidate of the second rung, explained share of the held-out advantage, and equal weights' under 0.
        trained: by finalist, mean greedy return over its short training, and VDN's under 0.
        trained_error: its standard error over the evaluations' episodes; a finalist overtakes another by more than two of their difference.
        steps: environment steps of each such training.
        seconds: what the plan expects for one core.
    """

    by: str
    ids: tuple[int, ...]
    tied: tuple[int, ...]
    best_share: dict[int, float]
    agreement: float | None
    better_than_baseline: bool
    fitted: dict[int, float] = {}
    trained: dict[int, float] = {}
    trained_error: dict[int, float] = {}
    steps: int = 0
    seconds: float = 0.0
