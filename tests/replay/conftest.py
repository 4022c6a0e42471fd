import numpy as np
import pytest

from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.resources import bundled_tasks


@pytest.fixture(scope="session")
def climbing() -> TaskSpec:
    return load_task(bundled_tasks()["matrix-climbing"])


@pytest.fixture
def make_episodes():
    """Episodes of given lengths with random contents; all but the last end terminated, the last truncated."""

    def make(
        lengths: list[int], *, horizon: int = 3, seed: int = 0, agents: int = 2, actions: int = 3, state: int = 3
    ) -> EpisodeBatch:
        rng = np.random.default_rng(seed)
        e = len(lengths)
        valid = np.arange(horizon) < np.array(lengths)[:, None]
        reached = np.arange(horizon + 1) <= np.array(lengths)[:, None]
        last = np.arange(horizon) == np.array(lengths)[:, None] - 1
        ended_by_time = np.arange(e)[:, None] == e - 1
        return EpisodeBatch(
            obs=(rng.random((e, horizon + 1, agents, 1)) * reached[..., None, None]).astype(np.float32),
            state=(rng.random((e, horizon + 1, state)) * reached[..., None]).astype(np.float32),
            available=np.ones((e, horizon + 1, agents, actions), np.bool_),
            actions=rng.integers(0, actions, (e, horizon, agents)) * valid[..., None],
            reward=(rng.random((e, horizon)) * valid).astype(np.float32),
            agent_reward=np.zeros((e, horizon, agents), np.float32),
            terminated=last & ~ended_by_time,
            truncated=last & ended_by_time,
            valid=valid,
            has_agent_reward=False,
        )

    return make
