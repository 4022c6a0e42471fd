"""`--executor` and `--jobs`: where the work of a command is done."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tfcaf_forge.errors import InputError

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.executor import Executor

ExecutorOption = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where work is done side by side: local (--jobs processes of this machine), or ray (the cluster of RAY_ADDRESS, or this machine's).",
    ),
]


@contextmanager
def opened(name: str, jobs: int) -> Generator[Executor | None]:
    """The executor; None where everything is done in this process.

    Raises:
        InputError: there is no executor of that name.
        MissingExtra, ForgeError: Ray is not installed, or there is no cluster.
    """
    if name not in ("local", "ray"):
        raise InputError(f"there is no executor {name!r}; choose local or ray")
    if name == "local" and jobs == 1:
        yield None
        return
    executor = _made(name, jobs)
    try:
        yield executor
    finally:
        executor.close()


def _made(name: str, jobs: int) -> Executor:
    if name == "ray":
        from tfcaf_forge.integrations.ray_cluster import RayCluster

        return RayCluster()
    from tfcaf_forge.pipeline.executor import LocalPool

    return LocalPool(jobs)
