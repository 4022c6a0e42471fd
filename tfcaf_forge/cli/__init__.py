"""The command line. The only room that prints, exits, and reads argv and the environment.

Exit codes: 0 passed, 1 ran and something was refused or refuted, 2 usage or internal error, 130 interrupted.
"""

from __future__ import annotations

from tfcaf_forge.cli.app import main

__all__ = ["main"]
