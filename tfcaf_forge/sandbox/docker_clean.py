"""Clean-up: at exit, by `forge sandbox prune`, and before a run's first container."""

from __future__ import annotations

import atexit
import contextlib
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from tfcaf_forge.records.base import Plain
from tfcaf_forge.sandbox.docker_engine import connect, faults
from tfcaf_forge.sandbox.docker_owner import RUN, Owner

if TYPE_CHECKING:
    from docker import DockerClient

GUEST = "tfcaf-forge.guest"
"""Label of our images: digest of the guest inside."""


class Closes(Protocol):
    """What is to be closed at exit."""

    def close(self) -> None:
        """End it."""
        ...


class Pruned(Plain, frozen=True, kw_only=True):
    """What was removed, and what was left alone.

    Attributes:
        containers: names of the removed containers.
        images: ids of the removed images.
        kept: names of the containers whose run goes on.
        unknown: names of the containers that another machine, or another container, started.
    """

    containers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


_open: weakref.WeakSet[Any] = weakref.WeakSet()
_left: set[str] = set()
"""Containers of this process that could not be removed: the engine was gone."""


def close_at_exit(worker: Closes) -> None:
    """Close `worker` when Python ends, where nobody did before.

    After a kill there is no exit: then the container sees the end of its input and stops by itself, and what is left
    of it is removed by the next run or by `forge sandbox prune`.
    """
    if not _open:
        atexit.register(_close_all)
    _open.add(worker)


def _close_all() -> None:
    for worker in list(_open):
        with contextlib.suppress(Exception):
            worker.close()


def prune(*, images: bool = False, everything: bool = False, client: DockerClient | None = None) -> Pruned:
    """Remove the containers of dead runs.

    Args:
        images: remove the sandbox's images too, where no container uses them.
        everything: also containers of which this machine cannot tell whether their run goes on.
        client: the engine; the default one where None.

    Raises:
        SandboxError: the engine does not answer or refuses.
        MissingExtra: docker-py is not installed.
    """
    if client is None:
        with contextlib.closing(connect()) as own:
            return prune(images=images, everything=everything, client=own)
    found: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    with faults("looking for leftovers"):
        for item in client.api.containers(all=True, filters={"label": RUN}):
            name = str(item["Names"][0]).lstrip("/") if item.get("Names") else str(item["Id"])[:12]
            alive = _alive(item.get("Labels") or {})
            alive = False if alive is None and everything else alive
            found[alive].append(name)
            if alive is False:
                remove(client, str(item["Id"]))
        gone = _remove_images(client) if images else ()
    return Pruned(containers=tuple(found[False]), images=gone, kept=tuple(found[True]), unknown=tuple(found[None]))


def discard(client: DockerClient, container: str) -> None:
    """Remove a container, or remember it for `discard_left` where the engine does not answer."""
    try:
        remove(client, container)
    except Exception:  # closing must not hide why it closes
        _left.add(container)


def discard_left(client: DockerClient) -> None:
    """Remove what could not be removed when it was closed."""
    for container in list(_left):
        _left.discard(container)
        discard(client, container)


def remove(client: DockerClient, container: str) -> None:
    """Kill and remove a container at once: a polite stop would wait ten seconds for a guest that is not listening."""
    from docker.errors import APIError, NotFound

    try:
        client.api.remove_container(container, force=True, v=True)
    except NotFound:
        return
    except APIError as fault:
        if "already in progress" not in str(fault):
            raise
        _left.add(container)  # by somebody else, or by an engine that is stopping and forgets about it


def _alive(labels: dict[str, str]) -> bool | None:
    owner = Owner.read(labels)
    return owner.alive if owner is not None else None


def _remove_images(client: DockerClient) -> tuple[str, ...]:
    from docker.errors import APIError

    gone: list[str] = []
    for image in client.api.images(filters={"label": GUEST}):
        identity = str(image["Id"])
        try:
            client.api.remove_image(identity, force=bool(image.get("RepoTags")))
        except APIError:  # a container uses it
            continue
        gone.append(identity)
    return tuple(gone)
