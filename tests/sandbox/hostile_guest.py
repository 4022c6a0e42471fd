"""A guest for tests only: it runs any Python text in the confined process, with every layer of the language off.

The source sets `answer`; what comes back is `{"answer": …}` or `{"raised": "TypeName ERRNO"}`.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "sandboxes")]

from guest.main import parse, streams  # noqa: E402 - isolated mode finds it only now


def run_anything(request: dict[str, Any]) -> dict[str, Any]:
    """What the whole sandbox exists to prevent, so that the kernel's layers are tried alone."""
    names: dict[str, Any] = {"answer": None}
    try:
        exec(request["source"], names)
    except BaseException as fault:
        number = getattr(fault, "errno", None)
        return {"raised": f"{type(fault).__name__} {errno.errorcode.get(number, '')}".strip()}
    return {"answer": names["answer"]}


def main() -> None:
    arguments = parse(sys.argv[1:])
    sys.path.extend(arguments.sites)
    source, sink = streams(arguments.fd)
    from guest.serve import serve

    serve(source, sink, examine=run_anything, marker=arguments.marker)


if __name__ == "__main__":
    main()
