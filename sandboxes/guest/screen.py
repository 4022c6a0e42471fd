"""Screen: which Python a candidate may be written in. An allow-list of syntax, before anything is compiled.

Everything that is not named here is refused, with the line and what to write instead: models read it.
What is accepted is then normalised (annotations, docstrings, generator expressions, augmented assignment of
subscripts) to the smaller language that RestrictedPython compiles.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import re
import tokenize
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from guest.normalise import drop_unsaid, normalise
from guest.refusal import Refused, refuse
from guest.remedies import REMEDY, UNKNOWN

MAX_SOURCE = 16 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 60
MAX_BRACKETS = 40
MAX_UNARY_RUN = 16
_UNARY_RUN = re.compile(rf"(?:[-+~]\s*){{{MAX_UNARY_RUN},}}|(?:\bnot\s+){{{MAX_UNARY_RUN},}}")
MAX_INT = 1_000_000
MAX_NAME = 60

MAIN_NAMES = ("tfcaf", "QLLMNetwork")
RESERVED = frozenset({
    "torch", "F", "nn", "math", "range", "len", "min", "max", "abs", "sum", "float", "int", "bool", "enumerate", "zip",
    "round", "list", "tuple", "any", "all", "reversed", "sorted", "pow", "True", "False", "None",
})  # fmt: skip
"""The names that are in scope before a candidate says anything. None can be bound anew."""
TYPING = frozenset({"typing", "__future__", "collections.abc"})
"""Modules whose names may stand in annotations, which are dropped."""

_STATEMENTS = (
    ast.FunctionDef, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.If, ast.Expr, ast.Pass,
    ast.Break, ast.Continue, ast.Assert, ast.Import, ast.ImportFrom,
)  # fmt: skip
_EXPRESSIONS = (
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.ListComp, ast.GeneratorExp, ast.Compare, ast.Call,
    ast.Constant, ast.Attribute, ast.Subscript, ast.Name, ast.List, ast.Tuple, ast.Slice,
)  # fmt: skip
_PARTS = (
    ast.Load, ast.Store, ast.And, ast.Or, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.MatMult, ast.BitAnd, ast.BitOr, ast.BitXor, ast.Not, ast.USub, ast.UAdd, ast.Invert, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn, ast.comprehension, ast.arguments, ast.arg, ast.keyword,
    ast.alias,
)  # fmt: skip
ALLOWED: frozenset[type[ast.AST]] = frozenset((*_STATEMENTS, *_EXPRESSIONS, *_PARTS))


@dataclass(frozen=True)
class Screened:
    """What the screen let through.

    Attributes:
        tree: the normalised module.
        main: name of the function that is the TFCAF.
    """

    tree: ast.Module
    main: str


def screen(source: str) -> Screened:
    """Check a candidate's source text and normalise it.

    Raises:
        Refused: with the line and what to write instead.
    """
    _check_text(source)
    tree = _parse(source)
    _check_tokens(source)
    _check_size(tree)
    tree = drop_unsaid(tree)
    _check_nodes(tree)
    main = _check_module(tree)
    return Screened(normalise(tree), main)


def _check_text(source: str) -> None:
    """Bounds that hold before the parser sees anything."""
    if len(source.encode("utf-8", "replace")) > MAX_SOURCE:
        raise refuse("too-large", f"the source is larger than {MAX_SOURCE} bytes; a credit function needs far less")
    if not source.strip():
        raise refuse("empty", "the source is empty; write one function of (local_q, state)")
    for number, line in enumerate(source.split("\n"), 1):
        for char in line:
            if char not in "\t\r" and unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"):
                raise refuse("character", f"control or format character U+{ord(char):04X}; remove it", line=number)
        _check_nesting(line, number)
    _check_brackets(source)


def _check_nesting(line: str, number: int) -> None:
    """Runs of unary operators make the parser recurse."""
    if _UNARY_RUN.search(line):
        raise refuse("nesting", f"more than {MAX_UNARY_RUN} unary operators in a row; simplify", line=number)


def _check_brackets(source: str) -> None:
    depth = 0
    for char in source:
        depth += (char in "([{") - (char in ")]}")
        if depth > MAX_BRACKETS:
            raise refuse("nesting", f"brackets nest deeper than {MAX_BRACKETS}; use intermediate variables")


def _check_tokens(source: str) -> None:
    """Python folds look-alike letters into ASCII names; a reader does not."""
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.NAME and not token.string.isascii():
                raise refuse("character", "a name that is not ASCII; rename it", line=token.start[0])


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as fault:
        raise refuse("syntax", f"not valid Python: {fault.msg}", line=fault.lineno) from None
    except (ValueError, RecursionError, MemoryError) as fault:
        raise refuse("syntax", f"not valid Python: {type(fault).__name__}") from None


def _check_size(tree: ast.Module) -> None:
    """Node count and depth, without recursion."""
    count, level = 0, [tree]
    depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise refuse("nesting", "the code nests too deeply or is too long; use intermediate variables")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_nodes(tree: ast.Module) -> None:
    """Check every node; of several refusals the one that stands first in the source is raised."""
    known = RESERVED | {"_"} | set(_bound(tree))
    first: Refused | None = None
    for node in ast.walk(tree):
        try:
            _check_node(node)
            if isinstance(node, ast.Name):
                _check_known(node, known)
        except Refused as refused:
            if first is None or (refused.line or 0) < (first.line or 0):
                first = refused
    if first is not None:
        raise first


def _bound(tree: ast.Module) -> Iterator[str]:
    """Every name that the candidate itself gives a meaning, anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _check_known(node: ast.Name, known: frozenset[str] | set[str]) -> None:
    """A name that nothing binds is refused here, by name, rather than when it is reached."""
    name = node.id
    if name in known:
        return
    if name in UNKNOWN:
        raise refuse("name", UNKNOWN[name], node)
    near = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "torch, F, math and plain arithmetic are in scope"
    raise refuse("name", f"the name {name} is not defined; {hint}", node)


