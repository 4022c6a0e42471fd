"""Remedies: what to write instead of a construct or a name that does not exist here. Models read these lines."""

from __future__ import annotations

REMEDY: dict[str, str] = {
    "While": "`while` is not allowed; loop over range(n) with a constant n",
    "Try": "`try` is not allowed; make the expression safe instead: torch.clamp, an epsilon, torch.where",
    "TryStar": "`try` is not allowed; make the expression safe instead: torch.clamp, an epsilon, torch.where",
    "With": "`with` is not allowed; remove it (a credit function is never trained, so torch.no_grad is not needed)",
    "ClassDef": "classes are not allowed; write one function of (local_q, state)",
    "Lambda": "`lambda` is not allowed; write a helper function with def",
    "Yield": "generators are not allowed; build a list and use torch.stack",
    "YieldFrom": "generators are not allowed; build a list and use torch.stack",
    "Await": "`await` is not allowed; write plain sequential code",
    "AsyncFunctionDef": "`async` is not allowed; write a plain function",
    "AsyncFor": "`async` is not allowed; write a plain loop",
    "AsyncWith": "`async` is not allowed; write plain sequential code",
    "NamedExpr": "`:=` is not allowed; assign on a line of its own",
    "Delete": "`del` is not allowed; remove it",
    "Global": "`global` is not allowed; pass values as arguments",
    "Nonlocal": "`nonlocal` is not allowed; return the value instead",
    "Raise": "`raise` is not allowed; return a finite value for every input",
    "JoinedStr": "f-strings are not allowed; remove it",
    "FormattedValue": "f-strings are not allowed; remove it",
    "Starred": "`*` unpacking is not allowed; write the items out",
    "Dict": "dictionaries are not allowed; use separate variables or a list",
    "DictComp": "dictionaries are not allowed; use separate variables or a list",
    "Set": "sets are not allowed; use a list",
    "SetComp": "sets are not allowed; use a list",
    "Match": "`match` is not allowed; use torch.where",
    "MatMult": "`@` is allowed between tensors only",
    "LShift": "`<<` is not allowed; multiply by a constant",
    "RShift": "`>>` is not allowed; divide by a constant",
}

_CHECKED = "local_q and state are always float32 tensors of shapes [B, N] and [B, S]; remove the check"
_REACH = "does not exist here: a credit function computes with tensors and numbers and reaches nothing else; remove it"
_COLLECTION = "does not exist here; use a list"
UNKNOWN: dict[str, str] = {
    "print": "`print` does not exist here, nobody reads it; remove it",
    **{name: f"`{name}` does not exist here; {_CHECKED}" for name in ("isinstance", "issubclass", "type", "hasattr", "callable")},
    **{
        name: f"`{name}` {_REACH}"
        for name in (
            "open", "input", "eval", "exec", "compile", "__import__", "getattr", "setattr", "delattr", "globals",
            "locals", "vars", "dir", "id", "hash", "object", "super", "memoryview", "breakpoint", "exit", "quit", "help",
            "os", "sys", "subprocess", "socket", "builtins", "importlib", "ctypes", "__builtins__", "property",
            "classmethod", "staticmethod", "iter", "next",
        )
    },
    **{name: f"`{name}` makes text, and there is none here; compute with numbers only" for name in ("str", "repr", "format", "bytes", "chr", "ord", "ascii", "hex", "oct", "bin")},
    **{name: f"`{name}` {_COLLECTION}" for name in ("dict", "set", "frozenset", "defaultdict", "OrderedDict", "deque", "bytearray")},
    **{name: f"`{name}` does not exist here; write a comprehension: [f(x) for x in items]" for name in ("map", "filter")},
    **{name: f"`{name}` does not exist here; write it with torch" for name in ("np", "numpy", "jnp", "jax", "scipy", "tf", "pd")},
    **{name: f"`{name}` does not exist here; write the loop or the sum out" for name in ("itertools", "functools", "reduce", "product", "combinations", "partial")},
    "random": "`random` does not exist here; a credit function is deterministic",
    "time": "`time` does not exist here; a credit function is deterministic",
    "slice": "`slice` does not exist here; write x[:, a:b]",
    "self": "`self` does not exist here; write one function of (local_q, state), without a class",
    "Tensor": "`Tensor` may only stand in annotations; make tensors with torch.tensor([...])",
    "device": "`device` is not defined; leave `device=` out, or write x.device",
    "dtype": "`dtype` is not defined; write torch.float32, or x.dtype",
    "complex": "complex numbers are not allowed; compute with real numbers",
    "divmod": "`divmod` does not exist here; write a // b and a % b",
    **{name: f"`{name}` does not exist here; make the expression safe instead: torch.clamp, an epsilon, torch.where" for name in ("Exception", "ValueError", "TypeError", "RuntimeError", "BaseException", "KeyError", "IndexError", "AssertionError", "NotImplementedError")},
}  # fmt: skip
"""What to say about names that exist elsewhere and not here. Any other unknown name is refused as well."""
