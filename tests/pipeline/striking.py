"""Strikes: a run of `forge synthesize` that is hit with `kill -9` at given candidates, and what is left of it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.pipeline.struck_run import EACH, ROUNDS
from tfcaf_forge.pipeline.recheck import Shelf, records
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.store import DATABASE, Store

CANDIDATES = ROUNDS * EACH
RUN = [sys.executable, "-m", "tests.pipeline.struck_run"]
"""The command, before its folder."""
FATES = ("rejection", "duplicate", "evidence")
"""What a candidate ends with, one of them."""
REPOSITORY = Path(__file__).resolve().parents[2]
_WAIT_SECONDS = 240.0


@dataclass
class Host:
    """A forge that runs.

    Attributes:
        process: it.
        folder: its run's folder.
    """

    process: subprocess.Popen[bytes]
    folder: Path

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()


Strike = Callable[[Host], None]


@dataclass
class Survived:
    """What became of a run.

    Attributes:
        codes: exit code of each host that was started; -9 where it was killed.
        struck: how many candidates were judged at each strike, and by what.
        left: processes of a killed host that lived on.
    """

    codes: list[int] = field(default_factory=list[int])
    struck: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    left: set[int] = field(default_factory=set[int])


def run_under_fire(
    command: list[str], folder: Path, strikes: Mapping[int, tuple[str, Strike]], environment: dict[str, str]
) -> Survived:
    """Run a command, strike when so many candidates are judged, and repeat the command until it ends.

    Args:
        command: begins or resumes the run.
        folder: of the run.
        strikes: by number of judged candidates, a name and what to do; a strike may end the host.
        environment: of the command.
    """
    found, todo = Survived(), dict(sorted(strikes.items()))
    while True:
        with (folder.parent / "log").open("ab") as log:
            host = Host(subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=REPOSITORY), folder)
        try:
            _strike_while_it_runs(host, todo, found)
            found.codes.append(host.process.wait(_WAIT_SECONDS))
        finally:
            if host.process.poll() is None:
                host.kill()
        if found.codes[-1] == 0 and not todo:
            return found
        if len(found.codes) > len(strikes) + 1:
            raise AssertionError(f"it does not come to its end: {found}\n{(folder.parent / 'log').read_text()[-3000:]}")


def _strike_while_it_runs(host: Host, todo: dict[int, tuple[str, Strike]], found: Survived) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while todo and host.process.poll() is None and time.monotonic() < until:
        at, (name, strike) = next(iter(todo.items()))
        judged = len(fates(host.folder))
        if judged < at:
            time.sleep(0.005)
            continue
        del todo[at]
        before = family(host.process.pid)
        strike(host)
        found.struck.append((judged, name))
        if host.process.poll() is not None:
            found.left |= lasting(before)


def ends(folder: Path) -> tuple[dict[int, str], dict[int, str], int | None]:
    """What a run came to: the digest of each candidate's proposal, its fate, and the winner.

    Raises:
        BundleError: a candidate has no fate, or two.
    """
    with Store(folder, write=False) as store:
        records(Shelf(store, {}))
        entries, ranking = store.entries(), store.read("ranking", Ranking)
    seen = Counter((entry.kind, entry.candidate) for entry in entries)
    assert set(seen.values()) == {1}
    proposals = {entry.candidate: entry.digest for entry in entries if entry.kind == "proposal"}
    assert sorted(proposals) == list(range(1, CANDIDATES + 1))
    assert ranking is not None
    return proposals, {e.candidate: e.kind for e in entries if e.kind in FATES}, ranking.winner


def kill_host(host: Host) -> None:
    """The host itself."""
    host.kill()


def kill_warm_process(host: Host) -> None:
    """The warm process of the local sandbox: the child of the host's child."""
    for keeper in children(host.process.pid):
        for warm in children(keeper):
            with contextlib.suppress(ProcessLookupError):
                os.kill(warm, signal.SIGKILL)


def kill_keeper(host: Host) -> None:
    """What waits for the warm process, and holds its namespaces together."""
    for keeper in children(host.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)


def fates(folder: Path) -> Counter[int]:
    """How many fates each candidate has in the journal."""
    database = folder / DATABASE
    if not database.is_file():
        return Counter()
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        marks = ", ".join("?" * len(FATES))
        try:
            rows = db.execute(f"SELECT candidate FROM journal WHERE kind IN ({marks})", FATES).fetchall()
        except sqlite3.OperationalError:  # it is just being made
            return Counter()
    return Counter(candidate for (candidate,) in rows)


def children(pid: int) -> list[int]:
    """The processes that a process started itself, while they live."""
    found: list[int] = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                state, parent = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[:2]
                found += [int(entry)] if state != "Z" and int(parent) == pid else []
    return found


def family(pid: int) -> set[int]:
    """A process and all that it and its children started."""
    return {pid}.union(*(family(child) for child in children(pid)))


def lasting(pids: set[int], seconds: float = 5.0) -> set[int]:
    """Those that still live after a while."""
    until = time.monotonic() + seconds
    while (left := {pid for pid in pids if _lives(pid)}) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _lives(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
