"""State layouts: a host lays its state out in its own order; the kernel's order is found in it by name."""

from __future__ import annotations

from collections.abc import Sequence

from tfcaf_forge.errors import InputError

IGNORED = "-"
"""The name of a host's column that no kernel reads; it may stand several times."""


def match_layout(host: Sequence[str], kernel: Sequence[str]) -> tuple[int, ...]:
    """Where each of a kernel's state fields stands in a host's state.

    Args:
        host: name of every column of the host's state, in its order; `-` for a column without a name.
        kernel: name of every field of the kernel's state, `manifest.layout`.

    Returns:
        The host's column for each field of the kernel, [S].

    Raises:
        InputError: a field is missing, or a name stands twice; both layouts are shown.
    """
    places: dict[str, int] = {}
    for column, name in enumerate(host):
        if name in places:
            raise InputError(
                f"the host's state names {name} twice, in columns {places[name]} and {column}; rename one of them"
            )
        if name != IGNORED:
            places[name] = column
    missing = [name for name in kernel if name not in places]
    if missing:
        raise InputError(
            f"the host's state lacks {', '.join(missing)}, which the kernel reads.\n"
            f"  host's layout    {_shown(host)}\n"
            f"  kernel's layout  {_shown(kernel)}\n"
            "Name the host's columns as the kernel's TaskSpec does; or make a kernel for the host's state with `forge task init`"
        )
    return tuple(places[name] for name in kernel)


def _shown(names: Sequence[str]) -> str:
    return f"[{len(names)}] {', '.join(names)}"
