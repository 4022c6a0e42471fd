"""One seed, one set of cases, whatever else is loaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from hypothesis.internal.conjecture import providers

from tfcaf_forge import load_task
from tfcaf_forge.evidence import strategies
from tfcaf_forge.evidence.explore import draw


def drawn() -> list[bytes]:
    cases = draw(strategies.cases(load_task("matrix-climbing")), 400, None, lambda case: {})
    return [case.local_q.tobytes() + case.state.tobytes() for case in cases]


def test_the_numbers_in_a_module_that_is_loaded_change_no_case(tmp_path: Path) -> None:
    before = drawn()
    source = tmp_path / "somebodys_trainer.py"
    source.write_text("RATES = [" + ", ".join(f"{n}.125" for n in range(40)) + "]\n")
    spec = importlib.util.spec_from_file_location("somebodys_trainer", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        assert drawn() == before
        assert 39.125 in providers._get_local_constants().floats, "Hypothesis would have tried it"
    finally:
        del sys.modules[spec.name]