def _check_node(node: ast.AST) -> None:
    kind = type(node)
    if kind is ast.Module:
        return
    if kind not in ALLOWED:
        name = kind.__name__
        raise refuse("construct", REMEDY.get(name, f"{name} is not allowed in a credit function"), node)
    check = _CHECKS.get(kind)
    if check is not None:
        check(node)


def _check_constant(node: ast.Constant) -> None:
    value = node.value
    if value is None or value is Ellipsis or isinstance(value, bool | float):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise refuse("number", f"an integer constant is larger than {MAX_INT}; use a float", node)
        return
    if isinstance(value, str):
        return  # checked where it stands: see `guest.normalise`
    raise refuse("construct", f"a {type(value).__name__} constant is not allowed; use numbers", node)


def _check_name(name: str, node: ast.AST) -> None:
    if not name.isascii():  # the tokenizer takes letters such as `·` and `℘` for no part of a name
        raise refuse("character", "a name that is not ASCII; rename it", node)
    if len(name) > MAX_NAME:
        raise refuse("name", f"a name of {len(name)} characters; use a short one", node)
    if name in UNKNOWN and name.startswith("_"):
        raise refuse("name", UNKNOWN[name], node)
    if (name.startswith("_") and name != "_") or name.endswith("__roles__") or name == "printed":
        raise refuse("name", f"names such as {name} are not allowed; rename it without the underscore in front", node)


def _check_variable(node: ast.Name) -> None:
    _check_name(node.id, node)
    if isinstance(node.ctx, ast.Store) and node.id in RESERVED:
        raise refuse("shadow", f"{node.id} cannot be assigned; choose another name", node)


def _check_attribute(node: ast.Attribute) -> None:
    if len(node.attr) > MAX_NAME:
        raise refuse("attribute", f"an attribute name of {len(node.attr)} characters does not exist", node)
    if node.attr.startswith("_") or not node.attr.isascii():
        raise refuse("attribute", f"attributes that start with an underscore are not allowed: {node.attr}", node)
    if isinstance(node.ctx, ast.Store):
        raise refuse("attribute", f"attributes cannot be assigned: .{node.attr}; make a new tensor", node)


def _check_function(node: ast.FunctionDef) -> None:
    _check_name(node.name, node)
    if node.name in RESERVED:
        raise refuse("shadow", f"{node.name} cannot be redefined; choose another name", node)
    if node.decorator_list:
        raise refuse("construct", "decorators are not allowed; remove it", node)
    if getattr(node, "type_params", None):
        raise refuse("construct", "type parameters are not allowed; remove them", node)
    spec = node.args
    if spec.kw_defaults or spec.kwonlyargs or spec.vararg or spec.kwarg or spec.posonlyargs:
        raise refuse("parameters", f"{node.name} may only have plain parameters: no * and no /", node)
    if not all(_is_number(default) for default in spec.defaults):
        raise refuse("parameters", f"a default of {node.name} must be a number, such as eps=1e-8", node)
    for arg in spec.args:
        _check_name(arg.arg, node)
        if arg.arg in RESERVED:
            raise refuse("shadow", f"a parameter cannot be called {arg.arg}; choose another name", node)


