"""The genome: a program as a small tree of names and numbers, which the search changes and the renderer writes out."""

from __future__ import annotations

from typing import Literal

import msgspec

from tfcaf_forge.records.base import Plain, canonical_json

Combiner = Literal["softmax", "mix", "share", "sigmoid", "clamp"]
COMBINERS: tuple[Combiner, ...] = ("softmax", "mix", "share", "sigmoid", "clamp")
MAX_TERMS = 4


class Term(Plain, frozen=True, kw_only=True):
    """A feature, or the product of two, times a weight."""

    feature: str
    times: str = ""
    weight: float


class Genome(Plain, frozen=True, kw_only=True):
    """One program.

    The agents' scores are the weighted sum of the terms, [B, N]; the combiner turns them into credits >= 0::

        softmax    softmax(score / t)
        mix        (1 - m) / N + m softmax(score / t)
        share      p / (sum p + eps)            with p = max(score, 0) + f
        sigmoid    2 / N sigmoid(c / t)         with c = score - mean(score)
        clamp      1 / N clamp(1 + c / t, f, 3)

    Attributes:
        temperature: t, or with a gate t (1 + gain gate(state)).
        blend: m of `mix`; f of `share` and `clamp`.
        gate: feature of the state that changes the temperature, or empty.
        bias, bias_weight: feature of the state that is added to Q_tot, or empty; it earns nobody credit.
    """

    terms: tuple[Term, ...]
    combiner: Combiner = "softmax"
    temperature: float = 1.0
    blend: float = 0.0
    gate: str = ""
    gain: float = 0.0
    bias: str = ""
    bias_weight: float = 0.0


def encode(genome: Genome) -> str:
    """Compact JSON, one text a genome."""
    return canonical_json(genome).decode()


def decode(text: object) -> Genome | None:
    """The genome of a text that `encode` wrote; None for anything else, such as another coder's parameters."""
    try:
        return msgspec.json.decode(text, type=Genome) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None
