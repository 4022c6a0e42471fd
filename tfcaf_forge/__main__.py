"""`python -m tfcaf_forge`."""

from __future__ import annotations

from tfcaf_forge.cli import main

if __name__ == "__main__":
    main()
