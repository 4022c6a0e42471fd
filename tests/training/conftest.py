import msgspec
import pytest
import torch

from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.resources import bundled_tasks

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tasks() -> dict[str, TaskSpec]:
    return {name: load_task(path) for name, path in bundled_tasks().items()}


@pytest.fixture(scope="session")
def coop(tasks) -> TaskSpec:
    return tasks["lbf-8x8-2p-2f-coop"]


@pytest.fixture(scope="session")
def climbing(tasks) -> TaskSpec:
    return tasks["matrix-climbing"]


@pytest.fixture(scope="session")
def tiny(coop) -> TaskSpec:
    """A 5x5 grid with one food that needs both agents: small enough to be learned in a test."""
    agents, foods, last_action = coop.state
    return msgspec.structs.replace(
        coop,
        name="lbf-5x5-2p-1f-coop",
        environment=msgspec.structs.replace(coop.environment, id="Foraging-5x5-2p-1f-coop-v3"),
        state=(agents, msgspec.structs.replace(foods, count=1), last_action),
    )
