"""Features: numbers in [0, 1] that a program can weigh agents by, derived from whatever a TaskSpec declares.

Each is clamped to [0, 1], so a program built from them is finite for every finite state, also outside the declared
ranges, and an interval analysis can see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tfcaf_forge.proposals.offline.page import Page
from tfcaf_forge.proposals.offline.reading import Column, Group, number
from tfcaf_forge.records.task_spec import TaskSpec

_CATEGORIES = 12
"""A category with more values than this gets no feature a value."""
_MOVES = frozenset(
    {"none", "noop", "no-op", "no_op", "nothing", "stay", "stop", "wait", "forward"}
    | {f"{verb}{way}" for verb in ("", "move_", "turn_") for way in ("north", "south", "west", "east")}
    | {f"{verb}{way}" for verb in ("", "move_", "turn_") for way in ("up", "down", "left", "right")}
)
"""Names of actions that change nothing but the agent's own place."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature.

    Attributes:
        id: stable name, such as `near.foods.manhattan`.
        family: features of a family say nearly the same; a draw picks a family first.
        words: what it means, for comments.
        sparse: nearly always the same for all agents, so a program needs another one beside it.
        write: puts its computation on a page and returns the name of the result, [B, N] or, for a feature of the
            state as a whole, [B, 1].
    """

    id: str
    family: str
    words: str
    write: Callable[[Page], str]
    sparse: bool = False


def field_features(group: Group) -> Iterator[Feature]:
    """Of a block per agent: each measured field scaled to [0, 1], and each agent's share of its sum."""
    for column in group.measures or group.position or ():
        yield Feature(
            id=f"field.{column.key}",
            family=f"field.{column.key}",
            words=f"{column.key}, scaled to [0, 1]",
            write=lambda page, c=column: scaled(page, group, c),
        )
        if column.low >= 0 and column in group.measures:
            yield Feature(
                id=f"share.{column.key}",
                family=f"field.{column.key}",
                words=f"share of the team's {column.key}",
                write=lambda page, c=column: _share(page, group, c),
            )


def category_features(group: Group, task: TaskSpec) -> Iterator[Feature]:
    """Of a block per agent: one indicator a value of each categorical field."""
    for column in group.columns:
        if column.kind != "categorical" or column.high - column.low >= _CATEGORIES:
            continue
        names = task.actions if (column.low, column.high) == (0, len(task.actions) - 1) else ()
        for value in range(int(column.low), int(column.high) + 1):
            name = names[value] if names else str(value)
            yield Feature(
                id=f"is.{column.key}.{value}",
                family=f"move.{column.key}" if name.lower() in _MOVES else f"act.{column.key}",
                words=f"{column.key} is {name}",
                write=lambda page, c=column, v=value, n=name: page.let(
                    f"{c.key}_is_{n}", f"(torch.abs({page.column(c)} - {v}.0) < 0.5).float()", f"1 where {c.key} is {n}"
                ),
                sparse=True,
            )


def constant_features(agents: int) -> Iterator[Feature]:
    """One indicator an agent: all that is left where the state says nothing about agents."""
    for agent in range(agents):
        yield Feature(
            id=f"agent.{agent}",
            family="agent",
            words=f"agent {agent}",
            write=lambda page, i=agent: _one_hot(page, i, agents),
        )


def summary_features(groups: tuple[Group, ...], by_agent: dict[str, Feature]) -> Iterator[Feature]:
    """Of the state as a whole, [B, 1]: means over elements, shares that are there, means over agents."""
    for group in groups:
        if not group.per_agent:
            yield from _group_summaries(group)
    for feature in by_agent.values():
        if not feature.id.startswith(("agent.", "share.")):  # their means are constant
            yield Feature(
                id=f"mean.{feature.id}",
                family=f"mean.{feature.family}",
                words=f"{feature.words}, mean over agents",
                write=lambda page, f=feature: page.let(f"mean {f.id}", f"{f.write(page)}.mean(dim=1, keepdim=True)"),
            )


def scaled(page: Page, group: Group, column: Column) -> str:
    """A column from [low, high] to [0, 1]; 0 where the element is not there."""
    name, low, span = page.column(column), number(column.low), number(column.high - column.low)
    value = page.let(f"{column.key}_scaled", f"torch.clamp(({name} - {low}) / {span}, 0.0, 1.0)")
    return only_there(page, value, page.there(group))


def only_there(page: Page, value: str, there: str | None) -> str:
    """A value, and 0 where its element is not there."""
    return (
        value
        if there is None
        else page.let(f"{value}_there", f"torch.where({there}, {value}, torch.zeros_like({value}))")
    )


def _share(page: Page, group: Group, column: Column) -> str:
    name = page.let(
        f"{column.key}_positive", f"torch.clamp({page.column(column)}, {number(column.low)}, {number(column.high)})"
    )
    kept = only_there(page, name, page.there(group))
    return page.let(
        f"{column.key}_share",
        f"{kept} / ({kept}.sum(dim=1, keepdim=True) + 1e-6)",
        f"share of each agent in the team's {column.key}",
    )


def _one_hot(page: Page, agent: int, agents: int) -> str:
    zero, one = "torch.zeros_like(state[:, 0:1])", "torch.ones_like(state[:, 0:1])"
    zero = page.let("zero", zero) if agents > 1 else zero
    one = page.let("one", one)
    parts = ", ".join(one if other == agent else zero for other in range(agents))
    return page.let(f"agent_{agent}", f"torch.cat([{parts}], dim=1)", f"1 for agent {agent}, 0 for the others")


def _group_summaries(group: Group) -> Iterator[Feature]:
    if group.telltale is not None:
        yield Feature(
            id=f"left.{group.name}",
            family=f"left.{group.name}",
            words=f"share of {group.name} that is there",
            write=lambda page: page.let(
                f"{group.name}_left",
                f"{page.there(group)}.float().mean(dim=1, keepdim=True)",
                f"share of {group.name} still there",
            ),
        )
    for column in group.measures:
        yield Feature(
            id=f"mean.{column.key}",
            family=f"mean.{column.key}",
            words=f"{column.key}, scaled and averaged",
            write=lambda page, c=column: page.let(
                f"mean {c.key}",
                f"{scaled(page, group, c)}.mean(dim=1, keepdim=True)",
                f"mean of {c.key}, scaled to [0, 1]",
            ),
        )
