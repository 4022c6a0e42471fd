"""What `forge stability` shows: every coder's samples through the stages while it runs, and the comparison at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tfcaf_forge.cli.live import Clock, region
from tfcaf_forge.cli.output import Columns, Ticker, print_facts, print_json, seconds_text, stdout
from tfcaf_forge.cli.words import calls_text, in_flight_text

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.outcome import Calling, Event, Judged
    from tfcaf_forge.pipeline.stability import Comparison, Sampling, Stability
    from tfcaf_forge.records.ranking import Interval

WIDTHS = {
    "coder": 28, "samples": 7, "valid": 15, "accepted": 15, "graphs": 8, "behaviours": 10, "mean score": 22, "spread": 6, "best": 6,
    "cost each": 9,
}  # fmt: skip
_LIVE = {"coder": 28, "judged": 9, "accepted": 8, "best": 6, "now": 12}
_DOING = {
    "asking": "asked", "waiting": "to be asked again", "answered": "answered", "sandbox": "in the sandbox", "examining": "proved and tested",
    "scoring": "scored",
}  # fmt: skip


@dataclass
class _Coder:
    """How far one coder's samples are."""

    name: str
    stages: dict[int, str] = field(default_factory=dict[int, str])
    judged: int = 0
    accepted: int = 0
    best: float | None = None
    calling: Calling | None = None

    def judge(self, event: Judged) -> None:
        self.stages.pop(event.proposal.id, None)
        self.judged += 1
        self.accepted += event.evidence is not None and event.evidence.accepted
        if event.score is not None:
            score = event.score.score.value
            self.best = score if self.best is None else max(self.best, score)

    @property
    def now(self) -> str:
        """`2 asked, 1 proved and tested   7 calls, 12,345 tokens, $0.0123 of $1`."""
        parts = [", ".join(f"{count} {_DOING[stage]}" for stage, count in Counter(self.stages.values()).items())]
        parts += [calls_text(self.calling)] if self.calling is not None else []
        return "   ".join(filter(None, parts))


