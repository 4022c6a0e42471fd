"""The sandbox's image: its name, what must be in it, and how one that is there is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfcaf_forge.records.base import Plain, digest_bytes, digest_of
from tfcaf_forge.resources import bundled
from tfcaf_forge.sandbox.docker_clean import GUEST
from tfcaf_forge.sandbox.docker_engine import ImageStale, faults
from tfcaf_forge.version import VERSION

if TYPE_CHECKING:
    from docker import DockerClient

TAG = f"tfcaf-forge-sandbox:{VERSION}"
"""The default name. Only a name: containers are started from the image's digest."""


class Image(Plain, frozen=True, kw_only=True):
    """An image that is there and holds our guest.

    Attributes:
        name: as it was asked for.
        id: digest of its content and configuration, `sha256:…`; what containers are started from.
        guest: digest of the guest inside.
        bytes: its size.
    """

    name: str
    id: str
    guest: str
    bytes: int


def sources() -> dict[str, bytes]:
    """What goes into the image, by its path in the build's context, in a fixed order."""
    root = bundled("sandboxes")
    paths = {f"guest/{path.name}": path for path in sorted((root / "guest").glob("*.py"))}
    paths |= {name: root / "docker" / name for name in ("Dockerfile", "probe.py")}
    return {name: path.read_bytes() for name, path in paths.items()}


def guest_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the names and the bytes of `sources`."""
    return digest_of({name: digest_bytes(data) for name, data in files.items()})


def find(client: DockerClient, name: str = TAG, guest: str | None = None) -> Image:
    """The image of that name, if it holds the guest with that digest; this release's own where None.

    Raises:
        ImageMissing: there is none. It is not pulled.
        ImageStale: it holds another guest: what a run reports about its walls would be another release's.
        SandboxError: the engine failed.
    """
    with faults(f"looking for the image {name}"):
        found: dict[str, Any] = client.api.inspect_image(name)
    labels: dict[str, str] = (found.get("Config") or {}).get("Labels") or {}
    image = Image(name=name, id=str(found["Id"]), guest=labels.get(GUEST, ""), bytes=int(found.get("Size", 0)))
    if image.guest != (guest or guest_digest(sources())):
        raise ImageStale(f"the image {name} holds another guest than this release; build it anew: forge sandbox build")
    return image
