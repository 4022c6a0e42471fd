"""The facade and the guards: what a value can be asked for, and what the budget stops. Each hole found is a test."""

from __future__ import annotations

import sys

import pytest
import torch

from tfcaf_forge.resources import bundled

sys.path.append(str(bundled("sandboxes")))
from guest import budget, composed, facade, names, operators, pythons
from guest.checks import check_value
from guest.guards import Guards, guarded_attribute
from guest.policy import compile_candidate
from guest.refusal import Refused
from guest.screen import screen


def run(body: str) -> torch.Tensor:
    """A function's result, without tracing and without confinement."""
    screened = screen("def tfcaf(q, s):\n" + "".join(f"    {line}\n" for line in body.splitlines()))
    inputs = torch.ones(3, 2), torch.arange(18.0).reshape(3, 6)
    scope = Guards(inputs).namespace()
    exec(compile_candidate(screened.tree), scope)
    return scope[screened.main](*inputs)


def refused(body: str) -> Refused:
    with pytest.raises(Refused) as caught:
        run(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("i = 3\nfor k in range(99):\n    i *= i", "number"),
        ("i = 2 ** 1000", "number"),
        ("x = [0]\nfor k in range(60):\n    x += x", "memory-limit"),
        ("x = [0]\nx *= 1000000", "memory-limit"),
        ("x = [0]\nfor k in range(60):\n    x = x + x", "memory-limit"),
        ("x = [0]\nfor k in range(60):\n    x.extend(x)", "memory-limit"),
        ("x = [0]\nx[0:0] = [1, 2]", "index"),
        ("x = q.shape * 1000000", "memory-limit"),
        ("def f(p):\n    p += p\n    return p\nx = f(p='fro')", "string"),
        ("def f(n):\n    return f(n - 1) + f(n - 1) if n > 0 else 1\nx = f(40)", "loop-limit"),
        ("x = [1] * 10000\nfor i in range(4000):\n    y = max(x)", "loop-limit"),
        ("for i in range(10 ** 15):\n    pass", "loop-limit"),
        ("x = torch.zeros(10 ** 5, 10 ** 5)", "memory-limit"),
        ("x = [q, s].index(s)", "argument"),
        ("x = [q] == [s]", "compare"),
        ("x = torch.zeros(2).long()\nx += 0.5", "dtype"),
        ("x = [s]\nx[0] += 1.0", "writes-input"),
        ("q += 1.0", "writes-input"),
        ("for q[0, 0] in range(2):\n    pass", "writes-input"),
        ("x = torch.abs.__call__", "attribute"),
    ],
)
def test_what_used_to_get_through_is_refused(body, code):
    if "__" in body:
        with pytest.raises(Refused):
            run(body)
        return
    assert refused(body).code == code


def test_a_list_that_grows_while_it_is_looped_over_prolongs_no_loop():
    run("x = [0]\nfor i in x:\n    x.append(i)")


def test_an_item_of_a_list_is_augmented_in_place_as_python_does():
    found = run("w = torch.zeros(3, 2)\nc = [w[:, 0], w[:, 1]]\nc[0] += 2.0\nreturn w")
    assert found.tolist() == [[2.0, 0.0]] * 3


def test_lists_that_hold_each_other_are_counted_not_walked():
    budget.restart()
    items: list[object] = [1.0] * 9000
    with pytest.raises(Refused):
        check_value("torch.stack", [items] * 9000)
    items.append(items)
    with pytest.raises(Refused):
        check_value("torch.stack", items)


def test_no_function_of_the_facade_hands_out_its_insides():
    for value in (facade.torch_namespace(), torch.abs, facade.torch_namespace().names["abs"], [].append, (), 1.0, None):
        for name in ("__globals__", "__closure__", "__class__", "names", "label", "fn", "func", "args", "os", "torch"):
            with pytest.raises(Refused):
                guarded_attribute(value, name)


def test_the_builtins_are_these_and_no_others():
    assert set(pythons.builtins()) == {
        "range", "enumerate", "zip", "float", "int", "bool", "abs", "sum", "round", "len", "min", "max", "any", "all",
        "list", "tuple", "reversed", "sorted", "pow", "True", "False", "None",
    }  # fmt: skip


def test_nothing_dangerous_is_on_the_lists():
    banned = (
        "as_strided set_ resize_ empty empty_like load save from_file numpy item tolist data storage untyped_storage apply_ map_ "
        "register_hook backward requires_grad_ random_ rand randn bernoulli dropout multinomial view_dtype share_memory_ ctc_loss"
    )
    for name in banned.split():
        assert name not in {*names.TORCH, *names.METHODS, *names.FUNCTIONAL, *facade.OWN}
    assert not [name for name in (*names.TORCH, *names.METHODS) if name.endswith("_") or name.startswith("_")]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (composed.cdist, torch.cdist),
        (composed.hypot, torch.hypot),
        (composed.logaddexp, torch.logaddexp),
        (composed.isclose, torch.isclose),
    ],
)
def test_composed_operations_agree_with_torch(made, wanted):
    a, b = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.ones(5, 4)
    torch.testing.assert_close(made(a, b), wanted(a, b))


def test_composed_shape_operations_agree_with_torch():
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(composed.roll(x, 1, 1), torch.roll(x, 1, 1))
    assert torch.equal(composed.roll(x, (1, -1), (0, 2)), torch.roll(x, (1, -1), (0, 2)))
    assert torch.equal(composed.roll(x, 5), torch.roll(x, 5))
    for offset in (-2, 0, 1, 9):
        if offset < 4:
            assert torch.equal(composed.diagonal(x, offset, 1, 2), torch.diagonal(x, offset, 1, 2))
    assert torch.equal(composed.median(x, 1)[0], torch.median(x, 1)[0])
    assert torch.equal(composed.median(x), torch.median(x))
    assert torch.equal(composed.cross(x[:, :, :3], x[:, :, :3] + 1), torch.linalg.cross(x[:, :, :3], x[:, :, :3] + 1))
    torch.testing.assert_close(composed.layer_norm(x, (4,)), torch.nn.functional.layer_norm(x, (4,)))
    torch.testing.assert_close(composed.mish(x), torch.nn.functional.mish(x))
    torch.testing.assert_close(composed.hardsigmoid(x), torch.nn.functional.hardsigmoid(x))


def test_truth_of_a_tensor_is_refused_with_a_remedy():
    with pytest.raises(Refused, match="where"):
        operators.truth(torch.ones(1))
