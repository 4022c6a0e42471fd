"""Features of place: how near agents are to entities and to each other, and whether they can do there what is asked.

An entity that is not there counts as infinitely far: its closeness is 0 and nobody stands next to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

from tfcaf_forge.proposals.offline.features import Feature, only_there, scaled
from tfcaf_forge.proposals.offline.page import Page
from tfcaf_forge.proposals.offline.reading import Column, Group, number

Metric = Literal["manhattan", "euclidean", "inverse"]
METRICS: tuple[Metric, ...] = ("manhattan", "euclidean", "inverse")


class Pair(NamedTuple):
    """Agents with a position, and entities with a position in the same coordinates."""

    agents: Group
    entities: Group

    @property
    def reach(self) -> tuple[float, float]:
        """The largest distance along each axis between two that are there."""
        axes = zip(self.agents.position or (), self.entities.position or (), strict=True)
        first, second = (max(a.high - e.low, e.high - a.low) for a, e in axes)
        return first, second

    @property
    def radius(self) -> float:
        """Below this Manhattan distance an agent stands next to an entity: a cell, or a tenth of the way across."""
        columns = (*(self.agents.position or ()), *(self.entities.position or ()))
        return 1.5 if all(c.kind == "integer" for c in columns) else 0.1 * sum(self.reach)


def pairs_of(groups: tuple[Group, ...]) -> Iterator[Pair]:
    """Every block per agent with every other block in the same coordinates."""
    for agents in groups:
        for entities in groups:
            if (
                agents.per_agent
                and not entities.per_agent
                and _axes(agents) is not None
                and _axes(agents) == _axes(entities)
            ):
                yield Pair(agents, entities)


def entity_features(pair: Pair) -> Iterator[Feature]:
    """Closeness to the nearest entity and to all of them, standing next to one, and closeness to what is worth more."""
    name = pair.entities.name
    for metric in METRICS:
        yield Feature(
            id=f"near.{name}.{metric}",
            family=f"near.{name}",
            words=f"closeness to the nearest of {name} ({metric})",
            write=lambda page, m=metric: _best(page, f"near_{name}_{m}", _closeness(page, pair, m)),
        )
    yield Feature(
        id=f"around.{name}",
        family=f"around.{name}",
        words=f"closeness to all {name} together",
        write=lambda page: page.let(
            f"around_{name}", f"{_closeness(page, pair, 'manhattan')}.mean(dim=2)", f"mean closeness to {name}"
        ),
    )
    yield Feature(
        id=f"adjacent.{name}",
        family=f"adjacent.{name}",
        words=f"stands next to one of {name}",
        write=lambda page: _best(page, f"beside_any_{name}", _adjacent(page, pair)),
        sparse=True,
    )
    for column in pair.entities.measures:
        yield Feature(
            id=f"value.{column.key}",
            family=f"value.{column.key}",
            words=f"closeness to high {column.key}",
            write=lambda page, c=column: _best(
                page, f"{c.key}_nearby",
                f"{_closeness(page, pair, 'manhattan')} * {_worth(page, pair, c)}.unsqueeze(1)",
            ),
        )  # fmt: skip


def demand_features(pair: Pair) -> Iterator[Feature]:
    """Where an entity's field and an agent's share their name (`level`), the one is what the other has to meet."""
    for have in pair.agents.measures:
        for need in pair.entities.measures:
            if have.field == need.field and have.low >= 0 and need.low > 0:
                yield from _demands(pair, have, need)


def teammate_features(agents: Group) -> Iterator[Feature]:
    """Closeness to the nearest teammate and to all; with two agents both are the same for both, so there are none."""
    if agents.position is None or agents.count < 3:
        return
    for kind, reduction in (("nearest", "amax"), ("all", "mean")):
        yield Feature(
            id=f"mates.{agents.name}.{kind}",
            family=f"mates.{agents.name}",
            words=f"closeness to teammates ({kind})",
            write=lambda page, k=kind, r=reduction: _mates(page, agents, k, r),
        )


def _demands(pair: Pair, have: Column, need: Column) -> Iterator[Feature]:
    key = f"{pair.entities.name}.{need.field}"
    yield Feature(
        id=f"needed.{key}",
        family=f"needed.{key}",
        words=f"share of the nearby {need.key} that the agent can meet alone",
        write=lambda page: _best(
            page, f"needed_{key}", f"{_closeness(page, pair, 'manhattan')} * {_part(page, pair, have, need)}"
        ),
    )
    yield Feature(
        id=f"beside.{key}",
        family=f"ready.{key}",
        words=f"share of {need.key} met, standing next to it",
        write=lambda page: _best(page, f"beside_{key}", f"{_adjacent(page, pair)} * {_part(page, pair, have, need)}"),
        sparse=True,
    )
    yield Feature(
        id=f"ready.{key}",
        family=f"ready.{key}",
        words=f"in a group that meets {need.key} together",
        write=lambda page: _ready(page, pair, have, need),
        sparse=True,
    )


def _worth(page: Page, pair: Pair, column: Column) -> str:
    """An entity's field as a share of the highest there is, [B, entities]; its range scaled if it can be negative."""
    if column.low < 0:
        return scaled(page, pair.entities, column)
    worth = f"torch.clamp({page.column(column)} / {number(column.high)}, 0.0, 1.0)"
    return only_there(page, page.let(f"{column.key}_worth", worth), page.there(pair.entities))