def _check_call(node: ast.Call) -> None:
    for keyword in node.keywords:
        if keyword.arg is None:
            raise refuse("construct", "`**` unpacking is not allowed; write the keywords out", node)
        if keyword.arg.startswith("_"):
            raise refuse("name", f"the keyword {keyword.arg} is not allowed", node)


def _check_import(node: ast.Import) -> None:
    for alias in node.names:
        wanted = alias.asname or alias.name
        allowed = {"torch": "torch", "math": "math", "torch.nn.functional": "F", "torch.nn": "nn"}.get(alias.name)
        if allowed != wanted and not (alias.name in TYPING and alias.asname is None):
            raise refuse(
                "import",
                f"import of {alias.name:.60} is not allowed; only torch, torch.nn.functional as F and math exist here",
                node,
            )


def _check_import_from(node: ast.ImportFrom) -> None:
    """Nothing is imported: an accepted line names what is in scope anyway, or what only annotations use."""
    names = [(alias.name, alias.asname) for alias in node.names]
    if node.level == 0 and (
        (node.module in TYPING and all(bound in (None, name) for name, bound in names))
        or (node.module == "torch.nn" and names == [("functional", "F")])
        or (node.module == "torch" and all(pair in (("Tensor", None), ("nn", None)) for pair in names))
    ):
        return
    raise refuse(
        "import",
        f"import from {node.module or '.':.60} is not allowed; only torch, torch.nn.functional as F and math exist here",
        node,
    )


def _check_comprehension(node: ast.comprehension) -> None:
    if node.is_async:
        raise refuse("construct", REMEDY["AsyncFor"])


def _check_for(node: ast.For) -> None:
    if node.orelse:
        raise refuse("construct", "`else` after a loop is not allowed; remove it", node)


def _check_slots(node: ast.Assign) -> None:
    for target in node.targets:
        if not isinstance(target, ast.Name | ast.Tuple | ast.Subscript):
            raise refuse("assign", "assign to a name, to a tuple of names, or to a slice of a tensor", node)


_CHECKS: dict[type[ast.AST], Callable[[Any], None]] = {
    ast.Constant: _check_constant,
    ast.Name: _check_variable,
    ast.Attribute: _check_attribute,
    ast.FunctionDef: _check_function,
    ast.Call: _check_call,
    ast.Import: _check_import,
    ast.ImportFrom: _check_import_from,
    ast.comprehension: _check_comprehension,
    ast.For: _check_for,
    ast.Assign: _check_slots,
}


def _check_module(tree: ast.Module) -> str:
    """Only imports, constants and functions at the top; which function is the TFCAF."""
    functions: list[ast.FunctionDef] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            functions.append(node)
        elif not (isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node) or _is_constant(node)):
            raise refuse("module", "only imports, constants and functions may stand outside a function", node)
    if not functions:
        raise refuse("no-function", "there is no function; write def tfcaf(local_q, state): …")
    main = _main_of(functions)
    if len(main.args.args) != 2 or main.args.defaults:
        raise refuse(
            "parameters", f"{main.name} takes {len(main.args.args)} parameters; it must take two: local_q, state", main
        )
    return main.name


def _main_of(functions: list[ast.FunctionDef]) -> ast.FunctionDef:
    names = [function.name for function in functions]
    for name in names:
        if names.count(name) > 1:
            raise refuse("several", f"{name} is defined twice; keep one definition")
    if len(functions) == 1:
        return functions[0]
    for function in functions:
        if function.name in MAIN_NAMES:
            return function
    used = {node.id for function in functions for node in ast.walk(function) if isinstance(node, ast.Name)}
    free = [function for function in functions if function.name not in used]
    if len(free) == 1:
        return free[0]
    raise refuse("several", f"several functions and none is called tfcaf: {', '.join(names)}; rename the main one")


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_number(node: ast.expr) -> bool:
    """`1e-8`, `-1`, `True` or `None`."""
    value = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    return isinstance(value, ast.Constant) and not isinstance(value.value, str)


def _is_constant(node: ast.stmt) -> bool:
    """`EPSILON = 1e-8` or `WEIGHTS = [0.5, 0.5]`."""
    if isinstance(node, ast.AnnAssign):
        node = ast.Assign([node.target], node.value) if node.value is not None else ast.Pass()
    if not isinstance(node, ast.Assign) or not all(isinstance(target, ast.Name) for target in node.targets):
        return False
    plain = (ast.Constant, ast.UnaryOp, ast.USub, ast.List, ast.Tuple, ast.Load)
    return all(isinstance(part, plain) for part in ast.walk(node.value))
