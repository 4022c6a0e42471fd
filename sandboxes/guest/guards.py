"""Guards: what the compiled code may do with a value: attributes, subscripts, loops, unpacking, writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from RestrictedPython.Guards import guarded_iter_unpack_sequence, guarded_unpack_sequence

from guest import budget, composed, facade, operators, pythons
from guest.checks import check_keywords, check_value
from guest.facade import Namespace
from guest.names import METHODS, PROPERTIES
from guest.refusal import Refused

_RETURN_TYPES = (
    torch.return_types.max,
    torch.return_types.min,
    torch.return_types.sort,
    torch.return_types.topk,
    torch.return_types.median,
)
_REMEDIES = {
    "item": "`.item()` reads a value; keep it a tensor",
    "tolist": "`.tolist()` reads values; keep it a tensor",
    "numpy": "`.numpy()` is not allowed; keep it a tensor",
    "data": "`.data` is not allowed; use the tensor itself",
    "grad": "`.grad` is not allowed; a credit function is not trained",
    "cuda": "`.cuda()` is not allowed; the kernel follows its inputs' device",
    "cpu": "`.cpu()` is not allowed; the kernel follows its inputs' device",
    "double": "`.double()` is not allowed; compute in float32",
    "half": "`.half()` is not allowed; compute in float32",
    "nonzero": "`nonzero` has a shape that depends on the data; use torch.where(condition, a, b)",
    "masked_select": "`masked_select` has a shape that depends on the data; use torch.where(condition, a, b)",
    "unique": "`unique` has a shape that depends on the data; compare with == instead",
    "backward": "`.backward()` is not allowed; a credit function is not trained",
    "requires_grad": "`.requires_grad` is not allowed; a credit function is not trained",
    "requires_grad_": "`.requires_grad_()` is not allowed; a credit function is not trained",
    "no_grad": "`no_grad` is not needed; remove it",
    "manual_seed": "random numbers are not allowed; a credit function is deterministic",
}


class Guards:
    """The guards of one run, with its budget of steps.

    Args:
        inputs: the candidate's inputs, which it may not write to.
    """

    def __init__(self, inputs: tuple[torch.Tensor, ...] = ()) -> None:
        """Start with a full budget."""
        self._inputs = inputs
        budget.restart()

    def namespace(self) -> dict[str, Any]:
        """The globals in which the compiled code runs."""
        torch_names = facade.torch_namespace()
        return {
            "__builtins__": pythons.builtins(),
            "__name__": "candidate",
            "__metaclass__": None,
            "_enter_": budget.act,
            "_getattr_": _counted(guarded_attribute),
            "_getitem_": _counted(guarded_item),
            "_getiter_": self.steps,
            "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
            "_unpack_sequence_": guarded_unpack_sequence,
            "_write_": self.write,
            "_inplacevar_": self.inplace,
            "_augment_": self.augment,
            "_binary_": _counted(operators.binary),
            "_unary_": _counted(operators.unary),
            "_compare_": _counted(operators.compare),
            "_truth_": _counted(operators.truth),
            "torch": torch_names,
            "nn": torch_names.names["nn"],
            "F": torch_names.names["nn"].names["functional"],
            "math": facade.math_namespace(),
        }

    def steps(self, items: Any) -> Iterator[Any]:  # noqa: ANN401 - any value may be looped over
        """Loop over plain sequences, counting the steps."""
        if type(items) is torch.Tensor:
            raise Refused("run", "iterate", "looping over a tensor is not allowed; loop over range(n) and take x[:, i]")
        if type(items) not in (list, tuple, range, torch.Size) and not isinstance(items, _RETURN_TYPES):
            raise Refused("run", "iterate", "loop over range(n), a list or a tuple")
        budget.step(len(items))
        return iter(items[:] if type(items) is list else items)  # a list that grows meanwhile prolongs no loop

    def write(self, target: Any) -> Any:  # noqa: ANN401
        """What may be written to by subscript: tensors and lists that the function made."""
        budget.act()
        if type(target) is list:
            return _ListSlots(target)
        if type(target) is torch.Tensor:
            if any(target is known for known in self._inputs):
                raise Refused("run", "writes-input", "an input may not be written to; write to a clone: x = x.clone()")
            return _Slots(target)
        raise Refused("run", "write", f"a {type(target).__name__} cannot be written to; assign to a new name")

    def inplace(self, op: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """`x += y` on a name: in place for a tensor that the function made, as Python does."""
        budget.act()
        if any(left is known for known in self._inputs):
            raise Refused("run", "writes-input", f"`{op}` writes to an input; write x = x {op[:-1]} y")
        if op[:-1] not in operators.BINARY:
            raise Refused("run", "construct", f"`{op}` is not allowed; write the operation out")
        return operators.inplace(op[:-1], left, right)

    def augment(self, op: str, container: Any, item: Any, value: Any) -> Any:  # noqa: ANN401
        """`container[i] op= value`: what is put back."""
        budget.act()
        if type(container) is list and any(item is known for known in self._inputs):
            raise Refused("run", "writes-input", f"`{op}=` writes to an input; write items[i] = items[i] {op} y")
        return operators.augment(op, container, item, value)


def _counted(guard: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any) -> Any:  # noqa: ANN401
        budget.act()
        return guard(*args)

    return counted


class _Slots:
    """A tensor that can only be written to by constant slices."""

    __slots__ = ("_target",)

    def __init__(self, target: torch.Tensor) -> None:
        self._target = target

    def __setitem__(self, key: Any, value: Any) -> None:  # noqa: ANN401
        """`x[key] = value`, as a copy into the slice where the key is made of numbers and slices alone."""
        _check_key(key, "assignment to x[mask]")
        check_value("assignment", value)
        parts = key if isinstance(key, tuple) else (key,)
        if any(type(part) in (torch.Tensor, list) for part in parts):
            raise Refused(
                "run",
                "write",
                "assignment at indices is not allowed; use torch.where, x.scatter(dim, index, src) or a loop",
            )
        place = self._target[key]
        made = value if type(value) is torch.Tensor else torch.tensor(value, dtype=place.dtype)
        while made.dim() > place.dim() and made.shape[0] == 1:
            made = made.squeeze(0)
        place.copy_(made)


class _ListSlots:
    """A list in which single items can be replaced."""

    __slots__ = ("_target",)

    def __init__(self, target: list[Any]) -> None:
        self._target = target

    def __setitem__(self, key: Any, value: Any) -> None:  # noqa: ANN401
        if type(key) is not int:
            raise Refused("run", "index", "items of a list are replaced one by one: items[i] = value")
        self._target[key] = value


def _append(target: list[Any], item: Any) -> None:  # noqa: ANN401
    budget.items(len(target) + 1)
    target.append(item)


def _extend(target: list[Any], items: Any) -> None:  # noqa: ANN401
    added = list(pythons.plain(items))
    budget.items(len(target) + len(added))
    target.extend(added)


def _insert(target: list[Any], index: int, item: Any) -> None:  # noqa: ANN401
    budget.items(len(target) + 1)
    target.insert(pythons.integer("insert", index), item)


def _pop(target: list[Any], index: int = -1) -> Any:  # noqa: ANN401
    return target.pop(pythons.integer("pop", index))


def _index(target: list[Any], item: Any) -> int:  # noqa: ANN401
    return pythons.numbers("index", target).index(item)


def _count(target: list[Any], item: Any) -> int:  # noqa: ANN401
    return pythons.numbers("count", target).count(item)


_LIST_METHODS: dict[str, Callable[..., Any]] = {
    "append": _append, "extend": _extend, "insert": _insert, "pop": _pop, "index": _index, "count": _count,
}  # fmt: skip


def guarded_item(target: Any, key: Any) -> Any:  # noqa: ANN401
    """Subscripts: of tensors by anything but a mask, of sequences by integers and slices."""
    if type(target) is torch.Tensor:
        _check_key(key, "x[mask]")
        return target[key]
    if type(target) in (list, tuple, torch.Size) or isinstance(target, _RETURN_TYPES):
        if type(key) is not int and type(key) is not slice:
            raise Refused("run", "index", "a list is indexed by an integer that does not depend on the data")
        if type(key) is slice:
            budget.items(len(target))
        return target[key]
    raise Refused("run", "index", f"a {type(target).__name__} cannot be indexed")


def _check_key(key: Any, what: str) -> None:  # noqa: ANN401
    """A boolean mask selects a number of elements that depends on the data."""
    for part in key if isinstance(key, tuple) else (key,):
        check_value("an index", part)
        if type(part) is torch.Tensor and part.dtype is torch.bool:
            raise Refused("trace", "boolean-mask", f"{what} depends on the data; write torch.where(mask, a, b)")


def guarded_attribute(target: Any, name: str) -> Any:  # noqa: ANN401
    """Attributes: by exact type, by allow-list. What is not named does not exist."""
    kind = type(target)
    if kind is Namespace:
        if name in target.names:
            return target.names[name]
        raise Refused("run", "attribute", _unknown(f"{target.label}.{name}", name, target.names))
    if kind is torch.Tensor:
        if name in PROPERTIES:
            return getattr(target, name)
        if name in METHODS:
            return _method(target, name)
        raise Refused("run", "attribute", _unknown(f"a tensor's .{name}", name, METHODS))
    if kind is list and name in _LIST_METHODS:
        return partial(_LIST_METHODS[name], target)
    if kind is torch.Size and name == "numel":
        return target.numel
    if isinstance(target, _RETURN_TYPES) and name in ("values", "indices"):
        return getattr(target, name)
    raise Refused("run", "attribute", f".{name} of a {kind.__name__} does not exist here")


def _unknown(what: str, name: str, known: Any) -> str:  # noqa: ANN401
    if name in _REMEDIES:
        return _REMEDIES[name]
    if name.endswith("_") and name[:-1] in known:
        return f"{what} writes in place; write x = x.{name[:-1]}(…)"
    return f"{what} does not exist in the sandbox; use a plain arithmetic, comparison, reduction or shape operation"


def _method(target: torch.Tensor, name: str) -> Callable[..., Any]:
    """A bound method with the facade's argument checks."""
    own = _OWN_METHODS.get(name)
    bound: Callable[..., Any] = getattr(target, name) if own is None else partial(own, target)
    strings = facade.STRINGS.get(name, ())

    def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        for arg in args:
            check_value(f".{name}()", arg)
        return bound(*args, **check_keywords(f".{name}()", kwargs, strings))

    return called


def _to(target: torch.Tensor, *args: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401
    """`.to(dtype)`, `.to(other)`, `.to(device)`: only the element type matters here."""
    wanted = dtype
    for arg in args:
        if type(arg) is torch.Tensor:
            wanted = arg.dtype
        elif type(arg) is torch.dtype:
            wanted = arg
    return target if wanted is None else target.to(wanted)


def _where(target: torch.Tensor, condition: torch.Tensor, other: Any) -> torch.Tensor:  # noqa: ANN401
    return torch.where(condition, target, other)


_OWN_METHODS: dict[str, Callable[..., Any]] = {**facade.OWN, "to": _to, "where": _where, "int": composed.long}
