"""Genome to source text: the function as a careful author would write it."""

from __future__ import annotations

from tfcaf_forge.proposals.offline.genome import Genome, Term
from tfcaf_forge.proposals.offline.menu import Menu
from tfcaf_forge.proposals.offline.page import Page
from tfcaf_forge.proposals.offline.reading import number, printable


def render(genome: Genome, menu: Menu) -> str:
    """The source of a genome's function.

    It reads local_q [B, N] and state [B, S] and returns Q_tot [B, 1] = sum_i w_i(state) Q_i + bias(state), w_i >= 0.
    """
    page = Page()
    _score(page, genome, menu)
    _weights(page, genome, menu)
    _result(page, genome, menu)
    head = f"# local_q: [B, {menu.agents}], state: [B, {menu.state_size}]; returns Q_tot, [B, 1]"
    return "\n".join(["def tfcaf(local_q, state):", *(f"    {line}".rstrip() for line in (head, *page.lines))]) + "\n"


def _score(page: Page, genome: Genome, menu: Menu) -> None:
    """`score`, [B, N]: the weighted sum of the terms."""
    values = [_term(page, term, menu) for term in genome.terms]
    page.add("", f"# score of each agent, [B, {menu.agents}]")
    for place, (term, value) in enumerate(zip(genome.terms, values, strict=True)):
        words = " times ".join(menu.by_agent[name].words for name in (term.feature, term.times) if name)
        weight = number(term.weight if place == 0 else abs(term.weight))
        start = "" if place == 0 else "score - " if term.weight < 0 else "score + "
        page.add(f"score = {start}{weight} * {value}  # {printable(words)}")


def _term(page: Page, term: Term, menu: Menu) -> str:
    value = menu.by_agent[term.feature].write(page)
    if not term.times:
        return value
    return page.let(f"{value}_times", f"{value} * {menu.by_agent[term.times].write(page)}")


def _weights(page: Page, genome: Genome, menu: Menu) -> None:
    """`weights`, [B, N], none of them negative."""
    heat, share = _temperature(page, genome, menu), number(genome.blend)
    n = f"{menu.agents}.0"
    if genome.combiner in ("sigmoid", "clamp"):
        page.add("score = score - score.mean(dim=1, keepdim=True)")
    match genome.combiner:
        case "softmax":
            page.add(f"weights = torch.softmax(score / {heat}, dim=1)")
        case "mix":
            page.add("# a part of the credit is shared equally, so that no agent is left without")
            page.add(f"weights = (1.0 - {share}) / {n} + {share} * torch.softmax(score / {heat}, dim=1)")
        case "share":
            page.add(f"weights = torch.clamp(score, min=0.0) + {share}")
            page.add("weights = weights / (weights.sum(dim=1, keepdim=True) + 1e-6)")
        case "sigmoid":
            page.add(f"weights = torch.sigmoid(score / {heat}) * 2.0 / {n}")
        case "clamp":
            page.add(f"weights = torch.clamp(1.0 + score / {heat}, {share}, 3.0) / {n}")


def _temperature(page: Page, genome: Genome, menu: Menu) -> str:
    if not genome.gate:
        return number(genome.temperature)
    gate = menu.of_state[genome.gate]
    name, words = gate.write(page), printable(gate.words)
    page.add(f"temperature = {number(genome.temperature)} * (1.0 + {number(genome.gain)} * {name})  # {words}")
    return "temperature"


def _result(page: Page, genome: Genome, menu: Menu) -> None:
    total = "(weights * local_q).sum(dim=1, keepdim=True)"
    if genome.bias:
        bias = menu.of_state[genome.bias]
        name = bias.write(page)
        page.add(f"bias = {number(genome.bias_weight)} * {name}  # {printable(bias.words)}")
        total += " + bias"
    page.add(f"return {total}")
