"""`forge sandbox doctor` tells what holds, in a table and as JSON, and in its exit code."""

from __future__ import annotations

import json

import msgspec
import pytest
from typer.testing import CliRunner

from tfcaf_forge.cli.app import app
from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.sandbox import doctor, sandbox
from tfcaf_forge.sandbox.profile import Profile


class Weak:
    """A backend with a layer that does not hold."""

    isolation = Isolation(backend="weak", active=("seccomp",), missing={"landlock": "no Landlock; use Linux 5.13"})
    spent = False

    def __init__(self, profile: Profile) -> None:
        del profile

    def ask(self, request: object) -> tuple[bytes, str]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_where_all_holds_it_passes_and_says_what_was_tried() -> None:
    result = CliRunner().invoke(app, ["sandbox", "doctor", "--json"])
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout, type=doctor.Diagnosis)
    assert found.holds
    assert len(found.layers) == 25
    assert all(layer.holds and layer.stops and layer.attempts for layer in found.layers)
    (rlimits,) = (layer for layer in found.layers if layer.layer == "rlimits")
    assert rlimits.attempts["spin past its processor time"] == "time-limit"


def test_a_layer_that_does_not_hold_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sandbox.BACKENDS, "weak", Weak)
    result = CliRunner().invoke(app, ["sandbox", "doctor", "--sandbox", "weak"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert any(line.split()[:2] == ["landlock", "MISSING"] for line in lines)
    assert "landlock  no Landlock; use Linux 5.13" in lines
    assert "sandbox   weak   1 of 2 layers hold" in lines


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["sandbox", "doctor", "--sandbox", "jail", "--json"])
    assert "there is no sandbox backend 'jail'; choose one of local" in str(result.exception)


def test_its_json_is_one_object() -> None:
    row = doctor.Layer(layer="seccomp", holds=True, stops="x", remedy="", attempts={})
    made = doctor.Diagnosis(backend="local", profile="default", holds=True, layers=(row,))
    assert json.loads(msgspec.json.encode(made))["layers"][0]["layer"] == "seccomp"
