"""Coders compared on the same samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.proposals.model.conftest import Say, litellm_model, models_of
from tests.proposals.model.test_loop import FINE, MIXED_ROWS, TASK
from tfcaf_forge.errors import StoreError
from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.pipeline.stability import mean, stability, student, wilson
from tfcaf_forge.proposals.faults import ModelError


def test_a_model_is_measured_next_to_the_offline_coder(serve, tmp_path):
    answers = [FINE, FINE.replace("w", "v"), MIXED_ROWS, "I would rather talk about it."]
    server = serve(lambda number, body: Say(text=answers[body["seed"]]))
    model = litellm_model(server, "openai/gpt-4o-mini")
    found = stability(TASK, [models_of(model, repairs=0)], samples=4, out=tmp_path, episodes=40)
    offline, asked = found.coders
    assert offline.coder == "offline"
    assert offline.samples == 4
    assert (asked.coder, asked.samples, asked.calls) == ("openai/gpt-4o-mini", 4, 4)
    assert (asked.valid.value, asked.accepted.value) == (0.75, 0.5)
    assert (asked.graphs, asked.behaviours) == (1, 1)
    assert asked.failures == {"refuted: batch-independent": 1, "no-code": 1}
    assert asked.usd_per_accepted is not None
    assert asked.usd is not None
    assert asked.usd_per_accepted == asked.usd / 2 > 0
    assert json.loads((tmp_path / "stability.json").read_text())["wanted"] == 4
    again = stability(TASK, [models_of(model, repairs=0)], samples=4, out=tmp_path, episodes=40)
    assert again == found
    assert len(server.requests) == 4


def test_a_model_that_cannot_be_asked_is_found_out_before_anything_is_recorded(serve, tmp_path):
    good, broken = litellm_model(serve([Say(text=FINE)])), litellm_model(serve([Say(status=401)]), "openai/broken")
    with pytest.raises(ModelError, match="API key"):
        stability(TASK, [models_of(good), models_of(broken)], samples=4, out=tmp_path, episodes=40)
    assert not (tmp_path / "replay").exists()
    assert not (tmp_path / "offline").exists()


def test_other_episodes_than_a_folder_was_begun_with_are_refused_before_anybody_is_asked(serve, tmp_path):
    begun = collect(TASK, tmp_path / "replay", episodes=20)
    server = serve([Say(text=FINE)])
    with pytest.raises(StoreError, match=r"begun with 20 episodes.*not 30.*--episodes 20 --seed 0.*another --out"):
        stability(TASK, [models_of(litellm_model(server))], samples=1, out=tmp_path, episodes=30)
    with pytest.raises(StoreError, match="of seed 0, not 20 of seed 1"):
        stability(TASK, [models_of(litellm_model(server))], samples=1, out=tmp_path, episodes=20, seed=1)
    assert server.requests == []
    assert stability(TASK, samples=1, out=tmp_path, episodes=20).dataset == begun.digest


def test_a_share_has_wilsons_interval():
    share = wilson(8, 10)  # Newcombe (1998): 0.4902 to 0.9433
    assert (share.value, round(share.low, 4), round(share.high, 4)) == (0.8, 0.4902, 0.9433)
    assert wilson(0, 20).low == 0.0
    assert wilson(0, 0).high == 1.0


@pytest.mark.parametrize(("freedom", "point"), [(1, 12.706), (10, 2.228), (11, 2.201), (30, 2.042), (120, 1.980)])
def test_students_points_are_those_of_the_tables(freedom, point):
    assert student(freedom) == pytest.approx(point, abs=3e-3)


def test_a_mean_has_students_interval_and_a_single_score_has_none():
    found = mean(np.array([0.1, 0.2, 0.3]))
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert found.high - found.value == pytest.approx(4.3027 * 0.1 / 3**0.5, abs=1e-6)
    assert mean(np.array([0.3])) is None
