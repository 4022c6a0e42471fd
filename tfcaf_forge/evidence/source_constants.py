"""Hypothesis also tries numbers that it finds in the source of loaded modules, if they are not installed as packages.

Which modules are loaded, and how, differs between a checkout and a wheel, a command and a worker, a script and a test. The cases of one
seed must not, so nothing of it is used here. `hypothesis.internal.conjecture.providers` has no public switch for it; a
release that does not have the function has nothing to be switched off.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_source_constants() -> Generator[None]:
    """Draw inside as if no module were loaded; the caller's own tests are as they were afterwards."""
    from hypothesis.internal.conjecture import providers

    module: Any = providers
    found = getattr(module, "_get_local_constants", None)
    if found is None:
        yield
        return
    nothing = module.Constants()
    module.CONSTANTS_CACHE.cache.clear()
    module._get_local_constants = lambda: nothing
    try:
        yield
    finally:
        module._get_local_constants = found
        module.CONSTANTS_CACHE.cache.clear()
