"""The line over several training runs."""

from pathlib import Path
from types import SimpleNamespace

from tfcaf_forge.cli import output, training
from tfcaf_forge.training.result import TrainProgress


def report(steps: int, total: int) -> TrainProgress:
    return TrainProgress(
        steps=steps, total=total, episodes=0, updates=0, train_return=0.0, evaluation=None, epsilon=0.0, loss=None,
        steps_per_second=1e6, seconds_left=0.0,
    )  # fmt: skip


def test_speed_and_time_left_are_those_of_all_runs_together(monkeypatch, capsys):
    clock = SimpleNamespace(now=1000.0)
    for module in (output.time, training.time):
        monkeypatch.setattr(module, "monotonic", lambda: clock.now)
    runs = training.Runs(3)
    jobs = [SimpleNamespace(out=Path(str(k)), name=f"vdn, seed {k}") for k in range(3)]
    # The first was resumed at 500 and made 90 steps a second; its last report came before its end.
    runs.progress(jobs[0], report(500, 1000))
    clock.now += 5
    runs.progress(jobs[0], report(950, 1000))
    runs.progress(jobs[1], report(0, 1000))
    clock.now += 5
    runs.progress(jobs[1], report(450, 1000))
    last = capsys.readouterr().err.splitlines()[-1]
    assert "1,400 of 3,000 steps in 3 runs" in last
    assert "vdn, seed 1" in last
    assert "90 steps/s   18 s left" in last
