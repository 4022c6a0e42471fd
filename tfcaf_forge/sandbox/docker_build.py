"""Build the sandbox's image: a context of known files, sent to the engine, its progress passed on line by line."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tfcaf_forge.errors import InputError, SandboxError
from tfcaf_forge.sandbox.docker_clean import GUEST
from tfcaf_forge.sandbox.docker_engine import ImageMissing, connect, faults
from tfcaf_forge.sandbox.docker_image import TAG, Image, find, guest_digest, sources

if TYPE_CHECKING:
    from docker import DockerClient

BASE = "python:3.11-slim"
_NEEDED = {"torch": "TORCH", "RestrictedPython": "RESTRICTEDPYTHON"}
"""What goes into the image, in the host's own versions: a candidate is traced by the torch that it is tested with."""
_SHOWN = 12
Say = Callable[[str], None]


def build(
    *,
    base: str = BASE,
    wheelhouse: Path | None = None,
    host_pip: bool = False,
    cache: bool = True,
    tag: str = TAG,
    say: Say = lambda line: None,
) -> Image:
    """Build the image that `DockerWorker` starts.

    Args:
        base: an image with Python 3.11 or newer; pulled where the engine does not have it.
        wheelhouse: a folder of wheels for the base's Python; then the build uses no network.
        host_pip: collect that folder with this machine's pip and its settings first: for a machine whose containers
            reach no package index.
        cache: use the engine's cache of earlier builds.
        tag: the image's name.
        say: called with each line of progress.

    Raises:
        InputError: the wheelhouse holds no wheel.
        SandboxError: the engine, the base or the installation failed; with the last lines.
        MissingExtra: docker-py is not installed.
    """
    files = sources()  # once: what is labelled is what is sent
    labels = {GUEST: guest_digest(files), "tfcaf-forge.base": base}
    with (
        closing(connect()) as client,
        tempfile.TemporaryDirectory(prefix="forge-wheels-") as folder,
        tempfile.TemporaryFile() as context,
    ):
        _have(client, base, say)
        if host_pip:
            wheelhouse = Path(folder)
            collect_wheels(wheelhouse, _python_of(client, base), say)
        wheels = _wheels(wheelhouse)
        _pack(context, files, wheels)
        _run(client, context, {"BASE": base, **_requirements()}, labels, tag, cache, bool(wheels), say)
        return find(client, tag, labels[GUEST])


def collect_wheels(folder: Path, python: str, say: Say) -> None:
    """Download torch, RestrictedPython and pip, as wheels for a Python such as `3.11`, with the host's pip.

    Raises:
        SandboxError: pip failed; with its last lines.
    """
    say(f"collecting wheels for Python {python} with this machine's pip")
    options = ["--quiet", "--disable-pip-version-check", "--dest", str(folder)]
    options += ["--only-binary=:all:", "--python-version", python]
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [sys.executable, "-m", "pip", "download", *options, *_requirements().values(), "pip"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SandboxError(f"pip could not collect the wheels:\n{_tail(done.stderr.splitlines())}")


def _requirements() -> dict[str, str]:
    """`TORCH` to `torch==2.13.0`, and so on; without the local part of a version, which names a build."""
    return {key: f"{name}=={version(name).split('+')[0]}" for name, key in _NEEDED.items()}


def _have(client: DockerClient, base: str, say: Say) -> None:
    """The base image, pulled where it is missing. Only a build pulls, and says so."""
    try:
        with faults(f"looking for {base}"):
            client.api.inspect_image(base)
    except ImageMissing:
        say(f"pulling {base}")
        with faults(f"pulling {base}"):
            name, _, label = base.partition(":")
            for step in client.api.pull(name, tag=label or "latest", stream=True, decode=True):
                _check(step, [], f"{base} cannot be pulled")
    say(f"base image {base}")


def _python_of(client: DockerClient, base: str) -> str:
    """The base's Python, such as `3.11`."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    with faults(f"asking {base} for its Python"):
        said = client.containers.run(base, ["python3", "-c", code], remove=True, network_disabled=True, entrypoint=[])
    return bytes(said).decode().strip()


def _wheels(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    found = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if not found:
        raise InputError(f"{folder} holds no wheels; fill it: pip download --dest {folder} torch RestrictedPython pip")
    return found


def _pack(file: IO[bytes], files: Mapping[str, bytes], wheels: Sequence[Path]) -> None:
    """The build's context: our sources and the wheels, no more; without times and owners, so that the cache holds."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        folder = tarfile.TarInfo("wheelhouse")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, data in files.items():
            _add(tar, name, io.BytesIO(data), len(data))
        for wheel in wheels:
            with wheel.open("rb") as source:
                _add(tar, f"wheelhouse/{wheel.name}", source, wheel.stat().st_size)
    file.seek(0)


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    tar.addfile(entry, source)


def _run(
    client: DockerClient,
    context: IO[bytes],
    arguments: dict[str, str],
    labels: dict[str, str],
    tag: str,
    cache: bool,
    offline: bool,
    say: Say,
) -> None:
    """Send the context, pass on what the engine says, end at its first error."""
    lines: list[str] = []
    with faults("building the image"):
        steps: Iterable[dict[str, Any]] = client.api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            nocache=not cache,
            rm=True,
            forcerm=True,
            decode=True,
            buildargs=arguments,
            labels=labels,
            network_mode="none" if offline else None,
        )
        for step in steps:
            _check(step, lines, "the image cannot be built")
            for line in str(step.get("stream", "")).splitlines():
                if line.strip():
                    lines.append(line.rstrip())
                    say(line.rstrip())


def _check(step: dict[str, Any], lines: list[str], what: str) -> None:
    if "error" in step:
        text = _tail([*lines, str(step["error"])])
        raise SandboxError(f"{what}:\n{text}\n{_advice(text)}")


def _advice(text: str) -> str:
    lower = text.lower()
    if "no space left" in lower:
        return "free some space: docker system df; docker builder prune; forge sandbox prune --images"
    if "no matching distribution" in lower or "not a supported wheel" in lower:
        return "the wheels must be for the base's Python; --host-pip collects them for it"
    if "pull" in lower or "manifest" in lower or "registry" in lower:
        return "check the name and the network, or give a base that the engine has: --base IMAGE"
    return "where containers reach no package index: --host-pip, or --wheelhouse DIR"


def _tail(lines: Sequence[str]) -> str:
    return "\n".join("  " + "".join(c if c.isprintable() else "" for c in line) for line in lines[-_SHOWN:])
