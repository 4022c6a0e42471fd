"""The screen: which text is refused before anything is compiled, where, and what it says to write instead."""

from __future__ import annotations

import sys

import pytest

from tfcaf_forge.resources import bundled

sys.path.append(str(bundled("sandboxes")))
from guest.policy import compile_candidate
from guest.refusal import Refused
from guest.screen import MAX_SOURCE, screen

BODY = "def tfcaf(q, s):\n    {}\n    return q.sum(dim=1, keepdim=True)\n"


def refusal(source: str) -> Refused:
    with pytest.raises(Refused) as caught:
        compile_candidate(screen(source).tree)
    return caught.value


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("open('x')", "name", "remove it"),
        ("eval('1')", "name", "remove it"),
        ("__import__('os')", "name", "reaches nothing else"),
        ("print(q)", "name", "remove it"),
        ("x = isinstance(q, int)", "name", "always float32"),
        ("x = np.zeros(2)", "name", "write it with torch"),
        ("x = qq + 1", "name", "did you mean q?"),
        ("x = map(abs, [1])", "name", "comprehension"),
        ("while True:\n        pass", "construct", "range(n)"),
        ("x = lambda: 1", "construct", "helper function"),
        ("import os", "import", "only torch"),
        ("x = 'os'", "string", "numbers only"),
        ("x = float('nan')", "string", "nan"),
        ("x = 0x" + "f" * 9000, "number", "use a float"),
        ("x = q.__class__", "attribute", "underscore"),
        ("torch = 1", "shadow", "another name"),
        ("def f(a=[]):\n        return a", "parameters", "eps=1e-8"),
        ("from typing import Any as torch", "import", "not allowed"),
        ("ｔｏｒｃｈ = 1", "character", "rename"),
    ],
)
def test_a_refusal_names_line_code_and_remedy(line, code, hint):
    refused = refusal(BODY.format(line))
    assert (refused.stage, refused.code, refused.line) == ("screen", code, 2)
    assert hint in refused.message


def test_the_first_of_several_faults_is_named():
    assert refusal("def tfcaf(q, s):\n    x = 1\n    open('x')\n    import os\n").line == 3


@pytest.mark.parametrize(
    "line",
    [
        "x: 'anything' = 1.0",
        "assert True, f'{q} is dropped'",
        "'a docstring'",
        "x = float('inf')",
        "x = float('-inf')",
        "x = q[..., 0]",
        "x = 0.9 ** 3",
        "x = 1 in (1, 2)",
        "w = [1.0]; w[0] += 1.0",
        "import torch.nn as nn",
        "from typing import List, Optional",
        "from torch import Tensor",
    ],
)
def test_what_honest_code_writes_is_accepted(line):
    compile_candidate(screen(BODY.format(line)).tree)


def test_the_function_that_nobody_calls_is_the_main_one():
    source = "def weights(s):\n    return s\n\ndef mix(q, s):\n    return weights(s)\n"
    assert screen(source).main == "mix"


def test_two_functions_that_nobody_calls_are_refused():
    assert refusal("def a(q, s):\n    return q\n\ndef b(q, s):\n    return s\n").code == "several"


@pytest.mark.parametrize(
    "source",
    [
        "x" * (MAX_SOURCE + 1),
        BODY.format("x = " + "(" * 50 + "1" + ")" * 50),
        BODY.format("x = " + "-" * 100 + "1"),
        BODY.format("x = " + "-\\\n" * 3000 + "1"),
        BODY.format("x = q" + ".T" * 3000),
        BODY.format("x = 1" + "+1" * 5000),
        BODY.format("x = " + "1 if 1 else " * 1000 + "1"),
    ],
)
def test_a_bomb_for_the_parser_is_a_refusal(source):
    assert refusal(source).code in ("too-large", "nesting", "syntax")
