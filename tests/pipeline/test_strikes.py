"""Forty candidates under `kill -9`: none is lost, none is judged twice, nothing is left running, the winner is the same."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import environment
from tests.pipeline.striking import RUN, ends, kill_host, kill_keeper, kill_warm_process, run_under_fire
from tests.pipeline.struck_run import run


def test_a_run_of_forty_survives_the_death_of_every_process_of_it(tmp_path: Path) -> None:
    strikes = {
        5: ("warm process", kill_warm_process),
        14: ("host", kill_host),
        21: ("keeper of the warm process", kill_keeper),
        30: ("host", kill_host),
        36: ("warm process", kill_warm_process),
    }
    folder = tmp_path / "struck"
    found = run_under_fire([*RUN, str(folder)], folder, strikes, environment(tmp_path))
    assert found.codes == [-9, -9, 0]
    assert [name for _, name in found.struck] == [name for name, _ in strikes.values()]
    assert not found.left
    assert ends(folder) == ends(Path(run(tmp_path / "quiet").folder))
