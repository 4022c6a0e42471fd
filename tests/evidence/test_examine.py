import math

import numpy as np
import pytest

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.evidence import examine as room
from tfcaf_forge.evidence import explore
from tfcaf_forge.evidence.case import Case, case_of
from tfcaf_forge.evidence.examine import FAITHFUL, ProofContradicted, examine
from tfcaf_forge.evidence.profiles import Profile
from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.proven import Said
from tfcaf_forge.evidence.render import describe

TINY = Profile(name="tiny", small=12, batches=4, rows=64, derandomize=True)


@pytest.fixture(autouse=True)
def _no_prover(monkeypatch):
    """Trials alone; the prover has tests of its own."""
    monkeypatch.setattr(room, "proofs_of", lambda subject: {})


def _only(made, name, **options):
    (verdict,) = examine(made, only=[name], **options).verdicts
    return verdict


@pytest.mark.parametrize("name", ["equal-weights", "softmax-of-positions", "largest"])
def test_good_graphs_are_accepted(subject, name):
    evidence = examine(subject(name), candidate=3)
    assert evidence.accepted
    assert evidence.candidate == 3
    assert {v.status for v in evidence.verdicts if v.required} == {"TESTED"}
    assert all(v.trials > 0 for v in evidence.verdicts)


@pytest.mark.parametrize(("name", "refuted"), [("turns-above-twelve", "monotone"), ("root-to-twelve", "finite")])
def test_trials_reach_the_local_values_that_scaling_makes(subject, task, name, refuted):
    """Trials drew from q_low to q_high and the kernel multiplies by q_scale first, so both were accepted."""
    assert (task.credit.q_high, task.credit.q_scale) == (10.0, 2.0)
    made = subject(name)
    within = np.array([[10.0, -10.0]], np.float32)
    state = np.zeros((1, task.state_size), np.float32)
    assert np.isfinite(made.values(Case(within, state))).all(), "nothing is wrong up to q_high"
    assert _only(made, refuted).status == "REFUTED"


PLANTED = [
    ("negated", "monotone", {}, "credit of agent 0 = -1", 1),
    ("level-slope", "monotone", {"foods[0].level": 4.0}, "credit of agent 0 = -1", 2),
    ("meeting", "finite", {"agents[0].x": 0.0, "agents[1].x": 0.0}, "q_tot = nan", 5),
    (
        "food-share",
        "finite",
        dict.fromkeys(("foods[0].x", "foods[0].y", "foods[1].x", "foods[1].y"), -1.0)
        | dict.fromkeys(("foods[0].level", "foods[1].level"), 0.0),
        "q_tot = nan",
        5,
    ),
    (
        "guarded-division",
        "finite-gradient",
        {"foods[0].x": -1.0, "foods[0].y": -1.0, "foods[0].level": 0.0},
        "credit = (nan, nan)",
        2,
    ),
    ("last-action-weight", "monotone", {"last_action[0]": -1.0}, "credit of agent 0 = -1", 2),
    ("table-too-short", "contract", {"foods[0].level": 4.0}, None, None),
    ("one-agent", "starved", {}, "credit of agent 1 = 0 in all 2,048 states", None),
]


@pytest.mark.parametrize(("name", "prop", "fields", "observed", "line"), PLANTED, ids=[p[0] for p in PLANTED])
def test_a_planted_violation_is_found_and_reduced_to_the_fields_that_matter(
    subject, name, prop, fields, observed, line
):
    verdict = _only(subject(name), prop)
    assert verdict.status == "REFUTED"
    assert verdict.counterexample is not None
    assert verdict.counterexample.fields == fields
    assert observed is None or verdict.counterexample.observed == observed
    assert verdict.counterexample.line == line
    assert len(verdict.counterexample.state) == 1


def test_a_batch_dependence_is_reduced_to_two_rows(subject):
    verdict = _only(subject("batch-mean"), "batch-independent")
    assert verdict.status == "REFUTED"
    assert verdict.counterexample is not None
    assert len(verdict.counterexample.state) == 2
    assert set(verdict.counterexample.fields) <= {"foods[1].x", "foods[1].y", "foods[1].level"}
    assert verdict.counterexample.line == 2


def test_igm_is_refuted_by_two_joint_actions(subject):
    verdict = _only(subject("step-down"), "igm")
    assert verdict.status == "REFUTED"
    assert verdict.counterexample is not None
    assert len(verdict.counterexample.local_q) == 2


def test_a_counterexample_reads_in_the_tasks_words(task, subject):
    found = _only(subject("food-share"), "finite").counterexample
    assert found is not None
    assert describe(task, found) == "foods[*] absent → q_tot = nan"


def test_a_counterexample_fails_again_and_its_case_has_its_name(task, subject):
    found = _only(subject("level-slope"), "monotone").counterexample
    assert found is not None
    case = case_of(found)
    assert case.key == found.case
    prop = next(p for p in catalogue(task) if p.id == "monotone")
    assert prop.check(subject("level-slope"), case) is not None


def test_earlier_cases_are_tried_first(subject):
    found = _only(subject("level-slope"), "monotone").counterexample
    assert found is not None
    again = _only(subject("level-slope"), "monotone", cases=[case_of(found)])
    assert again.trials == 1
    assert again.counterexample == found


def test_one_seed_gives_one_evidence(subject):
    for profile in (TINY, Profile(name="tiny-search", small=20, batches=3, rows=32, target=True)):
        runs = [examine(subject("level-slope"), profile=profile, seed=5) for _ in range(2)]
        told = [[(v.property_id, v.status, v.trials, v.counterexample) for v in e.verdicts] for e in runs]
        assert told[0] == told[1]


