"""Screen: which Python a candidate may be written in. An allow-list of syntax, before anything is compiled.

Everything that is not named here is refused, with the line and what to write instead: models read it.
What is accepted is then normalised (annotations, docstrings, generator expressions, augmented assignment of
subscripts) to the smaller language that RestrictedPython compiles.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guest.refusal import Refused

MAX_SOURCE = 16 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 60
MAX_BRACKETS = 40
MAX_UNARY_RUN = 16
MAX_INT = 1_000_000
MAX_POWER = 16

MAIN_NAMES = ("tfcaf", "QLLMNetwork")
RESERVED = frozenset({
    "torch", "F", "math", "range", "len", "min", "max", "abs", "sum", "float", "int", "bool", "enumerate", "zip",
    "round", "list", "tuple", "any", "all", "True", "False", "None",
})  # fmt: skip
STRINGS = frozenset({"floor", "trunc", "fro", "ij", "xy", "constant"})
"""Keyword values that an allowed operation takes."""
EINSUM = re.compile(r"[A-Za-z., ]{1,48}(->[A-Za-z. ]{0,16})?")

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
    "In": "`in` is not allowed; compare with == and combine with |",
    "NotIn": "`not in` is not allowed; compare with != and combine with &",
}

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
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.comprehension, ast.arguments, ast.arg, ast.keyword,
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
    _check_size(tree)
    _check_nodes(tree)
    main = _check_module(tree)
    normal = ast.fix_missing_locations(_Normalise().visit(tree))
    return Screened(normal, main)


def _refuse(code: str, message: str, node: ast.AST | None = None, line: int | None = None) -> Refused:
    return Refused("screen", code, message, line if node is None else getattr(node, "lineno", None))


def _check_text(source: str) -> None:
    """Bounds that hold before the parser sees anything."""
    if len(source.encode("utf-8", "replace")) > MAX_SOURCE:
        raise _refuse("too-large", f"the source is larger than {MAX_SOURCE} bytes; a credit function needs far less")
    if not source.strip():
        raise _refuse("empty", "the source is empty; write one function of (local_q, state)")
    for number, line in enumerate(source.split("\n"), 1):
        for char in line:
            if char not in "\t\r" and unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"):
                raise _refuse("character", f"control or format character U+{ord(char):04X}; remove it", line=number)
        _check_nesting(line, number)
    _check_brackets(source)


def _check_nesting(line: str, number: int) -> None:
    """Runs of unary operators make the parser recurse."""
    if re.search(r"(?:[-+~]\s*){%d,}" % MAX_UNARY_RUN, line) or re.search(r"(?:\bnot\s+){%d,}" % MAX_UNARY_RUN, line):
        raise _refuse("nesting", f"more than {MAX_UNARY_RUN} unary operators in a row; simplify", line=number)


def _check_brackets(source: str) -> None:
    depth = 0
    for char in source:
        depth += (char in "([{") - (char in ")]}")
        if depth > MAX_BRACKETS:
            raise _refuse("nesting", f"brackets nest deeper than {MAX_BRACKETS}; use intermediate variables")


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as fault:
        raise _refuse("syntax", f"not valid Python: {fault.msg}", line=fault.lineno) from None
    except (ValueError, RecursionError, MemoryError) as fault:
        raise _refuse("syntax", f"not valid Python: {type(fault).__name__}") from None


def _check_size(tree: ast.Module) -> None:
    """Node count and depth, without recursion."""
    count, level = 0, [tree]
    depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise _refuse("nesting", "the code nests too deeply or is too long; use intermediate variables")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_nodes(tree: ast.Module) -> None:
    """Check every node; of several refusals the one that stands first in the source is raised."""
    first: Refused | None = None
    for node in ast.walk(tree):
        try:
            _check_node(node)
        except Refused as refused:
            if first is None or (refused.line or 0) < (first.line or 0):
                first = refused
    if first is not None:
        raise first


def _check_node(node: ast.AST) -> None:
    kind = type(node)
    if kind is ast.Module:
        return
    if kind not in ALLOWED:
        name = kind.__name__
        raise _refuse("construct", REMEDY.get(name, f"{name} is not allowed in a credit function"), node)
    check = _CHECKS.get(kind)
    if check is not None:
        check(node)


def _check_constant(node: ast.Constant) -> None:
    value = node.value
    if value is None or isinstance(value, bool | float):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise _refuse("number", f"the integer {value!s:.20} is larger than {MAX_INT}; use a float", node)
        return
    if isinstance(value, str):
        return  # checked where it stands: see `_Normalise`
    raise _refuse("construct", f"a {type(value).__name__} constant is not allowed; use numbers", node)


def _check_name(name: str, node: ast.AST) -> None:
    if not name.isascii():
        raise _refuse("name", f"the name {name!r} is not ASCII; rename it", node)
    if name.startswith("_") and name != "_":
        raise _refuse("name", f"names that start with an underscore are not allowed: {name}; rename it", node)


def _check_variable(node: ast.Name) -> None:
    _check_name(node.id, node)
    if isinstance(node.ctx, ast.Store) and node.id in RESERVED:
        raise _refuse("shadow", f"{node.id} cannot be assigned; choose another name", node)


def _check_attribute(node: ast.Attribute) -> None:
    if node.attr.startswith("_") or not node.attr.isascii():
        raise _refuse("attribute", f"attributes that start with an underscore are not allowed: {node.attr}", node)
    if isinstance(node.ctx, ast.Store):
        raise _refuse("attribute", f"attributes cannot be assigned: .{node.attr}; make a new tensor", node)


def _check_function(node: ast.FunctionDef) -> None:
    _check_name(node.name, node)
    if node.name in RESERVED:
        raise _refuse("shadow", f"{node.name} cannot be redefined; choose another name", node)
    if node.decorator_list:
        raise _refuse("construct", "decorators are not allowed; remove it", node)
    if getattr(node, "type_params", None):
        raise _refuse("construct", "type parameters are not allowed; remove them", node)
    spec = node.args
    if spec.defaults or spec.kw_defaults or spec.kwonlyargs or spec.vararg or spec.kwarg or spec.posonlyargs:
        raise _refuse("parameters", f"{node.name} may only have plain parameters: no defaults, no * and no /", node)
    for arg in spec.args:
        _check_name(arg.arg, node)
        if arg.arg in RESERVED:
            raise _refuse("shadow", f"a parameter cannot be called {arg.arg}; choose another name", node)


def _check_call(node: ast.Call) -> None:
    for keyword in node.keywords:
        if keyword.arg is None:
            raise _refuse("construct", "`**` unpacking is not allowed; write the keywords out", node)
        if keyword.arg.startswith("_"):
            raise _refuse("name", f"the keyword {keyword.arg} is not allowed", node)


def _check_power(node: ast.BinOp) -> None:
    if not isinstance(node.op, ast.Pow):
        return
    power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
    if not isinstance(power, ast.Constant) or not isinstance(power.value, int | float) or abs(power.value) > MAX_POWER:
        raise _refuse(
            "power", f"`**` takes a constant power of at most {MAX_POWER}; use torch.pow between tensors", node
        )


def _check_import(node: ast.Import) -> None:
    for alias in node.names:
        wanted = alias.asname or alias.name
        allowed = {"torch": "torch", "math": "math", "torch.nn.functional": "F"}.get(alias.name)
        if allowed != wanted:
            raise _refuse(
                "import",
                f"import of {alias.name} is not allowed; only torch, torch.nn.functional as F and math exist here",
                node,
            )


def _check_import_from(node: ast.ImportFrom) -> None:
    names = [(alias.name, alias.asname) for alias in node.names]
    if node.module == "torch.nn" and names == [("functional", "F")] and node.level == 0:
        return
    raise _refuse(
        "import",
        f"import from {node.module or '.'} is not allowed; only torch, torch.nn.functional as F and math exist here",
        node,
    )


def _check_comprehension(node: ast.comprehension) -> None:
    if node.is_async:
        raise _refuse("construct", REMEDY["AsyncFor"])


def _check_for(node: ast.For) -> None:
    if node.orelse:
        raise _refuse("construct", "`else` after a loop is not allowed; remove it", node)


def _check_slots(node: ast.Assign) -> None:
    for target in node.targets:
        if not isinstance(target, ast.Name | ast.Tuple | ast.Subscript):
            raise _refuse("assign", "assign to a name, to a tuple of names, or to a slice of a tensor", node)


_CHECKS: dict[type[ast.AST], Callable[[Any], None]] = {
    ast.Constant: _check_constant,
    ast.Name: _check_variable,
    ast.Attribute: _check_attribute,
    ast.FunctionDef: _check_function,
    ast.Call: _check_call,
    ast.BinOp: _check_power,
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
            raise _refuse("module", "only imports, constants and functions may stand outside a function", node)
    if not functions:
        raise _refuse("no-function", "there is no function; write def tfcaf(local_q, state): …")
    main = _main_of(functions)
    if len(main.args.args) != 2:
        raise _refuse(
            "parameters", f"{main.name} takes {len(main.args.args)} parameters; it must take two: local_q, state", main
        )
    return main.name


def _main_of(functions: list[ast.FunctionDef]) -> ast.FunctionDef:
    names = [function.name for function in functions]
    for name in names:
        if names.count(name) > 1:
            raise _refuse("several", f"{name} is defined twice; keep one definition")
    if len(functions) == 1:
        return functions[0]
    for function in functions:
        if function.name in MAIN_NAMES:
            return function
    raise _refuse("several", f"several functions and none is called tfcaf: {', '.join(names)}; rename the main one")


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_constant(node: ast.stmt) -> bool:
    """`EPSILON = 1e-8` or `WEIGHTS = [0.5, 0.5]`."""
    if isinstance(node, ast.AnnAssign):
        node = ast.Assign([node.target], node.value) if node.value is not None else ast.Pass()
    if not isinstance(node, ast.Assign) or not all(isinstance(target, ast.Name) for target in node.targets):
        return False
    plain = (ast.Constant, ast.UnaryOp, ast.USub, ast.List, ast.Tuple, ast.Load)
    return all(isinstance(part, plain) for part in ast.walk(node.value))


class _Normalise(ast.NodeTransformer):
    """From accepted Python to the smaller language that RestrictedPython compiles."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for arg in node.args.args:
            arg.annotation = None
        self.generic_visit(node)
        if not node.body:
            node.body = [ast.Pass()]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_Import(self, node: ast.Import) -> None:
        """The names are in scope anyway."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """The names are in scope anyway."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        if not isinstance(node.target, ast.Name | ast.Subscript):
            raise _refuse("assign", "assign to a name or to a slice of a tensor", node)
        return ast.copy_location(ast.Assign([self.visit(node.target)], self.visit(node.value)), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`w[i] += x` becomes `w[i] = w[i] + x`; the index stands twice, and it has no side effect."""
        if not isinstance(node.target, ast.Subscript):
            return self.generic_visit(node)
        target = node.target
        read = ast.Subscript(target.value, target.slice, ast.Load())
        assign = ast.Assign(
            [target], ast.copy_location(ast.BinOp(ast.copy_location(read, target), node.op, node.value), node)
        )
        return self.generic_visit(ast.copy_location(assign, node))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """A generator object has a frame to walk through; a list has none."""
        return self.generic_visit(ast.copy_location(ast.ListComp(node.elt, node.generators), node))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Strings stand only where an allowed operation takes one."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name == "einsum" and node.args:
            self._check_equation(node.args[0])
            node.func = self.visit(node.func)
            node.args = [node.args[0], *(self.visit(arg) for arg in node.args[1:])]
        else:
            node.func = self.visit(node.func)
            node.args = [self.visit(arg) for arg in node.args]
        for keyword in node.keywords:
            if not (isinstance(keyword.value, ast.Constant) and keyword.value.value in STRINGS):
                keyword.value = self.visit(keyword.value)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            raise _refuse("string", "strings are not allowed here; a credit function computes with numbers only", node)
        return node

    @staticmethod
    def _check_equation(node: ast.expr) -> None:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or not EINSUM.fullmatch(node.value):
            raise _refuse("string", "einsum takes a literal equation such as 'bn,bn->b'", node)
