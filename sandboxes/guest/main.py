"""Entry point of the warm process: `python -I main.py [--fd N] [--site DIR …] [--marker HEX:HEX]
[--walls container] [--thorough yes]`.

Without `--fd` it speaks over standard input and output (a container's attached socket).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple


class Arguments(NamedTuple):
    """The command line.

    Attributes:
        fd: descriptor of the host's socket; None for standard input and output.
        sites: folders to import from besides the interpreter's own.
        marker: two halves of bytes that stand joined in the host's memory, and must not in ours.
        walls: whether to build namespaces and an empty root; a container has its own walls.
        thorough: a self-test that takes seconds.
    """

    fd: int | None = None
    sites: tuple[str, ...] = ()
    marker: tuple[bytes, bytes] | None = None
    walls: bool = True
    thorough: bool = False


def parse(argv: list[str]) -> Arguments:
    """Read the command line.

    Raises:
        SystemExit: an unknown option.
    """
    found = Arguments()
    for flag, value in zip(argv[::2], argv[1::2], strict=True):
        if flag == "--fd":
            found = found._replace(fd=int(value))
        elif flag == "--site":
            found = found._replace(sites=(*found.sites, value))
        elif flag == "--marker":
            first, _, second = value.partition(":")
            found = found._replace(marker=(bytes.fromhex(first), bytes.fromhex(second)))
        elif flag == "--walls":
            found = found._replace(walls=value != "container")
        elif flag == "--thorough":
            found = found._replace(thorough=value == "yes")
        else:
            raise SystemExit(f"unknown option {flag}")
    return found


def streams(fd: int | None) -> tuple[int, int]:
    """Descriptors to read from and to write to; standard input and output then lead nowhere."""
    if fd is not None:
        os.set_inheritable(fd, False)
        return fd, fd
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return source, sink


def main() -> None:
    """Set up the import path, then serve."""
    arguments = parse(sys.argv[1:])
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
    sys.path.extend(site for site in arguments.sites if site not in sys.path)
    os.chdir("/")
    source, sink = streams(arguments.fd)
    from guest.serve import serve

    serve(source, sink, marker=arguments.marker, walls=arguments.walls, thorough=arguments.thorough)


if __name__ == "__main__":
    main()
