"""Refused: why a candidate is not traced, with the place and what to write instead."""

from __future__ import annotations

import ast

CANDIDATE = "<candidate>"
"""The file name under which a candidate's source is compiled."""


class Refused(Exception):  # noqa: N818 - a refusal is an outcome, not an error
    """A candidate breaks a rule.

    Args:
        stage: `screen`, `run`, `trace` or `limit`.
        code: short, stable name of the rule.
        message: what is wrong, and what to write instead.
        line: the source line, from 1; found from the traceback where None.
    """

    def __init__(self, stage: str, code: str, message: str, line: int | None = None) -> None:
        """Keep every part beside the text."""
        super().__init__(message)
        self.stage = stage
        self.code = code
        self.message = message
        self.line = line


def refuse(code: str, message: str, node: ast.AST | None = None, line: int | None = None) -> Refused:
    """A refusal of the screen, at a node or a line."""
    return Refused("screen", code, message, line if node is None else getattr(node, "lineno", None))


def line_of(fault: BaseException) -> int | None:
    """The deepest line of the candidate's own source in a traceback."""
    line, trace = None, fault.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CANDIDATE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
