"""`forge sandbox doctor | build | prune`."""

from __future__ import annotations

import typer

from tfcaf_forge.cli import sandbox_docker, sandbox_doctor

app = typer.Typer(no_args_is_help=True, help="The sandbox: what holds on this machine, and its image for Docker.")

sandbox_doctor.register(app)
sandbox_docker.register(app)
