"""Random graphs over the op table, random boxes of inputs, and random inputs inside them."""

from __future__ import annotations

import math

import numpy as np
import torch

from tfcaf_forge.errors import GraphError
from tfcaf_forge.evidence.proofs.domains import FMAX, Val, above, below, raw
from tfcaf_forge.evidence.proofs.site import needed
from tfcaf_forge.graph import interpret
from tfcaf_forge.graph.opgraph import BatchDim, Data, Node, OpGraph, Ref, Special, Type, is_batch
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.records.task_spec import Agents, Credit, Environment, StateBlock, StateField, TaskSpec

B = BatchDim(1)
NUMBERS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    3.0,
    0.5,
    -0.5,
    0.1,
    1e-8,
    -1e-8,
    1e-6,
    10.0,
    88.0,
    -100.0,
    1e4,
    1e19,
    1e-20,
    1e-40,
    1e-45,
    3e38,
    16777216.0,
)
EDGES = (
    *(0.0, 0.0, 1.0, -1.0, 1.0, 2.0, 3.0, 0.5, 0.1, 1e-8, 1e-45, 1e-38, 1e-20, 5.0, 30.0, 87.0, 90.0, 104.0),
    *(1e4, 1e10, 1e19, 2e19, 1e38, FMAX, 16777217.0),
)
_FLOAT_ONLY = ("self", "other")


