"""What each feature is: in [0, 1], by hand on one state, and made of operations that the table knows."""

from __future__ import annotations

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.proposals.offline.genome import COMBINERS, Genome, Term
from tfcaf_forge.proposals.offline.menu import menu_of
from tfcaf_forge.proposals.offline.page import Page
from tfcaf_forge.proposals.offline.render import render


def source_of(feature):
    page = Page()
    name = feature.write(page)
    return "\n    ".join(["def tfcaf(local_q, state):", *page.lines, f"return {name}"])


def test_every_feature_lies_between_0_and_1(task, sample, compiled):
    menu, state = menu_of(task), sample(task, 200, 1)
    for features, width in ((menu.by_agent, task.n_agents), (menu.of_state, 1)):
        for feature in features.values():
            value = compiled(source_of(feature))(None, state)
            assert value.shape == (200, width), feature.id
            assert ((value >= 0) & (value <= 1)).all(), feature.id


def test_every_feature_and_combiner_uses_only_operations_of_the_table(task, sample, compiled):
    menu, state = menu_of(task), sample(task, 3, 2)
    every = tuple(Term(feature=name, weight=0.5) for name in menu.by_agent)
    gate = next(iter(menu.of_state))
    for combiner in COMBINERS:
        terms = every if combiner == "mix" else every[:1]
        genome = Genome(terms=terms, combiner=combiner, blend=0.3, gate=gate, gain=1.0, bias=gate, bias_weight=1.0)
        function = compiled(render(genome, menu))
        traced = make_fx(torch.func.functionalize(function))(torch.zeros(3, task.n_agents), state)
        used = {str(node.target) for node in traced.graph.nodes if node.op == "call_function"}
        used = {name.removeprefix("aten.").removesuffix(".default") for name in used}
        assert used <= set(TABLE), used - set(TABLE)


# Agents at (2, 2) level 1 and (5, 5) level 2; a food of level 3 at (2, 3), the other one eaten; the first agent loaded.
STATE = [2, 2, 1, 5, 5, 2, 2, 3, 3, -1, -1, 0, 5, -1]
BY_HAND = {
    "near.foods.manhattan": (1 - 1 / 12, 1 - 5 / 12),
    "near.foods.euclidean": (1 - 1 / 72**0.5, 1 - 13**0.5 / 72**0.5),
    "near.foods.inverse": (1 / 2, 1 / 6),
    "around.foods": ((1 - 1 / 12) / 2, (1 - 5 / 12) / 2),
    "adjacent.foods": (1, 0),
    "value.foods.level": (11 / 12 * 3 / 4, 7 / 12 * 3 / 4),
    "needed.foods.level": (11 / 12 / 3, 7 / 12 * 2 / 3),
    "beside.foods.level": (1 / 3, 0),
    "ready.foods.level": (0, 0),
    "field.agents.level": (0, 1),
    "share.agents.level": (1 / 3, 2 / 3),
    "is.last_action.5": (1, 0),
    "is.last_action.0": (0, 0),
    "left.foods": (1 / 2,),
    "mean.field.agents.level": (1 / 2,),
    "mean.adjacent.foods": (1 / 2,),
}


@pytest.mark.parametrize(("name", "value"), BY_HAND.items(), ids=list(BY_HAND))
def test_a_feature_is_what_it_is_by_hand(lbf, compiled, name, value):
    menu = menu_of(lbf)
    found = compiled(source_of((menu.by_agent | menu.of_state)[name]))(None, torch.tensor([STATE], dtype=torch.float32))
    torch.testing.assert_close(found, torch.tensor([value], dtype=torch.float32), atol=1e-5, rtol=0.0)


def test_agents_are_ready_where_their_levels_suffice_together(lbf, compiled):
    state = torch.tensor([[2, 2, 1, 2, 4, 2, *STATE[6:]]], dtype=torch.float32)
    assert compiled(source_of(menu_of(lbf).by_agent["ready.foods.level"]))(None, state).tolist() == [[1.0, 1.0]]
