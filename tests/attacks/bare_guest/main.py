"""A guest without screen, RestrictedPython, facade and trace: it runs a source with plain `exec`, the real torch in
scope, and sends back whatever the source returns. Only the operating system's layers stand between it and the machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def bare(request: dict[str, Any]) -> dict[str, Any]:
    """Run `tfcaf` and say what it returned, or how it failed."""
    import torch

    names: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, "math": __import__("math"), "__name__": "bare"}
    try:
        exec(request["source"], names)
        said = repr(names["tfcaf"](torch.ones(3, request["n_agents"]), torch.ones(3, request["state_size"])))
        code = "returned"
    except BaseException as fault:
        said, code = f"{type(fault).__name__}: {fault}", "raised"
    return {"status": "rejected", "stage": "run", "code": code, "message": said[:500_000], "line": None}


def main() -> None:
    """Like `sandboxes/guest/main.py`, with another examination."""
    sys.path[:0] = [str(Path(__file__).resolve().parents[3] / "sandboxes")]
    from guest.main import parse, streams

    arguments = parse(sys.argv[1:])
    sys.path.extend(site for site in arguments.sites if site not in sys.path)
    os.chdir("/")
    source, sink = streams(arguments.fd)
    from guest.serve import serve

    serve(source, sink, examine=bare, marker=arguments.marker, walls=arguments.walls, thorough=arguments.thorough)


main()
