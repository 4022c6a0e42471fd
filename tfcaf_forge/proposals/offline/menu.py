"""The menu: every feature that a task offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from tfcaf_forge.proposals.offline.distances import demand_features, entity_features, pairs_of, teammate_features
from tfcaf_forge.proposals.offline.features import (
    Feature,
    category_features,
    constant_features,
    field_features,
    summary_features,
)
from tfcaf_forge.proposals.offline.reading import Group, groups_of
from tfcaf_forge.records.task_spec import TaskSpec


@dataclass(frozen=True, kw_only=True)
class Menu:
    """What a program may be made of, by feature id.

    Attributes:
        agents: N.
        state_size: S.
        by_agent: features that tell agents apart, [B, N].
        of_state: features of the state as a whole, [B, 1].
    """

    agents: int
    state_size: int
    by_agent: dict[str, Feature]
    of_state: dict[str, Feature]

    @cached_property
    def families(self) -> list[list[str]]:
        """The ids by agent, family by family."""
        return _families(self.by_agent.values())

    @cached_property
    def leads(self) -> list[list[str]]:
        """The families that tell agents apart in most states."""
        return _families(f for f in self.by_agent.values() if not f.sparse)

    @cached_property
    def state_families(self) -> list[list[str]]:
        """The ids of the state's features, family by family."""
        return _families(self.of_state.values())


def menu_of(task: TaskSpec) -> Menu:
    """Derive the features of a task from its declared fields."""
    groups = groups_of(task)
    by_agent = {feature.id: feature for feature in _agent_features(task, groups)}
    if all(feature.sparse for feature in by_agent.values()):
        by_agent |= {feature.id: feature for feature in constant_features(task.n_agents)}
    of_state = {feature.id: feature for feature in summary_features(groups, by_agent)}
    return Menu(agents=task.n_agents, state_size=task.state_size, by_agent=by_agent, of_state=of_state)


def _agent_features(task: TaskSpec, groups: tuple[Group, ...]) -> Iterator[Feature]:
    for pair in pairs_of(groups):
        yield from entity_features(pair)
        yield from demand_features(pair)
    for group in groups:
        if group.per_agent:
            yield from field_features(group)
            yield from teammate_features(group)
            yield from category_features(group, task)


def _families(features: Iterable[Feature]) -> list[list[str]]:
    families: dict[str, list[str]] = {}
    for feature in features:
        families.setdefault(feature.family, []).append(feature.id)
    return list(families.values())
