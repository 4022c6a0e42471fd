"""Every attack of the bundled corpus against the whole stack: none escapes, leaks, hangs or crashes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tfcaf_forge.pipeline.attack import Attack, Outcome, Range, load_attacks, run_attack, shapes

ATTACKS = load_attacks()
CATEGORIES = list(dict.fromkeys(attack.category for attack in ATTACKS))


@pytest.fixture(scope="module")
def outcomes(short_profile, watch) -> dict[str, Outcome]:
    """Two workers, since half of an attack is waiting for a fork."""

    def shoot(target: Range, attacks: tuple[Attack, ...]) -> list[Outcome]:
        return [run_attack(attack, target, watch) for attack in attacks]

    with Range("local", short_profile) as one, Range("local", short_profile) as two, ThreadPoolExecutor(2) as pool:
        watch.begin(others=1)
        halves = pool.map(shoot, (one, two), (ATTACKS[::2], ATTACKS[1::2]))
        return {outcome.id: outcome for half in halves for outcome in half}


def test_the_corpus_is_as_large_as_promised():
    assert len(ATTACKS) >= 300
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)
    assert len(CATEGORIES) >= 16


def test_most_attacks_are_ideas_of_their_own_and_not_one_with_other_names():
    assert shapes(ATTACKS) >= 700
    assert shapes([ATTACKS[0], ATTACKS[0]]) == 1


def test_every_attack_says_what_stops_it_or_why_it_does_no_harm():
    for attack in ATTACKS:
        if attack.outcome == "stopped":
            assert attack.stops, attack.id
            assert attack.codes, attack.id
        else:
            assert attack.evidence or attack.harmless, attack.id


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_attack_escapes_leaks_hangs_or_crashes(category, outcomes):
    found = [outcome for outcome in outcomes.values() if outcome.category == category]
    assert [outcome for outcome in found if outcome.fate not in ("stopped", "shipped")] == []


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_attack_is_stopped_by_the_layer_that_is_there_for_it(category, outcomes):
    found = [outcome for outcome in outcomes.values() if outcome.category == category]
    assert [outcome for outcome in found if not outcome.expected] == []