def test_verdicts_come_in_the_order_of_the_catalogue(task, subject):
    evidence = examine(subject("meeting"), profile=TINY, faithful=(True, "64 rows agree"))
    assert [v.property_id for v in evidence.verdicts] == [p.id for p in catalogue(task)] + [FAITHFUL]


def test_an_unfaithful_trace_is_refuted(subject):
    evidence = examine(subject("equal-weights"), profile=TINY, faithful=(False, "row 3 differs by 0.2"))
    assert not evidence.accepted
    assert evidence.of(FAITHFUL).detail == "row 3 differs by 0.2"


def test_an_unknown_name_is_refused(subject):
    with pytest.raises(ConfigError, match="no property 'monoton'"):
        examine(subject("equal-weights"), only=["monoton"])
    with pytest.raises(ConfigError, match="no trial profile 'slow'"):
        examine(subject("equal-weights"), profile="slow")


def test_a_relaxed_task_accepts_what_is_not_monotone_but_not_what_breaks_igm(subject, relaxed):
    evidence = examine(subject("negated", relaxed), profile=TINY)
    assert evidence.of("monotone").status == "REFUTED"
    assert not evidence.of("monotone").required
    assert not evidence.accepted  # igm stays required
    assert evidence.of("igm").status == "REFUTED"


def test_a_graph_that_never_runs_is_judged_by_its_contract_alone(subject):
    state = np.array([[0, 0, 1, 0, 0, 1, 1, 1, 4, 1, 1, 2, 0, 0]], dtype=np.float32)
    never = Profile(name="never", small=0, batches=0, derandomize=True)
    evidence = examine(subject("table-too-short"), profile=never, replay_states=state, only=["finite", "starved"])
    assert {v.status for v in evidence.verdicts} == {"UNKNOWN"}
    assert not evidence.accepted


def test_a_check_that_crashes_is_errored_and_stops_no_other(subject, monkeypatch):
    def broken(task):
        first, *rest = catalogue(task)
        crashing = type(first)(**{**first.__dict__, "measure": lambda subject, case: 1 / 0})
        return (crashing, *rest)

    monkeypatch.setattr(room, "catalogue", broken)
    evidence = examine(subject("equal-weights"), profile=TINY)
    assert evidence.of("contract").status == "ERRORED"
    assert "division by zero" in evidence.of("contract").detail
    assert evidence.of("finite").status == "TESTED"
    assert not evidence.accepted


def test_a_proof_is_kept_and_still_tried(subject, monkeypatch):
    monkeypatch.setattr(room, "proofs_of", lambda made: {"monotone": Said("PROVED", "credit in [0, 1]", 0.01)})
    verdict = _only(subject("softmax-of-positions"), "monotone")
    assert (verdict.status, verdict.detail) == ("PROVED", "credit in [0, 1]")
    assert 0 < verdict.trials < 1500
    assert verdict.seconds >= 0.01


def test_a_counterexample_to_a_proof_is_loud(subject, monkeypatch):
    monkeypatch.setattr(room, "proofs_of", lambda made: {"monotone": Said("PROVED", "credit >= 0")})
    with pytest.raises(ProofContradicted, match="monotone was proved"):
        _only(subject("negated"), "monotone")


@pytest.mark.parametrize(("name", "source"), [("monotone", "negated"), ("state-sensitive", "equal-weights")])
def test_a_counterexample_to_a_proof_can_be_kept_and_accepts_nothing(subject, monkeypatch, name, source):
    """Advice, too: a prover that is wrong once is not believed about the rest."""
    monkeypatch.setattr(room, "proofs_of", lambda made: {name: Said("PROVED", "so it seemed")})
    evidence = examine(subject(source), only=[name], record_contradictions=True)
    (verdict,) = evidence.verdicts
    assert verdict.status == "ERRORED"
    assert f"{name} was proved (so it seemed)" in verdict.detail
    assert "a bug of the prover: please report it" in verdict.detail
    assert "(case " in verdict.detail
    assert not evidence.accepted


def test_a_counterexample_outside_the_domain_refutes_and_blames_no_proof(subject, monkeypatch):
    monkeypatch.setattr(room, "proofs_of", lambda made: {"monotone": Said("PROVED", "credit >= 0")})
    state = np.array([[0, 0, 1, 0, 0, 1, 1, 1, 9, 1, 1, 2, 0, 0]] * 4, dtype=np.float32)
    never = Profile(name="never", small=0, batches=1, rows=4, derandomize=True)
    monkeypatch.setattr(explore.strategies, "batch", lambda task, rows, seed, replay: case_of_rows(replay))
    assert _only(subject("level-margin"), "monotone", profile=never, replay_states=state).status == "REFUTED"


def case_of_rows(state):
    from tfcaf_forge.evidence.case import Case

    return Case(np.zeros((len(state), 2), dtype=np.float32), state)


def test_a_property_that_is_not_proved_says_why(subject, monkeypatch):
    monkeypatch.setattr(room, "proofs_of", lambda made: {"finite": Said("UNKNOWN", "no rule for atan2")})
    verdict = _only(subject("equal-weights"), "finite", profile=TINY)
    assert (verdict.status, verdict.detail) == ("TESTED", "not proved: no rule for atan2")


def test_seconds_are_told(subject):
    evidence = examine(subject("equal-weights"), profile=TINY)
    assert evidence.seconds > 0
    assert all(math.isfinite(v.seconds) for v in evidence.verdicts)
