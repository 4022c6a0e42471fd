"""State layouts of hosts' environments, column by column, named as the bundled tasks name their fields."""

from __future__ import annotations

from tfcaf_forge.errors import InputError
from tfcaf_forge.kernels.layout import IGNORED

_PARTS = ("x", "y", "level")


def foraging_observations(n_agents: int, state_size: int) -> tuple[str, ...]:
    """lbforaging's state in EPyMARL: the agents' observations, one after the other.

    The first agent's observation lists the foods and then the agents, itself first; where agents see the whole grid (the
    environments without `-2s`) these are positions on the grid. What the other agents' observations repeat is ignored.

    Args:
        n_agents: N.
        state_size: width of the host's state, N · 3 · (foods + N).

    Raises:
        InputError: no number of foods gives that width.
    """
    foods, rest = divmod(state_size, 3 * n_agents)
    foods -= n_agents
    if rest or foods < 1:
        raise InputError(
            f"a foraging state of {n_agents} agents cannot have {state_size} columns; give the layout's names"
        )
    elements = [*(f"foods[{i}]" for i in range(foods)), *(f"agents[{i}]" for i in range(n_agents))]
    first = [f"{element}.{part}" for element in elements for part in _PARTS]
    return (*first, *[IGNORED] * (state_size - len(first)))


def last_actions(n_agents: int) -> tuple[str, ...]:
    """`last_action[i]`, which a host's learner can add to its state from the actions that it stores; -1 at the start."""
    return tuple(f"last_action[{i}]" for i in range(n_agents))
