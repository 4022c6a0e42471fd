"""Mapping: which array of a foreign file is what, as a TOML file that stands beside the data.

    layout = "steps"                 # one row a step; "episodes": [episode, step, …], padded
    [arrays]                         # ours = theirs
    state = "plant"
    obs = "seen"
    actions = "valves"
    reward = "yield"
    episode = "shift"                # which episode a row is from; layout "steps" only
    [ends]
    unmarked = "truncated"           # an episode whose last step says nothing: cut, or "terminated"

Arrays that may be left out: `available` (then every action was allowed), `terminated`, `truncated`, `agent_reward`, and
of `valid`, `length` and `filled` at least one where episodes are padded. A mapping says all of them: what it does not name is not
read. Without a mapping every array of ours that the file has under our name is read (`own_names`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.records.base import Plain, Record, convert

End = Literal["truncated", "terminated"]


class Names(Plain, frozen=True, kw_only=True):
    """The foreign name of each array; None where the file has none.

    `valid` marks the steps of a padded episode. `filled` marks them and the row after the last, which holds what was seen then:
    EPyMARL's runners write it so.
    """

    obs: str = "obs"
    state: str = "state"
    actions: str = "actions"
    reward: str = "reward"
    available: str | None = None
    agent_reward: str | None = None
    terminated: str | None = None
    truncated: str | None = None
    valid: str | None = None
    length: str | None = None
    filled: str | None = None
    episode: str | None = None


class Ends(Plain, frozen=True, kw_only=True):
    """How to read the end of an episode.

    Attributes:
        unmarked: what an episode is whose last step is marked neither terminated nor truncated.
        at_limit: what a `terminated` is that falls on the task's last allowed step. EPyMARL stores its time limit as
            terminated, so `truncated` is what it nearly always means; `as-marked` believes the file.
    """

    unmarked: End = "truncated"
    at_limit: Literal["truncated", "as-marked"] = "as-marked"


class Mapping(Record, frozen=True, kw_only=True):
    """How a foreign file is read."""

    layout: Literal["episodes", "steps"] = "episodes"
    arrays: Names = Names()
    ends: Ends = Ends()


def own_names(present: Collection[str]) -> Mapping:
    """The mapping of a file that came without one: our own names, those that may be left out where the file has them."""
    optional = ("available", "agent_reward", "terminated", "truncated", "valid", "length")
    return Mapping(arrays=Names(**{name: name for name in optional if name in present}))


EPYMARL = Mapping(
    arrays=Names(available="avail_actions", terminated="terminated", filled="filled"),
    ends=Ends(at_limit="truncated"),
)
"""EPyMARL's `EpisodeBatch` (components/episode_buffer.py), its fields saved under their own names.

Both of its runners (runners/episode_runner.py, parallel_runner.py) fill what is seen after the last step, and mark that row as filled.
"""


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        ConfigError: it cannot be read, has an unknown key (the nearest is named), or contradicts itself.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigError(f"cannot read the mapping {path}: {fault.strerror}; check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: not valid TOML: {fault}") from None
    mapping = convert(data, Mapping, what=str(path), error=ConfigError)
    if mapping.layout == "steps" and mapping.arrays.episode is None:
        raise ConfigError(
            f'{path}: layout = "steps" needs arrays.episode, the array that says which episode a row is from; name it'
        )
    return mapping