class Show:
    """What the comparison looks like while it runs, and at its end.

    On a terminal every coder has its row at the foot, with what its samples are at, what was spent and the time left.
    Elsewhere a plain line on stderr says now and then where things stand.

    Args:
        samples: wanted of each coder.
        as_json: nothing but one object on stdout, at the end.
    """

    def __init__(self, samples: int, *, as_json: bool) -> None:
        """Nothing is shown yet."""
        self._samples, self._json = samples, as_json
        self._out, self._ticker = stdout(), Ticker()
        self._table = Columns(self._out, _LIVE, right=("judged", "accepted", "best"))
        self._coders: list[_Coder] = []
        self._total, self._before = 1, ""
        self._clock = Clock()
        self._live = None if as_json else region(self._out, self._rows)

    def first(self) -> None:
        """Models are asked for their first samples, before anything else is done."""
        self._before = "every model is asked for its first sample"
        self._tell()

    def begin(self, sampling: Sampling) -> None:
        """A coder's turn."""
        self._coders.append(_Coder(sampling.coder))
        self._total, self._before = sampling.total, ""
        self._clock.start()
        self._tell()

    def event(self, event: Event) -> None:
        """A call, a stage or a candidate."""
        coder, kind = self._coders[-1], type(event).__name__
        found: Any = event
        if kind == "Judged":
            coder.judge(found)
            self._clock.finish()
        elif kind == "Staged":
            coder.stages |= found.stages
        elif kind == "Calling":
            coder.calling = found
        self._tell()

    def episodes(self, done: int, total: int) -> None:
        """Episodes for the scores."""
        self._before = f"replay   {done} of {total} episodes"
        self._tell()

    def close(self) -> None:
        """Wipe what is redrawn, also where it ended badly."""
        self._ticker.clear()
        if self._live is not None:
            self._live.stop()

    def end(self, found: Comparison) -> None:
        """The comparison."""
        self.close()
        if self._json:
            print_json(found)
        else:
            _print(found)

    def _tell(self) -> None:
        if self._live is None:
            self._ticker.show(self._line())
        else:
            self._live.start()

    def _line(self) -> str:
        """`coder 2 of 3, openai/NAME   4 of 20 samples judged, 3 accepted   2 calls in flight   …`."""
        if self._before or not self._coders:
            return self._before
        coder = self._coders[-1]
        parts = [f"coder {len(self._coders)} of {self._total}, {coder.name}"]
        parts.append(f"{coder.judged} of {self._samples} samples judged, {coder.accepted} accepted")
        if coder.calling is not None:
            parts += [in_flight_text(coder.calling), calls_text(coder.calling)]
        return "   ".join(parts + self._left())

    def _rows(self) -> Iterator[Text]:
        """The region: a row for every coder that has had its turn, and a line on where things stand."""
        if self._coders:
            yield Text("  ".join(f"{name:<{width}}" for name, width in _LIVE.items()).rstrip(), style="dim")
        for coder in self._coders:
            cells = {
                "coder": coder.name[: _LIVE["coder"]], "judged": f"{coder.judged} of {self._samples}", "accepted": str(coder.accepted),
                "best": "-" if coder.best is None else f"{coder.best:.3f}", "now": coder.now if coder.judged < self._samples else "done",
            }  # fmt: skip
            yield self._table.text(cells)
        standing = "   ".join(
            filter(None, [self._before or f"coder {len(self._coders)} of {self._total}", *self._left()])
        )
        yield Text(standing, style="cyan")

    def _left(self) -> list[str]:
        """`about 40 s left`, of the coder whose turn it is."""
        missing = self._samples - self._coders[-1].judged if self._coders and not self._before else 0
        left = self._clock.left(missing) if missing > 0 else None
        return [] if left is None else [f"about {seconds_text(left)} left of its samples"]


def _print(found: Comparison) -> None:
    from tfcaf_forge.pipeline.stability import failure_text

    out = stdout()
    print_facts(
        out,
        {
            "task": f"{found.task}   {found.wanted} first proposals each, without feedback",
            "score": f"explained variance of the returns; equal weights (VDN) reach {found.baseline:.3f}",
            "shares": "with 95 % Wilson intervals; graphs and behaviours: how many of the accepted samples differ",
            "mean": "of the accepted samples' scores, with Student's 95 % interval",
        },
    )
    out.print()
    table = Columns(out, WIDTHS, right=[name for name in WIDTHS if name != "coder"])
    table.header()
    for line in found.coders:
        table.row(_row(line))
    out.print()
    print_facts(out, {line.coder: f"failures: {failure_text(line.failures)}" for line in found.coders})
    for line in found.coders:
        if line.stopped:
            print_facts(out, {"stopped": f"{line.coder}: {line.stopped}; the same command resumes it"})


def _row(line: Stability) -> dict[str, str]:
    accepted = round(line.accepted.value * line.samples)
    return {
        "coder": line.coder,
        "samples": str(line.samples),
        "valid": _share(line.valid),
        "accepted": _share(line.accepted),
        "graphs": f"{line.graphs} of {accepted}",
        "behaviours": f"{line.behaviours} of {accepted}",
        "mean score": "-" if line.score is None else f"{line.score.value:.3f} {_range(line.score)}",
        "spread": "-" if line.spread is None else f"{line.spread:.3f}",
        "best": "-" if line.best is None else f"{line.best:.3f}",
        "cost each": _cost(line),
    }


def _cost(line: Stability) -> str:
    if line.calls == 0:
        return "-"
    if line.usd is None:
        return "unknown"
    return "-" if line.usd_per_accepted is None else f"${line.usd_per_accepted:.4f}"


def _share(share: Interval) -> str:
    """`67 % [30, 90]`."""
    return f"{100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def _range(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"
