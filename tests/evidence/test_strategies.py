from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfcaf_forge.evidence.domain import domain_of
from tfcaf_forge.evidence.strategies import batches, cases
from tfcaf_forge.records.task_spec import load_task
from tfcaf_forge.resources import bundled_tasks

TASKS = {name: load_task(path) for name, path in bundled_tasks().items()}
QUICK = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@QUICK
@given(st.data(), st.sampled_from(sorted(TASKS)))
def test_drawn_cases_lie_in_the_declared_domain(data, name):
    case = data.draw(cases(TASKS[name]))
    assert 1 <= case.rows <= 4
    assert domain_of(TASKS[name]).contains(case.state, case.local_q)


@QUICK
@given(batches(TASKS["lbf-8x8-2p-2f-coop"], rows=32))
def test_batches_lie_in_the_declared_domain(case):
    assert case.rows == 32
    assert domain_of(TASKS["lbf-8x8-2p-2f-coop"]).contains(case.state, case.local_q)
