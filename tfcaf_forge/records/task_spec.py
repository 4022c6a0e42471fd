"""TaskSpec: the one source for prompts, ranges, strategies, proof domains and symmetry.

A task is a TOML file. Its state is declared as blocks, each block as elements of fields::

    [[state]]
    name = "foods"                      # foods[0].x, foods[0].y, foods[0].level, foods[1].x, ...
    count = 2
    interchangeable = true
    [[state.field]]
    name = "x"
    kind = "integer"
    low = 1
    high = 6
    absent = -1                         # the value of an element that is not there

The state vector is laid out in file order: block by block, element by element, field by field.
"""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.base import Plain, Record, Scalar, convert, digest_of

FieldKind = Literal["continuous", "integer", "categorical"]


class StateField(Plain, frozen=True, kw_only=True):
    """One field of a block's elements.

    Attributes:
        name: empty where the element is a single number (`last_action[0]`).
        kind: continuous, integer, or categorical (integers whose order means nothing).
        low, high: the closed range of values of an element that is there, in `unit`.
        absent: the field's value in an element that is not there (a sentinel).
        irrelevant: padding, or a value on which no credit may depend.
    """

    name: str = ""
    kind: FieldKind = "continuous"
    low: float
    high: float
    absent: float | None = None
    unit: str = ""
    description: str = ""
    irrelevant: bool = False


class StateBlock(Plain, frozen=True, kw_only=True, rename={"fields": "field"}):
    """Elements that share their fields.

    Attributes:
        count: number of elements; None for a block that is itself the only element.
        per_agent: element i belongs to agent i.
        interchangeable: permuting the elements does not change what the state means.
    """

    name: str
    count: int | None = None
    per_agent: bool = False
    interchangeable: bool = False
    description: str = ""
    fields: tuple[StateField, ...]


class Environment(Plain, frozen=True, kw_only=True):
    """Which environment to build. `kind` selects the adapter, `id` and `options` go to it."""

    kind: str
    id: str = ""
    options: dict[str, Scalar] = {}


class Agents(Plain, frozen=True, kw_only=True):
    """The agents.

    Attributes:
        count: number of agents, N.
        interchangeable: groups of agents that may be permuted together with what belongs to them.
    """

    count: int
    interchangeable: tuple[tuple[int, ...], ...] = ()


class Credit(Plain, frozen=True, kw_only=True):
    """The contract on credit.

    Attributes:
        monotonicity: `required` (every credit >= 0) or `relaxed` (measured, not required).
        q_low, q_high: the range of the agents' local Q-values.
        q_scale: local Q-values are multiplied by it before they enter the function (the paper uses N).
    """

    monotonicity: Literal["required", "relaxed"] = "required"
    q_low: float = -10.0
    q_high: float = 10.0
    q_scale: float = 1.0

    @property
    def entering(self) -> tuple[float, float]:
        """The range over which a function is examined: the local Q-values as they are, and multiplied by `q_scale`."""
        ends = (self.q_low, self.q_high, self.q_low * self.q_scale, self.q_high * self.q_scale)
        return min(ends), max(ends)


class Slot(Plain, frozen=True, kw_only=True):
    """One number of the state vector: a field of an element of a block, by its index."""

    index: int
    name: str
    block: str
    element: int
    field: str
    kind: FieldKind
    low: float
    high: float
    absent: float | None
    unit: str
    description: str
    irrelevant: bool
    agent: int | None


class TaskSpec(Record, frozen=True, kw_only=True, dict=True):
    """A task: environment, agents, actions, state field by field, and the contract on credit."""

    name: str
    title: str
    description: str = ""
    environment: Environment
    agents: Agents
    actions: tuple[str, ...]
    episode_limit: int
    gamma: float = 0.99
    credit: Credit = msgspec.field(default_factory=Credit)
    state: tuple[StateBlock, ...]

    @cached_property
    def layout(self) -> tuple[Slot, ...]:
        """The state vector, number by number, [S]."""
        slots: list[Slot] = []
        for block in self.state:
            for element in range(block.count or 1):
                head = block.name if block.count is None else f"{block.name}[{element}]"
                for field in block.fields:
                    slots.append(
                        Slot(
                            index=len(slots),
                            name=f"{head}.{field.name}" if field.name else head,
                            block=block.name,
                            element=element,
                            field=field.name,
                            kind=field.kind,
                            low=field.low,
                            high=field.high,
                            absent=field.absent,
                            unit=field.unit,
                            description=field.description,
                            irrelevant=field.irrelevant,
                            agent=element if block.per_agent else None,
                        )
                    )
        return tuple(slots)

    @property
    def n_agents(self) -> int:
        """N."""
        return self.agents.count

    @property
    def state_size(self) -> int:
        """S."""
        return len(self.layout)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every number of the state vector, [S]."""
        return tuple(slot.name for slot in self.layout)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical form."""
        return digest_of(self)


def load_task(path: Path) -> TaskSpec:
    """Read and check a TaskSpec file.

    Raises:
        TaskError: the file cannot be read, has an unknown key, or contradicts itself.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise TaskError(
            f"cannot read the task {path}: {fault.strerror}; `forge task list` shows the bundled ones"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise TaskError(f"{path}: not valid TOML: {fault}") from None
    task = convert(data, TaskSpec, what=str(path), error=TaskError)
    check_consistency(task, str(path))
    return task


def check_consistency(task: TaskSpec, what: str) -> None:
    """Refuse a TaskSpec that contradicts itself.

    Raises:
        TaskError: naming the field.
    """
    if task.n_agents < 1 or not task.actions or task.episode_limit < 1 or not task.state:
        raise TaskError(f"{what}: needs at least one agent, one action, one step and one state block")
    if not 0.0 <= task.gamma <= 1.0:
        raise TaskError(f"{what}: gamma = {task.gamma}; it must lie in [0, 1]")
    if not task.credit.q_low < task.credit.q_high or task.credit.q_scale <= 0:
        raise TaskError(f"{what}: credit needs q_low < q_high and q_scale > 0")
    names = [slot.name for slot in task.layout]
    for name in names:
        if names.count(name) > 1:
            raise TaskError(f"{what}: the state field {name} is declared twice; rename one of them")
    for block in task.state:
        if block.per_agent and block.count != task.n_agents:
            raise TaskError(
                f"{what}: block {block.name} is per agent, so its count must be {task.n_agents}, not {block.count}"
            )
        for field in block.fields:
            if field.low > field.high:
                raise TaskError(f"{what}: {block.name}.{field.name}: low = {field.low} is above high = {field.high}")
    for group in task.agents.interchangeable:
        if any(agent < 0 or agent >= task.n_agents for agent in group):
            raise TaskError(f"{what}: interchangeable names agent {max(group)}; agents are 0 to {task.n_agents - 1}")
