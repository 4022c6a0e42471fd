import numpy as np
import pytest

from tfcaf_forge.errors import InputError
from tfcaf_forge.evidence.case import Case, case_of, from_data
from tfcaf_forge.records.verdict import Counterexample

CASE = Case(np.array([[0.1, 2.0]], dtype=np.float32), np.array([[1.0, 2.0, 3.0]], dtype=np.float32))


def test_a_case_survives_json():
    again = from_data(CASE.data(), what="test")
    assert (again.local_q == CASE.local_q).all()
    assert (again.state == CASE.state).all()
    assert again.key == CASE.key


def test_the_key_is_eight_hexadecimal_digits_and_tells_inputs_apart():
    other = Case(CASE.local_q + 1, CASE.state)
    assert len(CASE.key) == 8
    int(CASE.key, 16)
    assert other.key != CASE.key


def test_a_counterexample_is_a_case_again():
    data = CASE.data()
    found = Counterexample(
        state=tuple(map(tuple, data["state"])),
        local_q=tuple(map(tuple, data["local_q"])),
        fields={},
        observed="",
        case="",
    )
    assert case_of(found).key == CASE.key


@pytest.mark.parametrize(
    "data", [{}, [], {"local_q": [[1.0]], "state": [[1.0], [2.0]]}, {"local_q": [["x"]], "state": [[1.0]]},
             {"local_q": [[float("nan")]], "state": [[1.0]]}]
)  # fmt: skip
def test_what_is_no_case_is_refused(data):
    with pytest.raises(InputError):
        from_data(data, what="test")
