"""`forge sandbox build | prune`: the Docker backend's image, and what its runs left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, printable, seconds_text, stdout

_BUILD = "Example: forge sandbox build --base python:3.12-slim"
_PRUNE = "Example: forge sandbox prune --images"


def register(app: typer.Typer) -> None:
    """Add the verbs to `forge sandbox`."""
    app.command(epilog=_BUILD)(build)
    app.command(epilog=_PRUNE)(prune)


def build(
    base: Annotated[str, typer.Option("--base", help="An image with Python 3.11 or newer.")] = "python:3.11-slim",
    wheelhouse: Annotated[
        Path | None, typer.Option("--wheelhouse", help="A folder of wheels for the base's Python; no network then.")
    ] = None,
    host_pip: Annotated[
        bool, typer.Option("--host-pip", help="Collect the wheels with this machine's pip and its settings.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not use the engine's cache.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build the image that --sandbox docker and --sandbox gvisor start."""
    from tfcaf_forge.sandbox.docker_build import build as run

    begin = time.monotonic()
    image = run(base=base, wheelhouse=wheelhouse, host_pip=host_pip, cache=not no_cache, say=_say)
    if as_json:
        print_json({"schema": 1, "name": image.name, "id": image.id, "guest": image.guest, "bytes": image.bytes})
        return
    facts = {
        "image": f"{image.name}   {image.bytes / 1e6:.0f} MB, {seconds_text(time.monotonic() - begin)}",
        "id": image.id,
        "guest": image.guest,
        "next": "forge synthesize --task lbf-8x8-2p-2f-coop --sandbox docker",
    }
    print_facts(stdout(), facts)


def prune(
    images: Annotated[bool, typer.Option("--images", help="Remove the sandbox's images too.")] = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also containers of which this machine cannot tell whether their run goes on."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the containers that dead runs left behind; those of living runs stay."""
    from tfcaf_forge.records.base import to_builtins
    from tfcaf_forge.sandbox.docker_clean import prune as run

    found = run(images=images, everything=everything)
    if as_json:
        print_json({"schema": 1, **to_builtins(found)})
        return
    facts = {"removed": f"{len(found.containers)} containers, {len(found.images)} images"}
    if found.kept:
        facts["kept"] = f"{len(found.kept)} containers of runs that go on"
    if found.unknown:
        facts["unknown"] = f"{len(found.unknown)} containers that another machine started; --all removes them"
    print_facts(stdout(), facts)


def _say(line: str) -> None:
    """Progress; a build's output comes from package tools and may hold anything."""
    sys.stderr.write(printable(line) + "\n")
    sys.stderr.flush()
