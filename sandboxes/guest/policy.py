"""RestrictedPython with a default-deny policy: the second look at the syntax, and the guards in the code.

Every attribute, subscript, iteration, unpacking, write, operator and truth test of the compiled code goes through
a guard of `guest.guards`. Operators are guarded for a reason of torch's own: what it imports lazily looks for
`__import__` in the builtins of the running frame, and a candidate's frame has none. A node type for which the
policy names no visitor is refused.
"""

from __future__ import annotations

import ast
from types import CodeType
from typing import TypeVar, cast

from RestrictedPython.compile import compile_restricted_exec
from RestrictedPython.transformer import RestrictingNodeTransformer, copy_locations

from guest.normalise import Augmented
from guest.refusal import CANDIDATE, Refused
from guest.screen import ALLOWED

_ADDED = frozenset({ast.Module, ast.Expression, Augmented})
"""What stands around a screened module."""

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is", ast.IsNot: "is not",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip

_Tested = TypeVar("_Tested", ast.If, ast.IfExp, ast.Assert)


class DefaultDeny(RestrictingNodeTransformer):
    """RestrictedPython's transformer, for the node types that the screen names and for no others."""

    def visit(self, node: ast.AST) -> ast.AST:
        """Refuse whatever is not on the screen's list, whatever RestrictedPython thinks of it."""
        if type(node) not in ALLOWED and type(node) not in _ADDED:
            self.error(node, f"{type(node).__name__} is not allowed.")
            return node
        return self.visit_BinOp(node) if isinstance(node, Augmented) else super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802
        """A function begins with `_enter_()`: forty that call the next one twice do nothing else, a trillion times."""
        made: object = super().visit_FunctionDef(node)
        if isinstance(made, ast.FunctionDef):
            made.body.insert(0, _call("_enter_", made))
        return cast(ast.AST, made)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:  # noqa: N802
        """Numbers, None and `...`: the screen has seen that it is no more than that."""
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:  # noqa: N802
        """`a + b` becomes `_binary_("+", a, b)`, and `w[i] += x` puts back `_augment_("+", w, w[i], x)`."""
        if isinstance(node, Augmented):
            parts = (self._expr(part) for part in (node.container, node.left, node.right))
            return _guard("_augment_", node, ast.Constant(BINARY[type(node.op)]), *parts)
        return _guard(
            "_binary_", node, ast.Constant(BINARY[type(node.op)]), self._expr(node.left), self._expr(node.right)
        )

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:  # noqa: N802
        """`-a` becomes `_unary_("-", a)`; `not a` tests the truth of `a`."""
        if isinstance(node.op, ast.Not):
            return ast.copy_location(ast.UnaryOp(node.op, self._truth(node.operand)), node)
        return _guard("_unary_", node, ast.Constant(UNARY[type(node.op)]), self._expr(node.operand))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:  # noqa: N802
        """`a < b` becomes `_compare_("<", a, b)`; a chain is a list of operators and one of values."""
        ops: list[ast.expr] = [ast.Constant(COMPARE[type(op)]) for op in node.ops]
        values = [self._expr(value) for value in (node.left, *node.comparators)]
        return _guard("_compare_", node, ast.Tuple(ops, ast.Load()), ast.Tuple(values, ast.Load()))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:  # noqa: N802
        """Each part is tested for its truth."""
        return ast.copy_location(ast.BoolOp(node.op, [self._truth(value) for value in node.values]), node)

    def visit_If(self, node: ast.If) -> ast.AST:  # noqa: N802
        """The condition is tested for its truth."""
        return self._tested(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:  # noqa: N802
        """The condition is tested for its truth."""
        return self._tested(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:  # noqa: N802
        """The condition is tested for its truth."""
        return self._tested(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """The conditions are tested for their truth."""
        made: object = super().visit_comprehension(node)
        if isinstance(made, ast.comprehension):
            made.ifs = [_guard("_truth_", test, test) for test in made.ifs]
        return cast(ast.AST, made)

    def _tested(self, node: _Tested) -> ast.AST:
        made = self.node_contents_visit(node)
        made.test = _guard("_truth_", made.test, made.test)
        return made

    def _truth(self, node: ast.expr) -> ast.expr:
        return _guard("_truth_", node, self._expr(node))

    def _expr(self, node: ast.expr) -> ast.expr:
        return cast(ast.expr, self.visit(node))


def _call(name: str, at: ast.stmt) -> ast.Expr:
    """A call of a guard as a statement, where `at` stood."""
    call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], []))
    copy_locations(call, at)
    return call


def _guard(name: str, at: ast.expr | ast.stmt, *args: ast.expr) -> ast.Call:
    """A call of a guard, where `at` stood."""
    call = ast.Call(ast.Name(name, ast.Load()), list(args), [])
    copy_locations(call, at)
    return call


def compile_candidate(tree: ast.Module) -> CodeType:
    """Compile a screened module.

    Raises:
        Refused: RestrictedPython found a fault that the screen let pass.
    """
    try:
        result = compile_restricted_exec(tree, filename=CANDIDATE, policy=DefaultDeny)
    except (SyntaxError, RecursionError, ValueError, MemoryError) as fault:
        raise Refused("screen", "syntax", f"it cannot be compiled: {type(fault).__name__}; simplify it") from None
    if result.errors or result.code is None:
        text = "; ".join(result.errors)[:300] or "refused"
        raise Refused("screen", "restricted", f"RestrictedPython refuses it: {text}")
    return result.code
