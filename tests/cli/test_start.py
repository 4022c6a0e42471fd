from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import Forge
from tfcaf_forge.cli.app import VERBS, verb

HEAVY = ("torch", "hypothesis", "litellm", "gymnasium", "numpy")


def imported_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    return {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in done.stderr.splitlines()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not imported_by("import tfcaf_forge") & set(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['forge', '--help']\nfrom tfcaf_forge.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert not imported_by(code) & {"torch", "hypothesis", "litellm", "gymnasium"}


def test_help_imports_no_verb() -> None:
    code = "import sys\nfrom tfcaf_forge.cli import main\nsys.argv = ['forge', '--help']\ntry: main()\nexcept SystemExit: pass\n"
    code += "assert not [name for name in sys.modules if name.startswith('tfcaf_forge.cli.') and name != 'tfcaf_forge.cli.app']"
    assert "typer" in imported_by(code)


@pytest.mark.parametrize("name", VERBS)
def test_the_list_of_verbs_says_what_the_verb_itself_says(name: str) -> None:
    assert " ".join(verb(name).help.split("\n\n")[0].split()) == VERBS[name]


def test_the_public_names_resolve() -> None:
    import tfcaf_forge

    for name in tfcaf_forge.__all__:
        assert getattr(tfcaf_forge, name) is not None
    with pytest.raises(AttributeError):
        _ = tfcaf_forge.nothing


@pytest.mark.parametrize("verb", ["synthesize", "vet", "collect", "rank", "export", "train", "report"])
def test_every_verb_has_help_with_an_example_and_takes_json(forge: Forge, verb: str) -> None:
    done = forge(verb, "--help")
    assert done.code == 0
    assert f"forge {verb} " in done.out
    assert "--json" in done.out


@pytest.mark.parametrize("arguments", [("nonsense",), ("vet",), ("vet", "x.py", "--nonsense"), ("train",)])
def test_wrong_usage_ends_with_2(forge: Forge, arguments: tuple[str, ...]) -> None:
    assert forge(*arguments).code == 2


def test_the_version_is_printed(forge: Forge) -> None:
    from tfcaf_forge import __version__

    assert forge("--version").out == f"tfcaf-forge {__version__}\n"


def test_an_unknown_task_names_the_nearest_one_and_ends_with_2(forge: Forge) -> None:
    done = forge("task", "show", "lbf-8x8-2p-2f-cop")
    assert done.code == 2
    assert "did you mean lbf-8x8-2p-2f-coop?" in done.err
    assert "Traceback" not in done.err


def test_an_error_is_json_too_where_json_is_asked_for(forge: Forge) -> None:
    done = forge("task", "show", "nothing-like-it", "--json")
    assert done.code == 2
    assert done.data["error"]["code"] == "task"


def test_tasks_are_listed_shown_and_held_against_their_environment(forge: Forge) -> None:
    assert "lbf-8x8-2p-2f-coop" in [task["name"] for task in forge("task", "list", "--json").data["tasks"]]
    assert "foods[1].level" in forge("task", "show", "lbf-8x8-2p-2f-coop").out
    assert forge("task", "check", "lbf-8x8-2p-2f-coop", "--steps", "500", "--json").data["passed"] is True


def test_a_field_outside_its_range_is_named_and_ends_with_1(forge: Forge, tmp_path) -> None:
    from tfcaf_forge.resources import bundled_tasks

    text = bundled_tasks()["lbf-8x8-2p-2f-coop"].read_text()
    narrow = tmp_path / "narrow.toml"
    narrow.write_text(text.replace("high = 4", "high = 3"))
    done = forge("task", "check", narrow, "--steps", "2000")
    assert done.code == 1
    assert "foods[0].level" in done.out
    assert "contradicts the TaskSpec" in done.out
