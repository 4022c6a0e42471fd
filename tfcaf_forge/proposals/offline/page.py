"""The page that a program is written on: each value is computed once, under a name of its own."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable

from tfcaf_forge.proposals.offline.reading import Column, Group, printable

_RESERVED = (
    "tfcaf", "local_q", "state", "score", "weights", "temperature", "bias", "i", "j", "gap", "others",
    "torch", "math", "range", "len", "min", "max", "abs", "sum", "float", "int", "bool", "enumerate", "zip", "round",
    "list", "tuple", "any", "all",
)  # fmt: skip
"""Names that a program uses itself, and built-ins that the sandbox does not let it rebind."""


class Page:
    """Lines of a function's body, and the names in use.

    Columns of the state go to the top, in the order of the state, and everything else follows in the order in which it was asked for.
    An expression that is asked for again is not written again.
    """

    def __init__(self) -> None:
        """Start an empty page."""
        self._names: dict[str, str] = {}
        self._taken: set[str] = set(_RESERVED)
        self._columns: dict[int, str] = {}
        self._body: list[str] = []

    @property
    def lines(self) -> list[str]:
        """The body so far, not indented."""
        return [*(self._columns[start] for start in sorted(self._columns)), *self._body]

    def column(self, column: Column) -> str:
        """The name that holds a column of the state, [B, count]."""
        if column.slice not in self._names:
            name = self._names[column.slice] = self._name(column.key)
            self._columns[column.start] = f"{name} = {column.slice}  # {column.label}"
        return self._names[column.slice]

    def let(self, hint: str, expression: str, comment: str = "") -> str:
        """The name that holds the value of an expression; `hint` is what to call it if it is new."""
        return self.lay(hint, expression, lambda name: [f"{name} = {expression}"], comment)

    def lay(self, hint: str, key: str, write: Callable[[str], list[str]], comment: str = "") -> str:
        """The same for a value that takes several lines; `key` says when two are the same."""
        if key not in self._names:
            name = self._names[key] = self._name(hint)
            self._body += [f"# {printable(comment)}"] * bool(comment) + write(name)
        return self._names[key]

    def there(self, group: Group) -> str | None:
        """The name that holds where the elements of a group are there, bool [B, count]; None: always."""
        column = group.telltale
        if column is None:
            return None
        return self.let(f"{group.name}_there", f"{self.column(column)} {column.there}")

    def add(self, *lines: str) -> None:
        """Write lines as they are."""
        self._body += lines

    def _name(self, hint: str) -> str:
        """A free identifier like the hint; it never begins with an underscore, which the sandbox refuses."""
        stem = re.sub(r"\W+", "_", hint, flags=re.ASCII).strip("_").lower() or "value"
        stem = f"value_{stem}" if stem[0].isdigit() or keyword.iskeyword(stem) else stem
        name, turn = stem, 2
        while name in self._taken:
            name, turn = f"{stem}_{turn}", turn + 1
        self._taken.add(name)
        return name
