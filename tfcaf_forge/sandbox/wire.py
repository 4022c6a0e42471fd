"""The host's end of the wire: frames, requests, and a strict decoder for what comes back."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.records.base import Plain

FloatArray = npt.NDArray[np.float32]

HEADER = struct.Struct(">I")
MAX_FRAME = 1 << 20
MAX_DEPTH = 12
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class WireError(Exception):
    """The bytes are not one well-formed message."""


class Probe(Plain, frozen=True, kw_only=True):
    """Inputs that the host chose, on which the guest evaluates the candidate eagerly.

    Attributes:
        local_q: [B, N] float32, little-endian, base64.
        state: [B, S] likewise.
    """

    local_q: str
    state: str


def probe(local_q: FloatArray, state: FloatArray) -> Probe:
    """Pack inputs, [B, N] and [B, S]."""
    return Probe(local_q=_pack(local_q), state=_pack(state))


def unpack(text: str, columns: int) -> FloatArray:
    """Float32 numbers from base64, as [B, columns].

    Raises:
        WireError: not base64, or not a whole number of rows.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise WireError("numbers are not base64") from None
    if len(data) % (4 * columns):
        raise WireError("numbers do not fill whole rows")
    return np.frombuffer(data, dtype="<f4").astype(np.float32).reshape(-1, columns)


def op_table() -> dict[str, list[str]]:
    """The op table as the guest needs it: for each operation the arguments that a graph keeps."""
    return {op.name: [param.name for param in op.params] for op in TABLE.values()}


def encode(message: dict[str, Any]) -> bytes:
    """A message as a frame.

    Raises:
        SandboxError: it is larger than the guest takes.
    """
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        text = f"a request of {len(body)} bytes to the sandbox, which takes {MAX_FRAME}"
        raise SandboxError(f"{text}; the task's state has too many numbers: leave out fields that do not matter")
    return HEADER.pack(len(body)) + body


def decode(body: bytes) -> dict[str, Any]:
    """One JSON object, strictly.

    No NaN, Infinity or overflowing number, no doubled key, bounded depth, integers of at most 20 digits, whole characters.

    Raises:
        WireError: saying which rule is broken.
    """
    _check_depth(body)
    try:
        message = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_doubled_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except (ValueError, RecursionError) as fault:
        raise WireError(f"not valid JSON: {str(fault)[:120]}") from None
    if not isinstance(message, dict):
        raise WireError("the message is not an object")
    if _SURROGATE.search(body):
        _check_text(message)
    return message


def _pack(values: FloatArray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def _check_text(message: dict[str, Any]) -> None:
    """A lone surrogate is no character: it could be read, and then neither converted, printed nor written."""
    try:
        json.dumps(message, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise WireError("a text holds half a character") from None


def _check_depth(body: bytes) -> None:
    """Bound the nesting before the parser recurses; strings are skipped."""
    depth, inside, escaped = 0, False, False
    for byte in body:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise WireError(f"nested deeper than {MAX_DEPTH}")
        elif byte in b"]}":
            depth -= 1


def _no_doubled_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not allowed")


def _finite(text: str) -> float:
    value = float(text)
    if not np.isfinite(value) or len(text) > 40:
        raise ValueError("a number is out of range")
    return value


def _bounded(text: str) -> int:
    if len(text) > 20:
        raise ValueError("an integer is too long")
    return int(text)
