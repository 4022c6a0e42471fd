"""A property of one's own for `lbf-10x10-3p-3f`.

    forge vet mine.py --task lbf-10x10-3p-3f --properties examples/properties/lbf_10x10_3p_3f.py

What a function *means* the built-in properties cannot know: one that reads a field against its description can be
monotone, finite and symmetric all the same. Here a situation is built in which it is clear who earns the credit.
"""

from __future__ import annotations

import numpy as np

from tfcaf_forge.evidence.own import View, property_test

AGENTS, FOODS = 3, 3
LOAD = 5  # the index of `load` among the task's actions
MIDDLE = 4.5  # of the rows and columns where foods lie
CORNERS = (0, 9)  # first and last row or column of the grid


@property_test(
    id="near-beats-far",
    title="who loads next to the only food gets at least as much credit as who is far away",
    formula="credit_i ≥ credit_j where food f is the only one there, i stands next to it and loads, j is in the corner "
    "farthest from it and does not, and both have the same level and local Q-value",
    hazard="the credit for a loaded food goes to an agent that had no part in it, and loading is unlearnt",
    tolerance=1e-5,
)
def near_beats_far(view: View) -> np.ndarray:
    """Put one agent next to the only food and another one into a corner; all else is as drawn."""
    worst = np.full(view.rows, np.nan)
    for food in range(FOODS):
        for near in range(AGENTS):
            far = (near + 1) % AGENTS
            there = _staged(view, food, near, far)
            worst = np.fmax(worst, there.credit[:, far] - there.credit[:, near])  # nan where the food is absent
    view.say("who loads next to the only food gets {less:.3g} less credit than who is far away", less=worst)
    return worst


def _staged(view: View, food: int, near: int, far: int) -> View:
    """The situation. Where the food is absent it leaves the declared domain, and the row says nothing."""
    x, y = view[f"foods[{food}].x"], view[f"foods[{food}].y"]
    did = view[f"last_action[{far}]"]
    alone = view.without(*(f"foods[{other}]" for other in range(FOODS) if other != food))
    return alone.where(
        {
            f"agents[{near}].x": x - 1,
            f"agents[{near}].y": y,
            f"last_action[{near}]": LOAD,
            f"agents[{far}].x": np.where(x > MIDDLE, *CORNERS),
            f"agents[{far}].y": np.where(y > MIDDLE, *CORNERS),
            f"agents[{far}].level": view[f"agents[{near}].level"],
            f"last_action[{far}]": np.where(did == LOAD, 0, did),
            f"local_q[{far}]": view[f"local_q[{near}]"],
        }
    )
