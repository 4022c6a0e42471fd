"""Coders compared on the same samples."""

from __future__ import annotations

import json

from tests.proposals.model.conftest import Say, litellm_model, models_of
from tests.proposals.model.test_loop import FINE, MIXED_ROWS, TASK
from tfcaf_forge.pipeline.stability import stability


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