class Builder:
    """Grows a graph node by node; a node that meta tensors refuse is not added."""

    def __init__(self, rng: np.random.Generator, n_agents: int, state_size: int) -> None:
        self.rng = rng
        self.n_agents, self.state_size = n_agents, state_size
        self.nodes: list[Node] = []
        self.types: list[tuple[Type, ...]] = [(Type("float", (B, n_agents)),), (Type("float", (B, state_size)),)]
        self._meta = [
            [(torch.empty(rows, width, device="meta"),) for width in (n_agents, state_size)] for rows in (5, 11)
        ]
        self.touched = [True, False]

    def add(self, op: str, *args: object) -> Ref | None:
        node = Node(op, tuple(args), line=len(self.nodes) + 1)  # type: ignore[arg-type]
        index = len(self.nodes)
        made = []
        try:
            for rows, known in zip((5, 11), self._meta, strict=True):
                step = interpret.bind(node)
                made.append(interpret._run_meta(step, known, rows, node, index))
            types = interpret._types_of(made[0], made[1], node, index)
        except (GraphError, AttributeError, KeyError):
            return None
        if any(math.prod(s.factor if is_batch(s) else s for s in kind.shape) > 200 for kind in types):
            return None
        for known, out in zip(self._meta, made, strict=True):
            known.append(out)
        self.nodes.append(node)
        self.types.append(types)
        self.touched.append(any(self.touched[r.id] for r in node.refs()))
        return Ref(index + 2)

    def refs(self, dtype: str | None = None) -> list[Ref]:
        return [
            Ref(v, out)
            for v, kinds in enumerate(self.types)
            for out, kind in enumerate(kinds)
            if dtype is None or kind.dtype == dtype
        ]

    def type_of(self, ref: Ref) -> Type:
        return self.types[ref.id][ref.out]

    def pick(self, dtype: str | None = None) -> Ref:
        """A value, late ones and such that depend on local_q preferred."""
        refs = self.refs(dtype) or self.refs()
        weight = np.array([1.0 + 2.0 * self.touched[r.id] + 3.0 * (r.id > len(self.types) - 4) for r in refs])
        return refs[int(self.rng.choice(len(refs), p=weight / weight.sum()))]

    def _prepared(self, op: str) -> list[object] | None:
        """Arguments for operations that random ones seldom fit."""
        rng = self.rng
        ref = self.pick("float")
        shape = self.type_of(ref).shape
        if op in ("mm", "mv", "dot", "bmm") and self.refs("float"):
            width = shape[-1] if shape else 1
            if len(shape) not in (1, 2, 3) or not isinstance(width, int):
                return None
            want = {"mm": (width, 2), "mv": (width,), "dot": (width,), "bmm": (B, width, 2)}[op]
            rank = {"mm": 2, "mv": 2, "dot": 1, "bmm": 3}[op]
            if len(shape) != rank or is_batch(width):
                return None
            other = [r for r in self.refs("float") if self.type_of(r).shape == want]
            if op == "bmm":
                swapped = self.add("transpose.int", ref, 1, 2)
                return [ref, swapped] if swapped is not None else None
            count = math.prod(s for s in want if isinstance(s, int))
            values = tuple(float(np.float32(NUMBERS[int(k)])) for k in rng.integers(0, len(NUMBERS), count))
            made = self.add("const", Data("float", want, values))  # type: ignore[arg-type]
            return [ref, other[0] if other and rng.random() < 0.5 else made]
        if op in ("tril", "triu") and rng.random() < 0.8:
            made = self.add("unsqueeze", ref, 1) if len(shape) == 2 else ref
            return [made, int(rng.integers(-2, 3))]
        if op in ("select_scatter", "slice_scatter") and len(shape) >= 2 and isinstance(shape[1], int) and shape[1] > 0:
            same = [r for r in self.refs("float") if self.type_of(r).shape == shape]
            source = same[int(rng.integers(len(same)))]
            at = int(rng.integers(shape[1]))
            part = self.add("select.int", source, 1, at) if op == "select_scatter" else None
            if op == "slice_scatter":
                part = self.add("slice.Tensor", source, 1, at, at + 2, 1)
                return [ref, part, 1, at, at + 2, 1]
            return [ref, part, 1, int(rng.integers(shape[1]))]
        if op == "masked_fill.Tensor":
            mask = self.add("gt.Scalar", ref, 0)
            value = self.add("const", Data("float", (), (float(NUMBERS[int(rng.integers(8))]),)))
            return [ref, mask, value]
        if op == "where.self":
            mask = self.add(["gt.Scalar", "ge.Scalar", "ne.Scalar", "lt.Scalar"][int(rng.integers(4))], ref, 0)
            inner = self.add(["reciprocal", "log", "sqrt", "neg", "rsqrt"][int(rng.integers(5))], ref)
            return [mask, inner, self.pick("float")] if rng.random() < 0.5 else [mask, self.pick("float"), inner]
        return None

    def try_op(self, op: str, attempts: int = 12) -> Ref | None:
        """Add an operation with random arguments."""
        for attempt in range(attempts):
            prepared = self._prepared(op) if attempt % 2 == 0 else None
            if prepared is not None and None in prepared:
                continue
            made = self.add(op, *(prepared or self._arguments(op)))
            if made is not None:
                return made
        return None

    def idiom(self) -> None:
        """A pattern that models write, and that the proofs know; often a little wrong."""
        rng = self.rng
        wide = [r for r in self.refs("float") if len(self.type_of(r).shape) == 2 and self.type_of(r).shape[0] == B]
        x = wide[int(rng.integers(len(wide)))]
        op = [None, "relu", "abs", "exp", "square", "sigmoid"][int(rng.integers(6))]
        if op is not None:
            x = self.add("mul.Tensor", x, x) if op == "square" else self.add(op, x)
        if x is None:
            return
        y = x if rng.random() < 0.85 else wide[int(rng.integers(len(wide)))]
        kind = int(rng.integers(11))
        if kind == 8:
            self._counted(x)
        elif kind == 9:
            self.add("nan_to_num", x, *(self._number("nan_to_num", n) if rng.random() < 0.3 else None for n in "abc"))
        elif kind == 10:
            big = float(rng.choice([1e8, 1e4, 16777216.0, 1e30]))
            there = self.add("add.Tensor", x, big, 1)
            back = there and self.add("sub.Tensor", there, big, 1)
            _ = back and self.add("sub.Tensor", self.add("mul.Tensor", x, 2), back, 1)
        elif kind == 0:
            self._divide(y, self._offset(self._kept("sum", x)))
        elif kind == 1:
            high, low = self._kept("max", x), self._kept("min", x)
            top, width = self.add("sub.Tensor", y, low, 1), self.add("sub.Tensor", high, low, 1)
            self._divide(top, self._offset(width))
            self.add("sub.Tensor", high, y, 1)
            self.add("ge.Tensor", high, y)
        elif kind == 2:
            self._guarded(x)
        elif kind == 3:
            norm = self.add("linalg_vector_norm", x, [1, 2, 2.0][int(rng.integers(3))], (1,), True, None)
            self._divide(y, self._offset(norm))
        elif kind == 4:
            self._stacked(x)
        elif kind == 5:
            self._divide(y, self._offset(self._kept("norm1", x)))
        elif kind == 6:
            mask = self.add("_to_copy", self._condition(x), "float")
            inner = self.try_op("reciprocal") if rng.random() < 0.3 else self.add("sqrt", x)
            if mask is not None and inner is not None:
                self.add("mul.Tensor", mask, inner)
                again = self.add("gt.Scalar", mask, 0.5)
                if again is not None:
                    self.add("where.self", again, inner, x)
        else:
            part = self.add("mul.Tensor", x, self.add("_to_copy", self._condition(x), "float") or x)
            self._divide(part, self._offset(self._kept("sum", x)))

    def _counted(self, x: Ref) -> None:
        """Integers near the ends of their range, and a mask that follows from comparing them."""
        rng = self.rng
        large = self.add("mul.Tensor", x, float(rng.choice([1.0, 1e10, 1e19, 1e30])))
        number = large and self.add("_to_copy", large, "int")
        for _ in range(int(rng.integers(1, 4))):
            kind = int(rng.integers(6))
            if number is None:
                return
            if kind < 2:
                number = self.add(["abs", "neg"][kind], number)
            elif kind == 2:
                number = self.add("clamp_max", number, int(rng.integers(-1, 6)))
            elif kind == 3:
                end = int(rng.choice([2**63 - 1, -(2**63), 2**53]))
                number = self.add("add.Tensor", number, self.add("const", Data("int", (1,), (end,))), 1)
            elif kind == 4:
                number = self.add("add.Tensor", number, self.pick("int"), 1)
            else:
                number = self.add("mul.Tensor", number, self.pick("int"))
        other = self.pick("int") if rng.random() < 0.5 else 0
        name = "Tensor" if isinstance(other, Ref) else "Scalar"
        test = number and self.add(f"{['ge', 'lt', 'gt'][int(rng.integers(3))]}.{name}", number, other)
        mask = test and self.add("_to_copy", test, "float")
        if mask is not None:
            self.add("sub.Tensor", self.add("mul.Tensor", mask, 2), 1, 1)

    def _kept(self, kind: str, x: Ref) -> Ref | None:
        """A reduction over dimension 1 with the dimension kept, in one of several spellings."""
        rng = self.rng
        if kind == "norm1":
            size = self.add("abs", x)
            return size and self._kept(["sum", "max"][int(rng.integers(2))], size)
        keep = rng.random() < 0.6
        if kind == "sum":
            out = self.add("sum.dim_IntList", x, (1,), keep, None)
        elif rng.random() < 0.5:
            out = self.add(f"a{kind}", x, (1,), keep)
        else:
            out = self.add(f"{kind}.dim", x, 1, keep)
        if out is None or keep:
            return out
        return self.add("unsqueeze", out, 1) if rng.random() < 0.6 else self.add("view", out, (B, 1))

    def _offset(self, x: Ref | None) -> Ref | None:
        """A guard against zero: an epsilon, a clamp, or none."""
        rng = self.rng
        if x is None:
            return None
        small = float(rng.choice([1e-8, 1e-6, 1e-3, 1.0, -1e-8, 0.0]))
        kind = int(rng.integers(5))
        if kind == 0:
            return self.add("add.Tensor", x, small, 1)
        if kind == 1:
            return self.add("clamp_min", x, small)
        if kind == 2:
            return self.add("clamp", x, small, None if rng.random() < 0.7 else 2.0)
        if kind == 3:
            return self.add("add.Tensor", x, self.pick("float"), 1)
        return x

    def _divide(self, x: Ref | None, y: Ref | None) -> None:
        if x is None or y is None:
            return
        out = self.add("div.Tensor", x, y)
        if out is not None and self.rng.random() < 0.5:
            self.add("rsub.Scalar", out, 1, 1)

    def _condition(self, x: Ref) -> Ref | None:
        """A comparison with a number or a value, sometimes negated or joined with another."""
        rng = self.rng
        name = ["gt", "ge", "lt", "le", "ne", "eq"][int(rng.integers(6))]
        made = self.add(f"{name}.Scalar", x, float(rng.choice([0.0, 1.0, -1.0, 0.5, 1e-8])))
        if rng.random() < 0.2:
            made = self.add(f"{name}.Tensor", x, self.pick("float")) or made
        if made is not None and rng.random() < 0.25:
            made = self.add("logical_not", made)
        if made is not None and rng.random() < 0.3:
            other = self.add("gt.Scalar", self.pick("float"), 0)
            made = (
                self.add(["logical_and", "logical_or", "bitwise_and.Tensor"][int(rng.integers(3))], made, other) or made
            )
        return made

    def _guarded(self, x: Ref) -> None:
        """where(cond(x), f(x), k), or the same by masked_fill."""
        rng = self.rng
        condition = self._condition(x)
        inner = self.add(["reciprocal", "log", "sqrt", "rsqrt", "neg", "exp"][int(rng.integers(6))], x)
        if rng.random() < 0.4 and inner is not None:
            inner = self.add("mul.Tensor", inner, x) or inner
        other = self.add("full_like", x, float(rng.choice([0.0, 1.0, -1e9])), None) if rng.random() < 0.6 else x
        if condition is None or inner is None or other is None:
            return
        if rng.random() < 0.2:
            self.add("masked_fill.Scalar", inner, condition, 0.5)
        elif rng.random() < 0.5:
            self.add("where.self", condition, inner, other)
        else:
            self.add("where.self", condition, other, inner)

    def _stacked(self, x: Ref) -> None:
        """a / (a + b + e) element by element, then stacked."""
        width = self.type_of(x).shape[1]
        if not isinstance(width, int) or width < 2:
            return
        a, b = self.add("select.int", x, 1, 0), self.add("select.int", x, 1, width - 1)
        total = self._offset(self.add("add.Tensor", a, b, 1))
        self._divide(a, total)
        joined = self.add("stack", (a, b), 1)
        if total is not None:
            self._divide(joined, self.add("unsqueeze", total, 1))

    def finish(self, last: Ref | None = None) -> OpGraph | None:
        """Make Q_tot [B, 1] out of some values."""
        ends = []
        for _ in range(8):
            ref = last or self.pick("float")
            last = None
            shape = self.type_of(ref).shape
            if self.type_of(ref).dtype != "float":
                ref = self.add("_to_copy", ref, "float") or ref
            if not shape or shape[0] != B or any(is_batch(s) for s in shape[1:]):
                continue
            if len(shape) > 1:
                ref = self.add("sum.dim_IntList", ref, tuple(range(1, len(shape))), False, None)
            ref = ref and self.add("unsqueeze", ref, 1)
            if ref is not None:
                ends.append(ref)
            if len(ends) == 1 + (self.rng.random() < 0.2):
                break
        if not ends:
            return None
        out = ends[0] if len(ends) == 1 else self.add("add.Tensor", ends[0], ends[1], 1)
        if out is None:
            return None
        graph = live(OpGraph(self.n_agents, self.state_size, tuple(self.nodes), out))
        try:
            verify(graph)
        except GraphError:
            return None
        return graph

    def _arguments(self, op: str) -> list[object]:
        rng, row = self.rng, TABLE[op]
        first: Ref | None = None
        args: list[object] = []
        for name, kind in row.params:
            arg = self._argument(op, name, kind, first)
            if isinstance(arg, Ref) and first is None:
                first = arg
            args.append(arg)
        if op.startswith("pad") or (op == "constant_pad_nd" and rng.random() < 0.9):
            args[1] = tuple(int(x) for x in rng.integers(-1, 3, 2))
        return args

    def _argument(self, op: str, name: str, kind: str, first: Ref | None) -> object:
        rng = self.rng
        if kind in ("t", "v"):
            return self._operand(op, name, kind, first)
        if kind == "t?":
            return None if rng.random() < 0.3 else self.pick("float")
        if kind == "tl":
            base = self.pick()
            same = [r for r in self.refs() if self.type_of(r).dtype == self.type_of(base).dtype]
            close = [r for r in same if self.type_of(r).shape == self.type_of(base).shape]
            return tuple(close[int(rng.integers(len(close)))] for _ in range(int(rng.integers(1, 4))))
        if kind == "tn":
            return self._indices(first)
        if kind in ("n", "n?"):
            if kind == "n?" and rng.random() < 0.4:
                return None
            return self._number(op, name)
        if kind == "b":
            return bool(rng.random() < 0.5)
        if kind in ("i", "i?"):
            return self._integer(op, name, kind, first)
        if kind in ("il", "il?"):
            return self._integers(op, name, first)
        if kind == "z":
            return self._sizes(op, first)
        if kind == "d?":
            if op == "_to_copy":
                return rng.choice(["float", "int", "bool"]).item()
            return None if rng.random() < 0.8 else "float"
        if kind == "e":
            choices: list[object] = [B, 1, 2, 3, (1 << 63) - 1]
            return choices[int(rng.integers(len(choices)))]
        if kind == "m?":
            return [None, "trunc", "floor"][int(rng.integers(3))]
        return self._data()

    def _operand(self, op: str, name: str, kind: str, first: Ref | None) -> object:
        rng = self.rng
        if kind == "v" and rng.random() < 0.4 and first is not None:
            return self._number(op, name)
        wanted = None
        if name in ("condition", "mask") or op.startswith("logical_"):
            wanted = "bool" if self.refs("bool") else None
        elif op.startswith("bitwise"):
            wanted = ["bool", "int"][int(rng.integers(2))]
        elif name == "index":
            wanted = "int"
        elif rng.random() < 0.85:
            wanted = "float"
        if first is not None and name in ("src", "index", "mat2") and rng.random() < 0.5:
            shape = self.type_of(first).shape
            close = [r for r in self.refs(wanted) if len(self.type_of(r).shape) == len(shape)]
            if close:
                return close[int(rng.integers(len(close)))]
        if op in ("floor_divide", "remainder.Tensor", "fmod.Tensor", "div.Tensor_mode") and rng.random() < 0.3:
            wanted = "int"
        return self.pick(wanted)

    def _number(self, op: str, name: str) -> object:
        rng = self.rng
        if name == "ord":
            return [1, 2, 2.0, Special("inf"), 3][int(rng.integers(5))]
        if name == "exponent":
            return [2, 3, 0.5, -1, -0.5, 0, 1, -2, 1.5, 4, -3, 2.7, 5, 1e-50, 1.27, 0.3][int(rng.integers(16))]
        if name in ("beta", "alpha", "scale", "input_scale"):
            if op in ("elu", "softplus") and rng.random() < 0.1:
                return [1e30, 1e-30, 1e-40, 3e38][int(rng.integers(4))]
            return [1, 1, 2, 0.5, -1][int(rng.integers(5))] if name != "beta" else [1, 2, 0.5][int(rng.integers(3))]
        if name == "threshold":
            return [20, 5, 20][int(rng.integers(3))]
        if name == "correction":
            return int(rng.integers(0, 3))
        if rng.random() < 0.04:
            return Special(["inf", "-inf"][int(rng.integers(2))])
        if rng.random() < 0.4:
            return int(rng.integers(-3, 5))
        return float(NUMBERS[int(rng.integers(len(NUMBERS)))])

    def _integer(self, op: str, name: str, kind: str, first: Ref | None) -> object:
        rng = self.rng
        rank = len(self.type_of(first).shape) if first is not None else 1
        if name.startswith("dim"):
            extra = 1 if op in ("unsqueeze", "stack") else 0
            low = 1 if rank > 1 and rng.random() < 0.85 else 0
            return int(rng.integers(low, max(rank + extra, low + 1))) - (0 if rng.random() < 0.7 else rank + extra)
        if kind == "i?":
            return [None, 0, 1, -1][int(rng.integers(4))]
        if name == "step":
            return int(rng.integers(1, 3))
        if name in ("k", "split_size", "n", "m", "steps"):
            return int(rng.integers(1, 4))
        return int(rng.integers(-2, 3))

    def _integers(self, op: str, name: str, first: Ref | None) -> object:
        rng = self.rng
        rank = len(self.type_of(first).shape) if first is not None else 1
        if name == "split_sizes" and first is not None:
            size = self.type_of(first).shape[-1] if rank else 1
            return (1, int(size) - 1) if isinstance(size, int) and size > 1 else (1,)
        if op == "permute":
            order = [0, *(1 + rng.permutation(max(rank - 1, 0)))] if rng.random() < 0.8 else list(rng.permutation(rank))
            return tuple(int(d) for d in order[:rank])
        if rng.random() < 0.1:
            return ()
        low = 1 if rank > 1 and rng.random() < 0.9 else 0
        dims = rng.permutation(np.arange(low, max(rank, low + 1)))[: int(rng.integers(1, 3))]
        return tuple(int(d) for d in dims)

    def _sizes(self, op: str, first: Ref | None) -> object:
        rng = self.rng
        shape = self.type_of(first).shape if first is not None else ()
        if op in ("view", "_unsafe_view"):
            rest = math.prod(s for s in shape if isinstance(s, int))
            options = [(B, rest), (B, rest, 1), (B, 1, rest), (B, *shape[1:], 1)]
            if rest % 2 == 0:
                options += [(B, 2, rest // 2), (B, rest // 2, 2), (BatchDim(2), rest // 2)]
            return options[int(rng.integers(len(options)))]
        if op == "expand":
            return tuple(int(rng.integers(1, 4)) if s == 1 else s for s in shape)
        if op == "repeat":
            return tuple(1 if is_batch(s) or rng.random() < 0.5 else 2 for s in shape)
        options = [(B, self.n_agents), (B, 1), (B,), (2,), (), (1, 3), (B, 2, 2)]
        return options[int(rng.integers(len(options)))]

    def _indices(self, first: Ref | None) -> object:
        rng = self.rng
        ints = self.refs("int")
        if first is None or not ints:
            return (None,)
        rank = len(self.type_of(first).shape)
        at = int(rng.integers(1 if rank > 1 and rng.random() < 0.9 else 0, max(rank, 1)))
        picked = ints[int(rng.integers(len(ints)))]
        if rng.random() < 0.3 and rank > 1:
            counts = [r for r in ints if self.types[r.id][0].shape == (B,)]
            if counts:
                return (counts[int(rng.integers(len(counts)))], picked)
        return (*([None] * at), picked)

    def _data(self) -> Data:
        rng = self.rng
        shape = [(), (2,), (3,), (1, self.n_agents), (self.n_agents,), (2, 2), (self.state_size, self.n_agents)][
            int(rng.integers(7))
        ]
        count = math.prod(shape)
        dtype = ["float", "float", "int", "bool"][int(rng.integers(4))]
        if dtype == "float":
            values = [float(np.float32(NUMBERS[int(k)])) for k in rng.integers(0, len(NUMBERS), count)]
        elif dtype == "int":
            values = [int(x) for x in rng.integers(0, 3, count)]
            if rng.random() < 0.1:
                values = [(0, 2**53, 2**53 + 1, -(2**63), 2**63 - 1)[int(k)] for k in rng.integers(0, 5, count)]
        else:
            values = [bool(x) for x in rng.integers(0, 2, count)]
        return Data(dtype, shape, tuple(values))


def live(graph: OpGraph) -> OpGraph:
    """The graph without the nodes that nobody reads."""
    keep = needed(graph)
    target = {Ref(v, out): Ref(v, out) for v in (0, 1) for out in (0,)}
    nodes: list[Node] = []
    for index, node in enumerate(graph.nodes):
        if keep[index + 2]:
            for out in range(8):
                target[Ref(index + 2, out)] = Ref(len(nodes) + 2, out)
            nodes.append(node.with_refs({ref: target[ref] for ref in node.refs()}))
    return OpGraph(graph.n_agents, graph.state_size, tuple(nodes), target[graph.output])


_WEIGHT = {
    **dict.fromkeys(("mul.Tensor", "add.Tensor", "sub.Tensor", "div.Tensor", "sum.dim_IntList"), 6.0),
    **dict.fromkeys(("where.self", "select.int", "slice.Tensor", "_softmax", "unsqueeze", "stack", "cat"), 4.0),
    **dict.fromkeys(
        ("gt.Scalar", "lt.Scalar", "ge.Tensor", "exp", "clamp", "clamp_min", "relu", "abs", "_to_copy"), 3.0
    ),
}


def random_graph(
    rng: np.random.Generator, *, size: int, op: str | None = None, n_agents: int = 2, state_size: int = 5
) -> OpGraph | None:
    """A graph of about `size` operations, one of them `op` if it is named and fits."""
    builder = Builder(rng, n_agents, state_size)
    names = list(TABLE)
    weights = np.array([_WEIGHT.get(name, 1.0) for name in names])
    weights /= weights.sum()
    if op is not None or rng.random() < 0.5:
        builder.add("gt.Scalar", Ref(1), 0)
        builder.add("const", Data("int", (2,), (0, 1)))
        ints = builder.add("_to_copy", Ref(1), "int")
        if ints is not None and rng.random() < 0.7:
            builder.add("clamp", builder.add("select.int", ints, 1, 0), 0, 1)
        if rng.random() < 0.5:
            builder.add("arange", B, None)
        if rng.random() < 0.5:
            builder.add("view", Ref(0), (B, n_agents, 1))
            builder.add("mul.Tensor", Ref(0), Ref(len(builder.nodes) + 1)) if rng.random() < 0.3 else None
    idioms = 0.4 if rng.random() < 0.5 else 0.0
    for name in rng.choice(names, size=size, p=weights):
        if rng.random() < idioms:
            builder.idiom()
        else:
            builder.try_op(str(name), 4)
    last = None
    if op is not None:
        last = builder.try_op(op, 40)
        if last is None:
            return None
        for out, kind in enumerate(builder.types[last.id]):
            if kind.dtype == "float" and rng.random() < 0.5:
                last = Ref(last.id, out)
        if rng.random() < 0.5:
            last = builder.try_op(str(rng.choice(names, p=weights)), 4) and last
    elif rng.random() < 0.6:
        weight = [r for r in builder.refs("float") if len(builder.type_of(r).shape) == 2]
        if weight:
            last = builder.add("mul.Tensor", Ref(0), weight[int(rng.integers(len(weight)))])
    return builder.finish(last)


def random_box(rng: np.random.Generator, shape: tuple[int, ...], *, tame: bool) -> Val:
    """Random intervals: between special numbers, points, and integer ranges."""
    edges = np.array([e for e in EDGES if not tame or e <= 100.0])
    ends = rng.choice(edges, size=(2, *shape)) * rng.choice([-1.0, 1.0], size=(2, *shape))
    narrow = rng.random(shape) < rng.choice([0.0, 0.3, 0.3, 1.0])
    ends[1] = np.where(narrow, ends[0] + rng.choice([0.0, 1e-8, 1.0, 0.1], size=shape), ends[1])
    lo, hi = below(np.minimum(*ends)), above(np.maximum(*ends))
    lo, hi = np.clip(lo, -FMAX, FMAX), np.clip(hi, -FMAX, FMAX)
    whole = (lo == np.floor(lo)) & (hi == np.floor(hi)) & (rng.random(shape) < 0.5) & (np.maximum(-lo, hi) < 1e6)
    tiny = float(np.finfo(np.float32).tiny)
    lo = np.where((lo > 0) & (lo < tiny), 0.0, lo)
    hi = np.where((hi < 0) & (hi > -tiny), 0.0, hi)
    return raw(lo, hi, False, whole)


def points_in(rng: np.random.Generator, box: Val) -> np.ndarray:
    """Random float32 numbers inside a box: its ends, zeros of both signs, subnormals, and numbers between."""
    lo, hi = box.lo, box.hi
    u = rng.random(lo.shape)
    linear = np.clip(lo + (hi - lo) * u, lo, hi)
    kind = rng.integers(0, 8, lo.shape)
    special = rng.choice(np.array([0.0, -0.0, 1e-45, -1e-45, 1e-8, -1e-8, 1.0, -1.0, 1e-20, 1e-39]), size=lo.shape)
    x = np.where(kind == 0, lo, np.where(kind == 1, hi, np.where(kind == 2, special, linear)))
    tight = lo * np.exp2(-20.0 * u) if rng.random() < 0.5 else hi * np.exp2(-20.0 * u)
    x = np.where(kind == 3, tight, x)
    x = np.where(box.whole, np.round(x), x).astype(np.float32).astype(np.float64)
    x = np.where((x >= lo) & (x <= hi), x, np.where(kind % 2 == 0, lo, hi))
    return x.astype(np.float32)


def random_task(rng: np.random.Generator, *, n_agents: int = 2, elements: int = 2) -> TaskSpec:
    """A task of a few elements with fields of all kinds, small and awkward ranges, and absent elements."""
    fields = []
    for name in "ab":
        kind = ["continuous", "integer", "categorical"][int(rng.integers(3))]
        low, high = sorted(float(x) for x in rng.choice([-1, 0, 0, 1, 2, 3, 5, 0.5, 1e-8, -1e-8, 10], 2))
        if kind != "continuous":
            low, high = float(np.floor(low)), float(np.ceil(high))
        fields.append(
            StateField(name=name, kind=kind, low=low, high=high, absent=[None, -1.0, 0.0][int(rng.integers(3))])
        )
    last = StateField(name="c", low=float(rng.choice([-1.0, 0.0])), high=1.0, irrelevant=bool(rng.random() < 0.4))
    q_high = float(rng.choice([1.0, 10.0, 40.0]))
    return TaskSpec(
        name="random",
        title="random",
        environment=Environment(kind="none"),
        agents=Agents(count=n_agents),
        actions=("a",),
        episode_limit=1,
        credit=Credit(q_low=-q_high, q_high=q_high, q_scale=float(rng.choice([1.0, 2.0]))),
        state=(
            StateBlock(name="thing", count=elements, fields=tuple(fields)),
            StateBlock(name="rest", fields=(last,)),
        ),
    )


def states_of(rng: np.random.Generator, task: TaskSpec, rows: int) -> np.ndarray:
    """Random states of a task: elements there or absent as a whole, ends of ranges, zeros, subnormals."""
    slots = task.layout
    low, high = (np.tile([getattr(s, end) for s in slots], (rows, 1)) for end in ("low", "high"))
    whole = np.array([s.kind != "continuous" for s in slots])
    points = points_in(rng, raw(low, high, False, whole)).astype(np.float64)
    integers = np.floor(low + (high - low + 1.0) * rng.random(low.shape) * (1 - 1e-9))
    out = np.where(whole, integers, np.clip(points, low, high))
    absent = np.array([np.nan if s.absent is None else s.absent for s in slots])
    names = sorted({(s.block, s.element) for s in slots})
    gone = rng.random((rows, len(names))) < 0.3
    gone = gone[:, [names.index((s.block, s.element)) for s in slots]]
    return np.where(gone & ~np.isnan(absent), absent, out).astype(np.float32)
