"""The moves of the search: draw a genome, change one, cross two. Every move ends in `settle`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from tfcaf_forge.proposals.offline.genome import COMBINERS, MAX_TERMS, Combiner, Genome, Term
from tfcaf_forge.proposals.offline.menu import Menu

T = TypeVar("T")
_CLASSIC = (("near.", 1.5), ("adjacent.", 1.0), ("share.", 1.0))
_HEAT = (0.2, 3.0)
"""Bounds of a temperature. Draws stay in the colder part: near the upper end credits are nearly equal."""
_DRAWN_HEAT = (0.25, 1.0)
_WEIGHT = 3.0
"""Largest weight of a term, either sign."""


def classic(menu: Menu) -> Genome:
    """What an author would try first: softmax over closeness, standing next to something, and share of the level."""
    known = [(next((i for i in menu.by_agent if i.startswith(head)), ""), weight) for head, weight in _CLASSIC]
    terms = [Term(feature=feature, weight=weight) for feature, weight in known if feature]
    return settle(Genome(terms=tuple(terms) or (Term(feature=menu.leads[0][0], weight=1.0),), temperature=0.6), menu)


def draw(menu: Menu, rng: np.random.Generator, turn: int) -> Genome:
    """A fresh genome; consecutive turns lead with another family and another combiner."""
    lead = pick(rng, menu.leads[turn % len(menu.leads)])
    others = [pick(rng, pick(rng, menu.families)) for _ in range(int(rng.random() * MAX_TERMS))]
    genome = Genome(
        terms=tuple(_term(f, menu.leads if f == lead else menu.families, rng) for f in dict.fromkeys([lead, *others])),
        combiner=COMBINERS[turn % len(COMBINERS)],
        temperature=_heat(rng),
        blend=_blend(rng),
    )
    genome = _gate(genome, menu, rng) if rng.random() < 0.2 else genome
    return settle(_bias(genome, menu, rng) if rng.random() < 0.15 else genome, menu)


def mutate(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    """The same program with one to three small changes."""
    moves = [move for move, times in _MOVES for _ in range(times)]
    for _ in range(1 + int(rng.random() * 2.5)):
        genome = pick(rng, moves)(genome, menu, rng)
    return settle(genome, menu)


def cross(one: Genome, other: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    """Terms of both, and the rest from either."""
    terms = [term for term in (*one.terms, *other.terms) if rng.random() < 0.6]
    body, gate, bias = (pick(rng, (one, other)) for _ in range(3))
    child = replace(
        body,
        terms=tuple(terms) or one.terms,
        gate=gate.gate,
        gain=gate.gain,
        bias=bias.bias,
        bias_weight=bias.bias_weight,
    )
    return settle(child, menu)


def settle(genome: Genome, menu: Menu) -> Genome:
    """The canonical form: known features only, sorted and merged terms, rounded and bounded numbers, no idle genes."""
    merged: dict[tuple[str, str], float] = {}
    for term in genome.terms:
        if key := _key(term, menu):
            merged[key] = merged.get(key, 0.0) + term.weight
    kept = sorted(merged, key=lambda key: -abs(merged[key]))[:MAX_TERMS] or [(menu.leads[0][0], "")]
    combiner, heated = genome.combiner, genome.combiner != "share"
    if combiner == "share" and all(merged.get(key, 1.0) <= 0 for key in kept):
        merged = {key: -weight for key, weight in merged.items()}  # or its clamp at 0 would leave equal weights
    terms = tuple(Term(feature=a, times=b, weight=_weight(merged.get((a, b), 1.0))) for a, b in sorted(kept))
    gated = heated and genome.gate in menu.of_state and abs(genome.gain) >= 0.1
    biased = genome.bias in menu.of_state and abs(genome.bias_weight) >= 0.05
    return Genome(
        terms=terms,
        combiner=combiner,
        temperature=_bounded(genome.temperature, *_HEAT) if heated else 1.0,
        blend=_settled_blend(combiner, genome.blend),
        gate=genome.gate if gated else "",
        gain=_bounded(genome.gain, 0.1, 4.0) if gated else 0.0,
        bias=genome.bias if biased else "",
        bias_weight=_bounded(genome.bias_weight, -5.0, 5.0) if biased else 0.0,
    )


def _key(term: Term, menu: Menu) -> tuple[str, str] | None:
    """A term's features in order; without the second one where the product would nearly always be 0 or a square."""
    known = [menu.by_agent[name] for name in (term.feature, term.times) if name in menu.by_agent]
    if len(known) == 2 and (known[0].family == known[1].family or (known[0].sparse and known[1].sparse)):
        known = known[:1]
    names = sorted(feature.id for feature in known)
    return (names[0], names[1] if len(names) == 2 else "") if names else None


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of the items. Only `random()` is used of the generator: its stream is the steadiest across releases."""
    return items[int(rng.random() * len(items))]


def _settled_blend(combiner: Combiner, blend: float) -> float:
    """`mix` blends most of the way; `share` and `clamp` need a floor above 0, or an agent may starve."""
    if combiner == "mix":
        return _bounded(blend, 0.3, 0.95)
    return _bounded(blend / 4.0 if blend > 0.25 else blend, 0.02, 0.25) if combiner in ("share", "clamp") else 0.0


def _bounded(value: float, low: float, high: float) -> float:
    return round(min(max(value, low), high), 2)


def _weight(weight: float) -> float:
    bounded = _bounded(weight, -_WEIGHT, _WEIGHT)
    return bounded if abs(bounded) >= 0.05 else 0.05


def _normal(rng: np.random.Generator) -> float:
    """Nearly normal, deviation 1: the sum of three uniform numbers."""
    return 2.0 * (float(rng.random()) + float(rng.random()) + float(rng.random()) - 1.5)


def _heat(rng: np.random.Generator) -> float:
    low, high = _DRAWN_HEAT
    return low * (high / low) ** float(rng.random())


def _blend(rng: np.random.Generator) -> float:
    return 0.3 + 0.65 * float(rng.random())


def _term(feature: str, families: list[list[str]], rng: np.random.Generator) -> Term:
    """A term of random weight; one in five is a product with a feature of the given families."""
    sign = 1.0 if rng.random() < 0.8 else -1.0
    weight = sign * (0.4 + 2.2 * float(rng.random()))
    times = pick(rng, pick(rng, families)) if rng.random() < 0.2 else ""
    return Term(feature=feature, times="" if times == feature else times, weight=weight)


Move = Callable[[Genome, Menu, np.random.Generator], Genome]


def _nudge(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    place = int(rng.random() * len(genome.terms))
    terms = list(genome.terms)
    terms[place] = replace(terms[place], weight=terms[place].weight + 0.6 * _normal(rng))
    return replace(genome, terms=tuple(terms))


def _swap(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    place = int(rng.random() * len(genome.terms))
    terms = list(genome.terms)
    terms[place] = replace(terms[place], feature=pick(rng, pick(rng, menu.families)))
    return replace(genome, terms=tuple(terms))


def _grow(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    return replace(genome, terms=(*genome.terms, _term(pick(rng, pick(rng, menu.families)), menu.families, rng)))


def _drop(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    if len(genome.terms) == 1:
        return _swap(genome, menu, rng)
    place = int(rng.random() * len(genome.terms))
    return replace(genome, terms=genome.terms[:place] + genome.terms[place + 1 :])


def _recombine(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    return replace(genome, combiner=pick(rng, COMBINERS), blend=_blend(rng))


def _warm(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    return replace(
        genome, temperature=genome.temperature * 2.0 ** (0.7 * _normal(rng)), blend=genome.blend + 0.1 * _normal(rng)
    )


def _gate(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    if genome.gate or not menu.of_state:
        return replace(genome, gate="", gain=0.0)
    return replace(genome, gate=pick(rng, pick(rng, menu.state_families)), gain=0.3 + 2.7 * float(rng.random()))


def _bias(genome: Genome, menu: Menu, rng: np.random.Generator) -> Genome:
    if genome.bias or not menu.of_state:
        return replace(genome, bias="", bias_weight=0.0)
    return replace(genome, bias=pick(rng, pick(rng, menu.state_families)), bias_weight=2.0 * _normal(rng))


_MOVES: tuple[tuple[Move, int], ...] = (
    (_nudge, 6), (_warm, 3), (_swap, 2), (_grow, 2), (_drop, 2), (_recombine, 2), (_gate, 1), (_bias, 1),
)  # fmt: skip
"""The changes and how often each is made."""
