"""Entry point of the warm process: `python -I main.py [--fd N] [--site DIR …]`.

Without `--fd` it speaks over standard input and output (a container's attached socket).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _arguments(argv: list[str]) -> tuple[int | None, list[str]]:
    fd, sites = None, []
    for flag, value in zip(argv[::2], argv[1::2], strict=True):
        if flag == "--fd":
            fd = int(value)
        elif flag == "--site":
            sites.append(value)
        else:
            raise SystemExit(f"unknown option {flag}")
    return fd, sites


def main() -> None:
    """Set up the import path, then serve."""
    fd, sites = _arguments(sys.argv[1:])
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
    sys.path.extend(site for site in sites if site not in sys.path)
    os.chdir("/")
    if fd is None:
        source, sink = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
    else:
        source = sink = fd
    from guest.serve import serve

    serve(source, sink)


main()
