"""Several workers: the results of one, in order, with back-pressure, and faults that stay with their candidate."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sandbox_hosts import HOSTILE, family, gone, honest, quick, work

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.sandbox import sandbox
from tfcaf_forge.sandbox.local import LocalWorker
from tfcaf_forge.sandbox.pool import Pool
from tfcaf_forge.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as opened:
        yield opened


def test_results_are_those_of_one_sandbox_in_the_order_of_the_candidates(pool: Pool) -> None:
    sources = [honest(slope) for slope in (1.0, 2.0, 3.0, 0.5, 0.25)] + ["import os\n", honest(4.0)]
    with Sandbox() as box:
        alone = [box.trace(*work(source)) for source in sources]
    together = list(pool.trace_many(work(source) for source in sources))
    assert [_what(one) for one in together] == [_what(one) for one in alone]
    assert isinstance(together[5], Rejection)


def test_no_more_candidates_are_taken_than_can_soon_run(pool: Pool) -> None:
    taken = 0

    def endless() -> Iterator[Any]:
        nonlocal taken
        while True:
            taken += 1
            yield work(honest(float(taken)))

    results = pool.trace_many(endless())
    for _ in range(3):
        assert isinstance(next(results), Traced)
    results.close()  # pyright: ignore
    assert taken <= 3 + 2 * pool.workers
    assert len(list(pool.trace_many([work(honest())]))) == 1


def test_a_hang_costs_one_limit_and_closing_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sandbox.BACKENDS, "local", lambda profile: LocalWorker(profile, main=HOSTILE))
    before = family(os.getpid())
    with Pool(2, profile=quick(wall_seconds=2.0)) as opened:
        list(opened.trace_many([work("answer = 1")] * 4))  # both workers have started
        begin = time.monotonic()
        found = list(opened.trace_many([work("while True: pass"), *[work("answer = 1")] * 6]))
        assert time.monotonic() - begin < 2.0 + 3.0
        started = family(os.getpid()) - before
    assert [one.code for one in found if isinstance(one, Rejection)] == ["time-limit", *["malformed"] * 6]
    assert len(started) >= 4
    assert gone(started)


def test_a_worker_that_dies_is_replaced_and_no_candidate_is_lost(pool: Pool) -> None:
    results = pool.trace_many(work(honest(float(slope))) for slope in range(1, 9))
    found = [next(results)]
    for box in list(pool._idle.queue):
        if box is not None and isinstance(box._worker, LocalWorker):
            os.kill(box._worker._process.pid, signal.SIGKILL)
    found += list(results)
    assert len({one.graph_digest for one in found if isinstance(one, Traced)}) == 8


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(SandboxError, match="give at least 1"):
        Pool(0)


def test_a_missing_required_layer_is_refused_before_any_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    worker = SimpleNamespace(
        isolation=Isolation(backend="local", active=("seccomp",)), close=lambda: closed.append(True)
    )
    monkeypatch.setitem(sandbox.BACKENDS, "local", lambda profile: worker)
    with pytest.raises(SandboxError, match="no layer 'moat'"):
        Pool(1, require=["moat"])
    assert closed == [True]


def _what(outcome: Traced | Rejection) -> str:
    return outcome.graph_digest if isinstance(outcome, Traced) else str(outcome)
