"""What `forge vet` prints for a person: the counterexample, the line, the remedy, and what to do next."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Forge

ROOT = Path(__file__).parent.parent.parent
PLANTED = ROOT / "tests" / "quality"
OWN = ROOT / "examples" / "properties" / "lbf_8x8_2p_2f_coop.py"


def test_a_refuted_function_is_shown_with_the_line_and_a_remedy(forge: Forge, tmp_path: Path) -> None:
    bad = PLANTED / "bad" / "normalise_food_levels.py"
    done = forge("vet", bad, "--only", "finite", "--observe", tmp_path / "seen")
    assert done.code == 1
    lines = [line.strip() for line in done.out.splitlines()]
    assert "REFUTED  finite              foods[*] absent → q_tot = nan" in lines
    assert any(line.startswith("line 9: `share = ") and "divides by 0; add an epsilon" in line for line in lines)
    assert any(line.startswith("again") and "--only finite --case" in line for line in lines)
    assert list((tmp_path / "seen").glob("*.jsonl"))
    again = forge("vet", bad, "--only", "finite", "--json").data["evidence"]["verdicts"][0]
    assert again["trials"] == 1  # the stored counterexample comes first


def test_an_own_property_stands_in_the_table_and_refuses_nothing_unless_it_is_required(forge: Forge) -> None:
    done = forge(
        "vet", PLANTED / "bad" / "semantic" / "far_is_urgent.py", "--properties", OWN, "--only", "near-beats-far"
    )
    assert done.code == 0
    assert "advisory: your own" in done.out
    assert "REFUTED  near-beats-far" in done.out
    assert "less credit than who is far away" in done.out
    assert f"--properties {OWN} --only near-beats-far --case" in done.out


def test_a_file_of_properties_that_cannot_be_used_is_an_error(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    done = forge("vet", PLANTED / "good" / "equal_weights.py", "--properties", tmp_path / "empty.py")
    assert done.code == 2
    assert "declares no property" in done.err