def _axes(group: Group) -> tuple[str, str] | None:
    return None if group.position is None else (group.position[0].field, group.position[1].field)


def _gaps(page: Page, pair: Pair) -> tuple[str, str]:
    """Signed distances along both axes, [B, N, entities]."""
    name, shape = pair.entities.name, f"[B, {pair.agents.count} agents, {pair.entities.count} {pair.entities.name}]"
    axes = list(zip(pair.agents.position or (), pair.entities.position or (), strict=True))
    names = [
        page.let(
            f"{name}_d{agent.field}",
            f"{page.column(agent)}.unsqueeze(2) - {page.column(entity)}.unsqueeze(1)",
            "" if place else f"from each agent to each of {name}, {shape}",
        )
        for place, (agent, entity) in enumerate(axes)
    ]
    return names[0], names[1]


def _manhattan(page: Page, pair: Pair) -> str:
    dx, dy = _gaps(page, pair)
    return page.let(f"{pair.entities.name}_distance", f"torch.abs({dx}) + torch.abs({dy})")


def _closeness(page: Page, pair: Pair, metric: Metric) -> str:
    """1 at the same place, 0 as far apart as can be or where no entity is there, [B, N, entities]."""
    name = f"{pair.entities.name}_close_{metric}"
    if metric == "inverse":
        close = page.let(name, f"1.0 / (1.0 + {_manhattan(page, pair)})")
    elif metric == "manhattan":
        close = page.let(name, f"torch.clamp(1.0 - {_manhattan(page, pair)} / {number(sum(pair.reach))}, 0.0, 1.0)")
    else:
        dx, dy = _gaps(page, pair)
        length = page.let(f"{pair.entities.name}_length", f"torch.sqrt({dx} * {dx} + {dy} * {dy} + 1e-6)")
        close = page.let(name, f"torch.clamp(1.0 - {length} / {number(math.hypot(*pair.reach))}, 0.0, 1.0)")
    return _both_there(page, pair, close)


def _adjacent(page: Page, pair: Pair) -> str:
    """1 where an agent stands next to an entity that is there, [B, N, entities]."""
    beside = page.let(f"beside_{pair.entities.name}", f"({_manhattan(page, pair)} < {number(pair.radius)}).float()")
    return _both_there(page, pair, beside)


def _both_there(page: Page, pair: Pair, value: str) -> str:
    entity, agent = page.there(pair.entities), page.there(pair.agents)
    value = only_there(page, value, entity and f"{entity}.unsqueeze(1)")
    return only_there(page, value, agent and f"{agent}.unsqueeze(2)")


def _part(page: Page, pair: Pair, have: Column, need: Column) -> str:
    """What an agent has of what an entity needs, at most 1, [B, N, entities]."""
    least = page.let(f"{need.key}_least", f"torch.clamp({page.column(need)}, min={number(need.low)})")
    ratio = f"torch.clamp({page.column(have)}.unsqueeze(2) / {least}.unsqueeze(1), 0.0, 1.0)"
    return page.let(f"part_of_{pair.entities.name}", ratio, f"share of {need.key} that each agent can meet alone")


def _ready(page: Page, pair: Pair, have: Column, need: Column) -> str:
    beside = _adjacent(page, pair)
    given = f"({beside} * {page.column(have)}.unsqueeze(2)).sum(dim=1, keepdim=True)"
    total = page.let(f"gathered_{have.field}", given, f"{have.key} gathered next to each of {pair.entities.name}")
    enough = page.let(f"enough_{need.field}", f"({total} >= {page.column(need)}.unsqueeze(1)).float()")
    return _best(page, f"ready_{pair.entities.name}", f"{beside} * {enough}")


def _best(page: Page, hint: str, expression: str) -> str:
    """The largest over the entities, [B, N]."""
    return page.let(hint, f"({expression}).amax(dim=2)" if " " in expression else f"{expression}.amax(dim=2)")


def _mates(page: Page, agents: Group, kind: str, reduction: str) -> str:
    x, y = (page.column(column) for column in agents.position or ())
    reach = number(sum(column.high - column.low for column in agents.position or ()))
    there, count = page.there(agents), agents.count
    close = f"torch.clamp(1.0 - gap / {reach}, 0.0, 1.0)"
    if there is not None:
        close = f"{close} * {there}[:, i].float() * {there}[:, j].float()"

    def write(name: str) -> list[str]:
        return [
            f"{name}_list = []",
            f"for i in range({count}):",
            "    others = []",
            f"    for j in range({count}):",
            "        if j != i:",
            f"            gap = torch.abs({x}[:, i] - {x}[:, j]) + torch.abs({y}[:, i] - {y}[:, j])",
            f"            others.append({close})",
            f"    {name}_list.append(torch.stack(others, dim=1).{reduction}(dim=1))",
            f"{name} = torch.stack({name}_list, dim=1)",
        ]

    return page.lay(f"mates_{kind}", f"mates {agents.name} {kind}", write, f"closeness to teammates ({kind})")
