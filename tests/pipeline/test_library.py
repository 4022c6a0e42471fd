from __future__ import annotations

from pathlib import Path

import pytest

from tfcaf_forge import check_kernel, synthesize
from tfcaf_forge.errors import InputError
from tfcaf_forge.proposals.faults import ModelError
from tfcaf_forge.proposals.offline import OfflineCoder


def test_a_model_by_its_name_gives_a_kernel_that_conforms(tmp_path: Path) -> None:
    run = synthesize(
        "lbf-8x8-2p-2f-coop", model="recorded/lbf-8x8", out=tmp_path / "run", rounds=1, candidates=1, episodes=20, mutants=0
    )  # fmt: skip
    assert run.proposed == 1
    assert run.spend is not None
    assert run.kernel.manifest.task == "lbf-8x8-2p-2f-coop"
    assert check_kernel(run.kernel, compiled=False).failed == ()


def test_a_model_that_is_not_there_is_refused_before_anything_is_begun(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no recorded/nobody"):
        synthesize("matrix-climbing", model="recorded/nobody", out=tmp_path / "run")
    with pytest.raises(InputError, match="beside `models` or `coder`"):
        synthesize("matrix-climbing", model="recorded/lbf-8x8", coder=OfflineCoder(seed=0), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
