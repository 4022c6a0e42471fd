"""Shared by all tests: one torch thread, who runs beside whom, and in CI no test may be skipped."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Two processes that contend for two cores ran nine times slower with torch's default threads."""
    import torch

    torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (`-n 2 --dist loadgroup`) a file stays with one of them, for its fixtures' sake.

    So do all tests of Docker, which restart the engine and count its containers, all reports, which share one run and one
    browser, and all attacks, which look for what an attack left on the machine.
    """
    for item in items:
        room = next((name for name in _ONE_WORKER if name in item.path.parts), None)
        together = "docker" if item.get_closest_marker("docker") else room or str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))


_ONE_WORKER = ("container", "reports", "attacks")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A skip in CI is a failure: there everything that a test needs is installed."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
