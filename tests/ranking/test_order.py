import numpy as np
import pytest

from tfcaf_forge.ranking.order import standing


def test_what_the_data_cannot_tell_apart_is_tied() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=1000)
    found = standing({4: base + 1.0, 2: base + 0.9 + 0.1 * rng.normal(size=1000), 7: base})
    assert found.tied == (2,)
    assert found.best_share[7] == 0.0
    assert found.best_share[4] == pytest.approx(0.84, abs=0.03)
    assert found.agreement is not None
    assert 0.8 < found.agreement < 1.0


def test_equals_share_and_a_single_one_has_no_order() -> None:
    same = standing({1: np.ones(10), 2: np.ones(10)})
    assert (same.tied, same.best_share, same.agreement) == ((2,), {1: 0.5, 2: 0.5}, 0.0)
    assert standing({1: np.ones(10)}).agreement is None
