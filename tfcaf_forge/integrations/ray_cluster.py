"""Ray: an executor over a cluster that is up already (`pipeline.executor.Executor`).

    from tfcaf_forge.integrations.ray_cluster import RayCluster

    forge.synthesize("lbf-8x8-2p-2f-coop", executor=RayCluster())

Every node needs this package and what the task's environment needs. Candidates run in the sandbox of whichever node has them, and
records are written by the host alone.

Ray: https://github.com/ray-project/ray
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeVar

from tfcaf_forge.errors import ForgeError, MissingExtra

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

RETRIES = 2
"""How often Ray begins a task again whose node or process was lost."""


class RayCluster:
    """Tasks on a Ray cluster, one core each.

    Args:
        address: as in `ray.init`; `auto` finds the cluster that `RAY_ADDRESS` names or that this machine belongs to. A process
            that is connected already stays so.

    Raises:
        MissingExtra: Ray is not installed.
        ForgeError: there is no cluster.
    """

    def __init__(self, address: str = "auto") -> None:
        """Connect."""
        try:
            self._ray: Any = import_module("ray")
        except ModuleNotFoundError as fault:
            if fault.name != "ray":
                raise
            raise MissingExtra("ray", "ray") from None
        self._ours = not self._ray.is_initialized()
        if self._ours:
            try:
                self._ray.init(address=address, log_to_driver=False)
            except ConnectionError as fault:
                raise ForgeError(
                    f"no Ray cluster ({fault}); start one with `ray start --head`, or set RAY_ADDRESS"
                ) from None
        self._shared: object = None
        self._kept: Any = None

    def map(self, task: Callable[[S, T], R], shared: S, items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """As in `Executor.map`; Ray begins a task again, on another node, where its own was lost.

        Raises:
            ForgeError: a task was lost more than `RETRIES` times.
            Exception: what a task raised.
        """
        if self._kept is None or self._shared is not shared:
            self._shared, self._kept = shared, self._ray.put(shared)
        remote = self._ray.remote(num_cpus=1, max_retries=RETRIES)(task)
        waiting = {remote.remote(self._kept, item): place for place, item in enumerate(items)}
        while waiting:
            (ready,), _ = self._ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(ready), self._result(ready)

    def close(self) -> None:
        """Let go of the cluster, where it was not connected before."""
        if self._ours:
            self._ray.shutdown()

    def _result(self, ready: Any) -> Any:  # noqa: ANN401 - an ObjectRef, and what the task returned
        faults = self._ray.exceptions
        try:
            return self._ray.get(ready)
        except faults.RayTaskError as fault:
            raise fault.cause from None
        except faults.RaySystemError as fault:
            raise ForgeError(f"Ray: {fault}; repeat the same command to go on") from None
        except (
            faults.WorkerCrashedError,
            faults.NodeDiedError,
            faults.ObjectLostError,
            faults.OutOfMemoryError,
        ) as fault:
            raise ForgeError(
                f"the cluster lost a task {RETRIES + 1} times ({type(fault).__name__}); repeat the same command to go on"
            ) from None
