"""The record base: frozen, strictly decoded, canonically encoded, digested."""

from __future__ import annotations

import difflib
import hashlib
import re
from typing import Any, TypeVar

import msgspec

from tfcaf_forge.errors import InputError

T = TypeVar("T")
Scalar = bool | int | float | str

_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<name>[^`]*)`(?: - at `(?P<path>[^`]*)`)?")


class Plain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen part of a record: no schema version of its own."""


class Record(Plain, frozen=True, kw_only=True):
    """A frozen record that goes to disk or over a wire.

    Attributes:
        schema: version of the record's layout; raised when a field changes its meaning.
    """

    schema: int = 1


def canonical_json(value: object) -> bytes:
    """One byte string a value: sorted keys, no white space, shortest floats."""
    return msgspec.json.encode(value, order="sorted")


def digest_of(value: object) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def digest_bytes(data: bytes) -> str:
    """SHA-256 of raw bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def convert(data: object, kind: type[T], *, what: str, error: type[InputError] = InputError) -> T:
    """Turn decoded JSON or TOML into a record.

    Args:
        data: dictionaries, lists and scalars.
        kind: the record's type.
        what: how to name the source in an error, such as a file's path.
        error: the exception type to raise.

    Raises:
        InputError: (or the given subtype) with the place, and for an unknown key the nearest known one.
    """
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as fault:
        raise error(f"{what}: {_explain(str(fault), data, kind)}") from None


def from_json(data: bytes | str, kind: type[T], *, what: str, error: type[InputError] = InputError) -> T:
    """Decode a record from JSON text; errors as in `convert`."""
    try:
        decoded = msgspec.json.decode(data)
    except msgspec.DecodeError as fault:
        raise error(f"{what}: not valid JSON ({fault})") from None
    return convert(decoded, kind, what=what, error=error)


def to_builtins(record: object) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    """A record as dictionaries, lists and scalars."""
    return msgspec.to_builtins(record)


def _explain(message: str, data: object, kind: type[Any]) -> str:
    """Add the nearest known key to a complaint about an unknown one."""
    match = _UNKNOWN_FIELD.search(message)
    if match is None:
        return message
    name, path = match["name"], match["path"] or "$"
    near = difflib.get_close_matches(name, sorted(_all_fields(kind)), n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f"; known keys: {', '.join(sorted(_fields(kind, path)))}"
    return f"unknown key `{name}` at `{path}`{hint}"


def _fields(kind: type[Any], path: str) -> set[str]:
    """Field names of the struct that a msgspec error path points to; all of them where it cannot be told."""
    known = kind
    for part in re.findall(r"\.(\w+)", path):
        fields = {f.encode_name: f.type for f in msgspec.structs.fields(known)}
        inner = _structs_in(fields.get(part))
        if not inner:
            return _all_fields(kind)
        known = inner[0]
    return {f.encode_name for f in msgspec.structs.fields(known)}


def _all_fields(kind: type[Any]) -> set[str]:
    """Every field name of a struct and of the structs inside it."""
    names: set[str] = set()
    queue, seen = [kind], set[type[Any]]()
    while queue:
        struct = queue.pop()
        if struct in seen:
            continue
        seen.add(struct)
        for field in msgspec.structs.fields(struct):
            names.add(field.encode_name)
            queue.extend(_structs_in(field.type))
    return names


def _structs_in(annotation: object) -> list[type[Any]]:
    """The struct types that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [s for part in getattr(annotation, "__args__", ()) for s in _structs_in(part)]
