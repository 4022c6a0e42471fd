"""A proposal from a user's own text or file: `forge vet FILE`."""

from __future__ import annotations

from pathlib import Path

from tfcaf_forge.errors import InputError
from tfcaf_forge.proposals.extract import MAX_TEXT, extract
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection


def proposal_from_text(text: str, id: int = 1, coder: str = "file", note: str = "") -> Proposal | Rejection:
    """Wrap the function that a text holds, or say why there is none (see `extract`)."""
    source = extract(text)
    if isinstance(source, Rejection):
        return source
    return Proposal(id=id, coder=coder, source=source, note=note)


def proposal_from_file(path: Path, id: int = 1, coder: str = "file") -> Proposal | Rejection:
    """Read a file, never more of it than could be accepted, and wrap the function that it holds.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT + 1)
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror}; give the path of a Python file") from None
    if len(data) > MAX_TEXT:
        message = f"the file has more than {MAX_TEXT:,} bytes; a function has a few thousand"
        return Rejection(stage="extract", code="too-large", message=message)
    # Bytes that are no UTF-8 become lone surrogates, which `extract` refuses by name.
    return proposal_from_text(data.decode("utf-8-sig", errors="surrogateescape"), id, coder, note=path.name)
