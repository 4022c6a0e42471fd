"""Sign: an in-toto statement about a bundle in a DSSE envelope, made and checked offline with securesystemslib.

The statement's subjects are the bundle's index, which holds the SHA-256 of every file, and the kernel. Its predicate is
the run's test result. Any DSSE tool can check the envelope; `forge verify` also checks what it is about.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import msgspec

from tfcaf_forge.errors import InputError, MissingExtra
from tfcaf_forge.pipeline.archive import BundleError
from tfcaf_forge.pipeline.bundle import INDEX, SIGNATURE, Bundled, check_canonical, opened, with_signature, write
from tfcaf_forge.pipeline.report import KERNEL
from tfcaf_forge.records.base import Plain, digest_bytes
from tfcaf_forge.reports.formats import FORMATS
from tfcaf_forge.reports.intoto import STATEMENT, TEST_RESULT

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope

PAYLOAD_TYPE = "application/vnd.in-toto+json"
SIGNED_AT = "https://in-toto.io/attestation/test-result/signed-at"


class Signed(Plain, frozen=True, kw_only=True):
    """A signature: the key's id, and when the signer says it was made."""

    key: str
    at: str


def new_key(path: Path) -> Path:
    """Write a new Ed25519 key: the private one to `path`, the public one beside it with the suffix `.pub`.

    Raises:
        InputError: one of the files exists or cannot be written.
        MissingExtra: the extra `sign` is not installed.
    """
    private = _library().CryptoSigner.generate_ed25519().private_bytes
    public = path.with_name(f"{path.name}.pub")
    _write_new(path, private, 0o600)
    _write_new(public, _public_part(private), 0o644)
    return public


def sign(path: Path, key: Path) -> tuple[Bundled, Signed]:
    """Sign a bundle in its place.

    Args:
        path: the bundle.
        key: a private key in PEM (PKCS 8): Ed25519, ECDSA on P-256, or RSA.

    Raises:
        BundleError: the bundle is none, or was changed.
        InputError: the key cannot be used.
        MissingExtra: the extra `sign` is not installed.
    """
    library = _library()
    files, _ = opened(path)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    envelope = library.Envelope(_statement(files, at), PAYLOAD_TYPE, {})
    signer = library.signer_of(_pem(key), str(key))
    signature = envelope.sign(signer)
    return write(path, with_signature(files, envelope.to_dict())), Signed(key=signature.keyid, at=at)


def check(files: dict[str, bytes], key: Path) -> Signed:
    """Check a bundle's signature against a public key.

    Raises:
        BundleError: it has none, another key made it, or it is about other files.
        InputError: the key cannot be used.
        MissingExtra: the extra `sign` is not installed.
    """
    library = _library()
    public = library.public_key_of(_pem(key), str(key))
    if SIGNATURE not in files:
        raise BundleError("the bundle carries no signature, although a key was given to check it with")
    envelope = _envelope(library, files[SIGNATURE])
    if envelope.payload_type != PAYLOAD_TYPE:
        raise BundleError(f"{SIGNATURE}: the payload is no in-toto statement")
    if not library.is_signed_by(envelope, public):
        made = ", ".join(key_id[:16] for key_id in envelope.signatures)
        raise BundleError(f"{SIGNATURE}: not signed by the key {public.keyid[:16]}… of {key}; it names {made or 'no key'}, or its payload was changed")  # fmt: skip
    return Signed(key=public.keyid, at=_signed_at(files, envelope.payload))


def claimed(files: dict[str, bytes]) -> list[str]:
    """Ids of the keys that a signature names; nothing is checked."""
    if SIGNATURE not in files:
        return []
    try:
        data: dict[str, Any] = msgspec.json.decode(files[SIGNATURE], type=dict[str, Any])
        return [str(part["keyid"])[:64] for part in data["signatures"]]
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise BundleError(f"{SIGNATURE}: this is no signature") from None


def _statement(files: dict[str, bytes], at: str) -> bytes:
    """The in-toto statement about a bundle: the run's own, with the index as its first subject."""
    body: dict[str, Any] = msgspec.json.decode(files[FORMATS["in-toto"][0]])
    body["subject"] = _subjects(files)
    body["predicate"]["configuration"].append({"name": "signed-at", "uri": SIGNED_AT, "annotations": {"time": at}})
    return msgspec.json.encode(body, order="sorted")


