"""What can be said of the adapter without BenchMARL; with it, `benchmarks/hosts/benchmarl_run.py` trains."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tfcaf_forge.errors import MissingExtra
from tfcaf_forge.integrations import benchmarl


@pytest.mark.parametrize("name", benchmarl.__all__)
def test_each_class_is_there_or_the_extra_is_named(name: str) -> None:
    if find_spec("benchmarl") is not None:
        assert getattr(benchmarl, name).__qualname__ == name
        return
    with pytest.raises(MissingExtra, match=r"tfcaf-forge\[hosts\]"):
        getattr(benchmarl, name)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="algorithm"):
        benchmarl.algorithm  # noqa: B018
