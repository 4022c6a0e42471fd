"""Tasks, states sampled from their declared ranges, and emitted source turned into a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import tfcaf_forge
from tfcaf_forge.records.task_spec import StateBlock, TaskSpec, load_task

TASKS = sorted((Path(tfcaf_forge.__file__).parent / "tasks").glob("*.toml"))
Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.fixture(params=TASKS, ids=lambda path: path.stem)
def task(request) -> TaskSpec:
    """Each bundled task."""
    return load_task(request.param)


@pytest.fixture
def lbf() -> TaskSpec:
    """The default task."""
    return load_task(next(path for path in TASKS if path.stem == "lbf-8x8-2p-2f-coop"))


@pytest.fixture
def sample() -> Callable[[TaskSpec, int, int], torch.Tensor]:
    """States of a task, [rows, S]: every field from its range, three elements in ten absent where they can be."""
    return sample_states


@pytest.fixture
def compiled() -> Callable[[str], Function]:
    """Emitted source as a function."""
    return compile_source


def sample_states(task: TaskSpec, rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    parts = [_elements(block, rows, generator) for block in task.state]
    return torch.cat(parts, dim=1)


def _elements(block: StateBlock, rows: int, generator: torch.Generator) -> torch.Tensor:
    columns = []
    for _ in range(block.count or 1):
        gone = torch.rand(rows, generator=generator) < 0.3
        for field in block.fields:
            value = field.low + (field.high - field.low) * torch.rand(rows, generator=generator)
            if field.kind != "continuous":
                value = torch.floor(field.low + (field.high - field.low + 1) * torch.rand(rows, generator=generator))
            absent = math.nan if field.absent is None else field.absent
            columns.append(torch.where(gone & (not math.isnan(absent)), torch.full_like(value, absent), value))
    return torch.stack(columns, dim=1)


def compile_source(source: str) -> Function:
    """Only for text that this package wrote itself; anything else belongs into the sandbox."""
    scope: dict[str, object] = {"torch": torch, "F": torch.nn.functional, "math": math}
    exec(compile(source, "<proposal>", "exec"), scope)
    return scope["tfcaf"]  # type: ignore[return-value]
