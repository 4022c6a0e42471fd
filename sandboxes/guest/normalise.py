"""Normalise: from accepted Python to the smaller language that RestrictedPython compiles."""

from __future__ import annotations

import ast
import copy
import math
import re

from guest.refusal import refuse

STRINGS = frozenset({"floor", "trunc", "fro", "ij", "xy", "constant"})
"""Keyword values that an allowed operation takes."""
EINSUM = re.compile(r"[A-Za-z., ]{1,48}(->[A-Za-z. ]{0,16})?")
INFINITIES = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}


class Augmented(ast.BinOp):
    """The `w[i] + x` of `w[i] += x`, which knows `w`."""

    _fields = ("left", "op", "right", "container")
    container: ast.expr


def drop_unsaid(tree: ast.Module) -> ast.Module:
    """The tree without what never runs: annotations, and the messages of asserts.

    Neither can do harm once it is gone, and both hold what is refused elsewhere: strings, f-strings, `Optional[...]`.
    """
    return _Unsaid().visit(tree)


def normalise(tree: ast.Module) -> ast.Module:
    """From accepted Python to the smaller language that RestrictedPython compiles.

    Raises:
        Refused: a string stands where none is allowed, or an assignment has an odd target.
    """
    return ast.fix_missing_locations(_Normalise().visit(tree))


class _Unsaid(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        spec = node.args
        for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg):
            if arg is not None:
                arg.annotation = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)


class _Normalise(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
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

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        if not isinstance(node.target, ast.Name | ast.Subscript):
            raise refuse("assign", "assign to a name or to a slice of a tensor", node)
        return ast.copy_location(ast.Assign([self.visit(node.target)], self.visit(node.value)), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`w[i] += x` becomes `w[i] = w[i] + x`, where `+` knows what it is part of.

        The index stands twice: as a copy, since later passes change nodes where they are.
        """
        if not isinstance(node.target, ast.Subscript):
            return self.generic_visit(node)
        target = node.target
        read = ast.Subscript(copy.deepcopy(target.value), copy.deepcopy(target.slice), ast.Load())
        made = Augmented(ast.copy_location(read, target), node.op, node.value)
        made.container = copy.deepcopy(target.value)
        assign = ast.Assign([target], ast.copy_location(made, node))
        return self.generic_visit(ast.copy_location(assign, node))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """A generator object has a frame to walk through; a list has none."""
        return self.generic_visit(ast.copy_location(ast.ListComp(node.elt, node.generators), node))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Strings stand only where an allowed operation takes one; `float("inf")` becomes the number."""
        infinity = _infinity(node)
        if infinity is not None:
            return infinity
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
            raise refuse("string", "strings are not allowed here; a credit function computes with numbers only", node)
        return node

    @staticmethod
    def _check_equation(node: ast.expr) -> None:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or not EINSUM.fullmatch(node.value):
            raise refuse("string", "einsum takes a literal equation such as 'bn,bn->b'", node)


def _infinity(node: ast.Call) -> ast.expr | None:
    """The number that `float("inf")` stands for; None for any other call."""
    if not isinstance(node.func, ast.Name) or node.func.id != "float" or len(node.args) != 1 or node.keywords:
        return None
    text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    if not isinstance(text, str):
        return None
    value = INFINITIES.get(text.strip().lower())
    if value is None:
        raise refuse(
            "string", "float() takes a number here, or 'inf'; write the number itself (nan is not allowed)", node
        )
    return ast.copy_location(ast.Constant(value), node)
