"""Everything that this package raises.

A candidate's fault is a value (`records.rejection.Rejection`); an exception is a fault of ours,
of the user's input, or of the machine::

    ForgeError
    ├── InputError           what the user gave is wrong: a file, a name, an option, a field
    │   ├── TaskError        a TaskSpec that cannot be read, or that its environment contradicts
    │   ├── ConfigError      a configuration with an unknown key or a value out of range
    │   └── DatasetError     a replay dataset that is damaged or belongs to another task
    ├── GraphError           a graph that breaks the rules of `graph.ops`
    ├── KernelError          a kernel file that was changed, or is none
    ├── SandboxError         the sandbox itself failed: it could not start, or lacks a required layer
    ├── ModelError           a model cannot be asked: no key, no such model, no answer (`proposals.faults`)
    ├── EnvironmentFailed    an environment of another package failed, died or hung while it was being stepped
    ├── StoreError           a run folder that is damaged, or in use by another process
    └── MissingExtra         an optional dependency is not installed

Every message says what is wrong, where, and (after "; ") what to do about it.
"""

from __future__ import annotations


class ForgeError(Exception):
    """Base of all errors that this package raises on purpose.

    Attributes:
        code: a short, stable, machine-readable name of the kind of fault.
    """

    code = "error"


class InputError(ForgeError):
    """What the user gave is wrong; the message names the place and the remedy."""

    code = "input"


class TaskError(InputError):
    """A TaskSpec that cannot be read, or that its environment contradicts."""

    code = "task"


class ConfigError(InputError):
    """A configuration with an unknown key or with a value out of range."""

    code = "config"


class DatasetError(InputError):
    """A replay dataset that is damaged, or that belongs to another task."""

    code = "dataset"


class GraphError(ForgeError):
    """A graph that breaks the rules of the op table.

    Args:
        code: a short, stable name of the broken rule.
        message: what is wrong and where.
        node: index of the offending node, if one is to blame.
    """

    def __init__(self, code: str, message: str, node: int | None = None) -> None:
        """Keep the code and the node beside the text."""
        super().__init__(message)
        self.code = code
        self.node = node


class KernelError(ForgeError):
    """A kernel file that was changed after it was written, or that is none."""

    code = "kernel"


class SandboxError(ForgeError):
    """The sandbox itself failed: it could not start, or it lacks a required layer."""

    code = "sandbox"


class EnvironmentFailed(ForgeError):  # noqa: N818 - reads as what happened
    """An environment of another package failed, died or hung while it was being stepped."""

    code = "environment"


class StoreError(ForgeError):
    """A run folder that is damaged, that is in use, or that belongs to other settings."""

    code = "store"


class MissingExtra(ForgeError):  # noqa: N818 - reads as what it is: an extra that is missing
    """An optional dependency is not installed.

    Args:
        package: the package that could not be imported.
        extra: the extra of this package that brings it.
    """

    code = "extra"

    def __init__(self, package: str, extra: str) -> None:
        """Say how to install what is missing."""
        super().__init__(f"{package} is not installed; install it with: pip install 'tfcaf-forge[{extra}]'")
        self.package = package
        self.extra = extra
