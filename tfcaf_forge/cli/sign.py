"""`forge sign`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, stdout
from tfcaf_forge.errors import InputError

EPILOG = """Examples:

forge sign --new-key key.pem

forge sign run.forge.zip --key key.pem"""


def sign(
    bundle: Annotated[Path | None, typer.Argument(help="A bundle made by `forge bundle`.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="A private key in PEM: Ed25519, ECDSA or RSA.")] = None,
    new_key: Annotated[
        Path | None, typer.Option("--new-key", help="Write a new Ed25519 key here, and its public part to FILE.pub.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a bundle with a key of one's own, offline."""
    from tfcaf_forge.pipeline import sign as signing

    if new_key is not None:
        public = signing.new_key(new_key)
        facts = {"key": str(new_key), "public": str(public)}
    elif bundle is not None and key is not None:
        made, signed = signing.sign(bundle, key)
        facts = {"bundle": made.path, "sha256": made.sha256, "key": signed.key, "at": signed.at}
    else:
        raise InputError("nothing to do; give a bundle and --key KEY.pem, or --new-key FILE")
    if as_json:
        print_json({"schema": 1, **facts})
    else:
        print_facts(stdout(), facts)
