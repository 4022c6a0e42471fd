"""What prompts say: the state field by field, the sandbox's names, and nothing that must not leave."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from jinja2 import UndefinedError

from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.pipeline.tasks import load_task, task_names
from tfcaf_forge.proposals import allowed
from tfcaf_forge.proposals.prompts import fenced, numbered, prompts_digest, render, task_values
from tfcaf_forge.proposals.redact import MARK, Redactor, is_secret
from tfcaf_forge.resources import bundled

GUEST = """
import json, sys
sys.path.insert(0, sys.argv[1])
from guest import facade
print(json.dumps([sorted(facade.torch_namespace().names), sorted(facade.functional_namespace().names)]))
"""


@pytest.fixture(scope="module")
def guest():
    done = subprocess.run(
        [sys.executable, "-c", GUEST, str(bundled("sandboxes"))], capture_output=True, text=True, check=True
    )
    return [set(names) for names in json.loads(done.stdout)]


def test_every_name_that_a_prompt_states_exists_in_the_sandbox(guest):
    assert set(allowed.torch_names()) - guest[0] == set()
    assert set(allowed.functional_names()) - guest[1] == set()


def test_every_row_of_the_op_table_is_stated_or_needs_no_name():
    assert set(TABLE) - allowed.stated_rows() - allowed.SILENT == set()
    assert allowed.stated_rows() | allowed.SILENT <= set(TABLE)


def test_a_name_whose_operation_leaves_the_table_is_no_longer_stated(monkeypatch):
    monkeypatch.delitem(TABLE, "erf")
    assert "erf" not in allowed.torch_names()
    assert "exp" in allowed.torch_names()


@pytest.mark.parametrize("name", task_names())
def test_every_field_of_every_task_is_in_the_prompt_with_its_index_and_range(name):
    task = load_task(name)
    text = render("system", task_values(task))
    for slot in task.layout:
        [line] = [line for line in text.splitlines() if line.startswith(f"state[:, {slot.index}] ")]
        assert slot.name in line
        assert f"{slot.low:g} to {slot.high:g}" in line
        if slot.absent is not None:
            assert f"or {slot.absent:g} where it is absent" in line
    assert f"[B, {task.state_size}]" in text
    assert f"[B, {task.n_agents}]" in text


def test_a_template_that_names_what_it_was_not_given_is_an_error():
    with pytest.raises(UndefinedError):
        render("propose", {})


def test_a_text_cannot_close_its_own_fence():
    assert fenced("a\n```\nb", "text") == "````text\na\n```\nb\n````"


def test_lines_are_numbered_from_one():
    assert numbered("a\nb\n") == "```text\n1  a\n2  b\n```"


def test_the_digest_of_the_prompts_does_not_depend_on_the_process():
    code = "from tfcaf_forge.proposals.prompts import prompts_digest; print(prompts_digest())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == prompts_digest()


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF0123456789abcDEF", "hf_abcdefghijklmnopqrstuvwxyz0123", "ghp_abcdefghij0123456789abcd", "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123-def", "xoxb-1234567890-abcdef",
    ],
)  # fmt: skip
def test_what_has_the_shape_of_a_key_is_removed(secret):
    assert secret not in Redactor().clean(f"use {secret} here")


def test_values_of_secret_variables_are_removed_and_others_are_not():
    redactor = Redactor({"MY_API_KEY": "correct-horse", "DB_PASSWORD": "battery", "LANG": "C.UTF-8", "HOME": "/root"})
    assert redactor.clean("correct-horse battery C.UTF-8 /root") == f"{MARK} {MARK} C.UTF-8 /root"
    assert "horse" not in repr(redactor)


def test_a_longer_secret_goes_before_a_shorter_one_inside_it():
    assert Redactor({"A_KEY": "abcdef", "B_KEY": "abcdef-ghijkl"}).clean("abcdef-ghijkl") == MARK


def test_credentials_in_a_url_are_removed():
    assert Redactor().clean("https://user:pass@host/v1") == f"https://{MARK}@host/v1"
    assert Redactor().clean("HTTPS://user:p@ss@host/v1") == f"HTTPS://{MARK}@host/v1"


@pytest.mark.parametrize(
    "source",
    [
        "task_similarity_of_agents = sk_weights_for_agents - 1",
        "hf_levels_of_both_agents_1 = basic_understanding",
        "x = pk - distance_2_to_food_1",
    ],
)
def test_identifiers_are_no_keys(source):
    assert Redactor().clean(source) == source


@pytest.mark.parametrize(
    ("name", "value"), [("SSH_AUTH_SOCK", "/tmp/ssh-abc/agent.1"), ("PATH", "/usr/bin:/bin"), ("A_KEY", "abc")]
)
def test_what_is_no_secret_is_left_alone(name, value):
    assert not is_secret(name, value)
