"""What `forge train` and `forge compare` share: options, settings, stopping, progress."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli.output import Ticker, announce, seconds_text

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.seeds import Job
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.result import TrainProgress

JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes at once, one thread each.")]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="Hyperparameters of other people's code: epymarl-qmix, …; --help lists them."),
]


def settings(preset: str | None, config: Path | None) -> TrainConfig:
    """The configuration: defaults, then the preset's changes, then the file's.

    Raises:
        ConfigError: there is no such preset, or the file is faulty.
    """
    from tfcaf_forge.training.config import TrainConfig, load_config
    from tfcaf_forge.training.presets import find_preset

    base = TrainConfig() if preset is None else find_preset(preset).config
    return base if config is None else load_config(config, base=base)


class Stop:
    """The first interrupt or termination asks the run to save and stop; the second ends it."""

    def __init__(self) -> None:
        """Take over the signals."""
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def asked(self) -> bool:
        """Whether somebody wants it to stop."""
        return self._asked

    def _ask(self, number: int, frame: Any) -> None:  # noqa: ANN401 - the signal module's own type
        del number, frame
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        announce(
            "saving at the end of this rollout; Ctrl-C again stops at once, and loses what came after the last checkpoint"
        )


class Runs:
    """Progress of many runs on one line.

    Args:
        total: how many runs there are.
    """

    def __init__(self, total: int) -> None:
        """Begin with none."""
        self._total = total
        self._ticker = Ticker()
        self._latest: dict[Path, int] = {}
        self._first: dict[Path, int] = {}  # where each run stood at its first report: it may have been resumed
        self._begun = time.monotonic()

    def progress(self, job: Job, now: TrainProgress) -> None:
        """Show where all runs stand."""
        self._latest[job.out] = now.steps
        self._first.setdefault(job.out, now.steps)
        done = sum(self._latest.values())
        asked = now.total * self._total
        # Of all runs together since the beginning: a run's last report may come before its end.
        speed = (done - sum(self._first.values())) / max(time.monotonic() - self._begun, 1e-9)
        best = "-" if now.evaluation is None else f"{now.evaluation.mean:.3f}"
        left = seconds_text(max(asked - done, 0) / speed) if speed else "-"
        self._ticker.show(
            f"{done:>11,} of {asked:,} steps in {self._total} runs   {job.name}: return {best}   {speed:,.0f} steps/s   {left} left"
        )

    def end(self) -> None:
        """Wipe the line."""
        self._ticker.clear()
