"""Users' own properties: what the small API promises, and what it says when it is misused."""

from __future__ import annotations

import re
import textwrap

import numpy as np
import pytest

from tfcaf_forge.errors import ConfigError, InputError
from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.own import View, load_own, property_test
from tfcaf_forge.evidence.profiles import Profile

TINY = Profile(name="tiny", small=12, batches=4, rows=64, derandomize=True)
ROW = [0, 0, 1, 7, 7, 2, 1, 1, 4, -1, -1, 0, 5, 0]


@pytest.fixture
def view(subject):
    return View(subject("level-slope"), Case(np.array([[1, 2]], np.float32), np.array([ROW], np.float32)))


@pytest.fixture
def own(tmp_path):
    def write(body):
        path = tmp_path / "mine.py"
        head = "from hypothesis import given\nfrom tfcaf_forge.evidence.own import *\nimport numpy as np\n"
        path.write_text(head + textwrap.dedent(body))
        return load_own(path)

    return write


def _verdict(made, properties, **options):
    (verdict,) = examine(made, profile=TINY, properties=properties, only=[p.id for p in properties], **options).verdicts
    return verdict


LEVELS = """
    @property_test(id="level-matters", formula="credit ≥ 1 where foods[0] is easy", hazard="easy food is forgotten")
    def level_matters(view):
        view.assume(view["foods[0].level"] <= 2)
        return 1.0 - view.credit[:, 0]

    @property_test(id="never-below-zero", required=True)
    def never(view):
        assert (view.credit >= 0).all(), "a credit is below 0"
"""


def test_fields_are_read_by_name(view):
    assert view["agents[1].level"] == 2
    assert view["local_q[1]"] == 2
    assert view.present("foods[0]")
    assert not view.present("foods[1]")
    assert view.credit.tolist() == [[-1, -1]]
    assert "foods[0].level = 4" in repr(view)


@pytest.mark.parametrize("name", ["foods[0].levle", "local_q[9]"])
def test_an_unknown_field_is_named_with_the_nearest_one(view, name):
    with pytest.raises(InputError, match=r"foods\[0\].level|2 agents"):
        view[name]


def test_a_changed_view_has_its_own_credit_and_leaves_the_first_alone(view):
    easy = view.where({"foods[0].level": 2, "local_q[0]": 0.5})
    assert easy.credit[0, 0] == 1
    assert easy["local_q[0]"] == 0.5
    assert view.credit[0, 0] == -1
    assert view.without("foods[0]").credit[0, 0] == 3


def test_outside_the_declared_domain_credit_is_nan_and_nothing_is_claimed(view):
    assert np.isnan(view.where({"foods[0].level": 9}).credit).all()
    assert view.kept.all()


def test_an_element_that_is_never_absent_cannot_be_removed(view):
    with pytest.raises(InputError, match="never absent"):
        view.without("agents[0]")


def test_an_own_property_is_refuted_in_named_fields_like_any_other(subject, own):
    properties = own(LEVELS)
    verdict = _verdict(subject("level-slope"), properties[1:])
    assert (verdict.status, verdict.origin, verdict.required) == ("REFUTED", "user", True)
    assert verdict.counterexample.fields == {"foods[0].level": 4.0}
    assert verdict.counterexample.observed == "a credit is below 0"


def test_what_is_not_assumed_is_no_trial(subject, own):
    verdict = _verdict(subject("level-slope"), own(LEVELS)[:1])
    assert verdict.status == "TESTED"
    assert 0 < verdict.trials < 12 * 4 + 4 * 64


def test_a_property_that_assumes_the_impossible_stays_unknown(subject, own):
    verdict = _verdict(
        subject("level-slope"),
        own("""
        @property_test(id="nowhere")
        def nowhere(view):
            view.assume(view["foods[0].level"] > 4)
            return view.credit[:, 0]
        """),
    )
    assert verdict.status == "UNKNOWN"
    assert "assumes" in verdict.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return view.credit[:, 0] > 0", "by how much"),
        ("return 1.0", "by how much"),
        ("return view['agents[0].row']", "no state field 'agents\\[0\\].row'"),
        ("return 1 / 0", "division by zero"),
    ],
)
def test_a_flaw_in_an_own_property_is_errored_and_says_why(subject, own, body, said):
    made = own(f"@property_test(id='flawed', required=True)\ndef flawed(view):\n    {body}\n")
    verdict = _verdict(subject("level-slope"), made)
    assert verdict.status == "ERRORED"
    assert not verdict.holds
    assert re.search(said, verdict.detail)


PLAIN = """
    @given(states())
    def test_credit_is_positive(view):
        \"\"\"Every credit is above 0.\"\"\"
        assert view["foods[0].level"] < 4 or (credit_of(view) > 0).all()
"""


def test_a_plain_hypothesis_test_is_shrunk_by_hypothesis_and_judged_alike(subject, own):
    verdict = _verdict(subject("level-slope"), own(PLAIN))
    assert (verdict.status, verdict.origin) == ("REFUTED", "user")
    assert verdict.counterexample.fields == {"foods[0].level": 4.0}
    assert _verdict(subject("equal-weights"), own(PLAIN)).status == "TESTED"


def test_a_plain_test_may_assume_and_stand_beside_other_strategies(subject, own):
    made = own("""
        from hypothesis import strategies as st

        @given(states(), st.integers(0, 1))
        def test_easy_food_counts(view, agent):
            view.assume(view["foods[0].level"] <= 3)
            assert credit_of(view)[agent] >= 0
    """)
    assert _verdict(subject("level-slope"), made).status == "TESTED"


def test_an_own_property_may_not_take_a_name_that_is_taken(subject, own):
    taken = own("@property_test(id='finite')\ndef finite(view): ...\n")
    with pytest.raises(ConfigError, match="'finite' is taken"):
        examine(subject("equal-weights"), properties=taken)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "declares no property"),
        ("1 / 0", "line 4: ZeroDivisionError"),
        ("@property_test(id='Near Food')\ndef near(view): ...", "lower case"),
        ("@property_test(id='a')\ndef one(view): ...\n@property_test(id='a')\ndef two(view): ...", "'a' twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place(own, body, said):
    with pytest.raises(ConfigError, match=said):
        own(body)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_own(tmp_path / "nowhere.py")


def test_a_declared_function_can_still_be_called(view):
    @property_test(id="mine")
    def mine(view):
        return view.credit[:, 0]

    assert mine(view).tolist() == [-1]
