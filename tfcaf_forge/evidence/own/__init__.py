"""Users' own properties: a plain Python file, given with `--properties FILE`, tried like the built-in ones.

::

    from tfcaf_forge.evidence.own import View, property_test

    @property_test(id="level-counts", formula="credit_0 ≥ credit_1 where agent 0 has the higher level")
    def level_counts(view: View):
        view.assume(view["agents[0].level"] > view["agents[1].level"])
        return view.credit[:, 1] - view.credit[:, 0]          # by how much each row breaks it

A plain Hypothesis test is possible, too, for one state at a time::

    @given(states())
    def test_credit_is_small(view):
        assert (view.credit <= 2).all()

The file is the user's own code and runs with the user's rights; a candidate's code never does.
"""

from __future__ import annotations

from tfcaf_forge.evidence.own.declare import property_test
from tfcaf_forge.evidence.own.load import load_own
from tfcaf_forge.evidence.own.plain import states
from tfcaf_forge.evidence.own.view import View, credit_of

__all__ = ["View", "credit_of", "load_own", "property_test", "states"]