def _subjects(files: dict[str, bytes]) -> list[dict[str, Any]]:
    names = [INDEX, KERNEL] if KERNEL in files else [INDEX]
    return [{"name": name, "digest": {"sha256": digest_bytes(files[name])}} for name in names]


def _signed_at(files: dict[str, bytes], payload: bytes) -> str:
    """When it was signed, once the statement is seen to be about these files."""
    check_canonical(payload, f"{SIGNATURE}: the signed payload")
    try:
        body: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
        about, kind = body["subject"], (body["_type"], body["predicateType"])
        times = [part["annotations"]["time"] for part in body["predicate"]["configuration"] if part["name"] == "signed-at"]  # fmt: skip
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise BundleError(f"{SIGNATURE}: the signed payload is no statement about a bundle") from None
    if kind != (STATEMENT, TEST_RESULT) or about != _subjects(files):
        raise BundleError(f"{SIGNATURE} is about another bundle: {INDEX} or {KERNEL} is not the one that was signed")
    return str(times[0])[:40] if times else "an unknown time"


def _envelope(library: _Library, data: bytes) -> Envelope:
    check_canonical(data, SIGNATURE)
    try:
        return library.Envelope.from_dict(msgspec.json.decode(data, type=dict[str, Any]))
    except Exception as fault:  # the library raises what its parts raise
        raise BundleError(f"{SIGNATURE}: this is no DSSE envelope ({type(fault).__name__})") from None


def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()[:65536]
    except OSError as fault:
        raise InputError(f"cannot read the key {path}: {fault.strerror}; `forge sign --new-key {path}` makes one") from None  # fmt: skip


def _public_part(private: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(private, None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write_new(path: Path, body: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as fault:
        raise InputError(f"cannot write {path}: {fault.strerror}; a key is never replaced, give another name") from None
    with os.fdopen(handle, "wb") as file:
        file.write(body)


class _Library:
    """The parts of securesystemslib that are used, imported once they are needed."""

    def __init__(self) -> None:
        """Import them."""
        with _without("boto3"):
            from securesystemslib.dsse import Envelope
            from securesystemslib.signer import (
                CryptoSigner,  # pyright: ignore[reportPrivateImportUsage] - its README's own way
            )

        self.Envelope, self.CryptoSigner = Envelope, CryptoSigner

    def signer_of(self, pem: bytes, what: str) -> Any:  # noqa: ANN401 - a CryptoSigner
        """The signer of a private key."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            return self.CryptoSigner(load_pem_private_key(pem, None))  # pyright: ignore[reportArgumentType]
        except (ValueError, TypeError) as fault:
            raise InputError(f"{what} is no private key in PEM without a password ({str(fault)[:120]}); `forge sign --new-key FILE` makes one") from None  # fmt: skip

    def public_key_of(self, pem: bytes, what: str) -> Any:  # noqa: ANN401 - an SSlibKey
        """The public key; a private one is refused, so that nobody hands those around."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.signer import SSlibKey  # pyright: ignore[reportPrivateImportUsage]

        try:
            return SSlibKey.from_crypto(load_pem_public_key(pem))  # pyright: ignore[reportArgumentType]
        except (ValueError, TypeError) as fault:
            raise InputError(f"{what} is no public key in PEM ({str(fault)[:120]}); give the .pub file") from None

    def is_signed_by(self, envelope: Envelope, key: Any) -> bool:  # noqa: ANN401 - an SSlibKey
        """Whether the envelope holds a good signature of the key."""
        from securesystemslib.exceptions import VerificationError

        try:
            return bool(envelope.verify([key], 1))
        except (VerificationError, ValueError):
            return False


@contextmanager
def _without(package: str) -> Generator[None]:
    """Import as if a package were not installed.

    securesystemslib takes boto3 for keys in a cloud where it finds it, and importing that opens a socket to try IPv6.
    What verifies offline opens none.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = cast("ModuleType", None)
    try:
        yield
    finally:
        del sys.modules[package]


def _library() -> _Library:
    try:
        return _Library()
    except ImportError:
        raise MissingExtra("securesystemslib", "sign") from None
