"""Load: a user's file of properties. It is trusted code: the user's own, never a model's."""

from __future__ import annotations

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.evidence.own.declare import OwnTest
from tfcaf_forge.evidence.own.plain import is_plain, own_settings, plain_property
from tfcaf_forge.evidence.properties.base import Property


def load_own(path: Path) -> tuple[Property, ...]:
    """The properties that a file declares, in its order.

    Raises:
        ConfigError: the file cannot be read or run, declares nothing, or declares an id twice.
    """
    found: list[Property] = []
    for name, value in vars(_run(path)).items():
        if isinstance(value, OwnTest):
            found.append(value.declared)
        elif name.startswith("test_") and is_plain(value):
            found.append(plain_property(value, name))
    ids = [p.id for p in found]
    doubled = next((id for id in ids if ids.count(id) > 1), None)
    if not found or doubled is not None:
        why = f"declares {doubled!r} twice" if doubled else "declares no property; decorate one with @property_test"
        raise ConfigError(f"{path} {why}")
    return tuple(found)


def _run(path: Path) -> ModuleType:
    """The file as a module of its own, which no other import can reach."""
    if not path.is_file():
        raise ConfigError(f"cannot read {path}: no such file; give a Python file with your own properties")
    spec = spec_from_file_location(f"_own_properties_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file; give one that ends in .py")
    module = module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with own_settings():
            spec.loader.exec_module(module)
    except ConfigError as fault:
        raise ConfigError(f"{path}: {fault}") from None
    except Exception as fault:  # whatever the user's file raises is an answer, not a crash
        lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == str(path)]
        place = f", line {lines[-1]}" if lines else ""
        raise ConfigError(f"{path}{place}: {type(fault).__name__}: {fault}") from None
    finally:
        sys.dont_write_bytecode = written
    return module
