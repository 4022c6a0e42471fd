"""What comes back through litellm from a server that answers well, badly, late, or not at all."""

from __future__ import annotations

import asyncio
import importlib.metadata
import time

import pytest

from tests.proposals.model.conftest import GOOD, Say, litellm_model
from tfcaf_forge.errors import MissingExtra
from tfcaf_forge.proposals.answer import function_in
from tfcaf_forge.proposals.exchange import Answered, Message, Question, Reply, Slot
from tfcaf_forge.proposals.faults import CallFailed, Fault, ModelError
from tfcaf_forge.proposals.litellm_client import LitellmModel, import_litellm
from tfcaf_forge.proposals.named import name_and_url
from tfcaf_forge.proposals.redact import MARK, Redactor

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])


def ask(model, timeout_s=20.0):
    question = Question(
        slot=Slot(purpose="propose"),
        model=model.name,
        endpoint=model.endpoint,
        messages=(Message(role="user", content="write"),),
        parameters={"temperature": 0.5, "max_tokens": 100, "seed": 3},
    )

    async def once() -> Reply | Fault:
        try:
            return await model.ask(question, timeout_s)
        except CallFailed as failed:
            return failed.fault
        finally:
            await model.close()

    return asyncio.run(once())


@BOTH
def test_a_good_answer_comes_back_with_its_tokens(serve, stream):
    server = serve([Say()])
    reply = ask(litellm_model(server, stream=stream))
    assert isinstance(reply, Reply)
    assert function_in(Answered(key="", reply=reply, at_s=0.0)) == GOOD
    assert (reply.finish, reply.tokens_in, reply.tokens_out) == ("stop", 100, 50)
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["max_tokens"], sent["seed"]) == ("scripted", 0.5, 100, 3)


@BOTH
@pytest.mark.parametrize(
    ("say", "code", "again", "fatal"),
    [
        (Say(status=401, error="invalid key"), "auth", False, True),
        (Say(status=402), "payment", False, True),
        (Say(status=403), "forbidden", False, True),
        (Say(status=404, error="The model `scripted` does not exist"), "unknown-model", False, True),
        (Say(status=400), "bad-request", False, True),
        (Say(status=429, headers={"retry-after": "7"}), "rate-limit", True, False),
        (Say(status=429, error="You exceeded your quota: insufficient_quota"), "payment", False, True),
        (Say(status=500), "server", True, False),
        (Say(status=503), "server", True, False),
        (Say(drop=True), "connection", True, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_failure_of_the_other_end_has_its_code(serve, stream, say, code, again, fatal):
    fault = ask(litellm_model(serve([say]), stream=stream))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.again, fault.fatal) == (code, again, fatal)
    assert fault.wait_s == (7.0 if "retry-after" in say.headers else None)


@BOTH
@pytest.mark.parametrize("say", [Say(hang=True), Say(delay=60.0)], ids=["after the headers", "before them"])
def test_a_server_that_hangs_is_given_up_in_time(serve, stream, say):
    model = litellm_model(serve([say]), stream=stream)
    began = time.monotonic()
    fault = ask(model, timeout_s=1.0)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.again, fault.billed) == ("timeout", True, True)
    assert time.monotonic() - began < 6


@BOTH
def test_ten_megabytes_are_refused(serve, stream):
    fault = ask(litellm_model(serve([Say(text="x" * 10_000_000)]), stream=stream))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.again, fault.fatal) == ("too-large", False, False)


@BOTH
@pytest.mark.parametrize(
    ("say", "code"),
    [
        (Say(text="```python\ndef tfcaf(local_q, state):\n    w = torch.soft", finish="length"), "truncated"),
        (Say(text=""), "empty"),
        (Say(text="I'm sorry, but I can't help with that."), "refused"),
        (Say(text="", finish="content_filter"), "refused"),
        (Say(text="One should weigh agents by how near they are."), "no-code"),
        (Say(text=f"```python\n{GOOD}```\nOr:\n```python\n{GOOD.replace('sum', 'mean')}```\n"), "multi-block"),
        (Say(text="```javascript\nfunction tfcaf(q, s) { return q; }\n```"), "wrong-language"),
    ],
    ids=["truncated", "empty", "refused", "filtered", "no-code", "multi-block", "wrong-language"],
)
def test_every_kind_of_bad_answer_has_its_code(serve, stream, say, code):
    reply = ask(litellm_model(serve([say]), stream=stream))
    assert isinstance(reply, Reply)
    found = function_in(Answered(key="", reply=reply, at_s=0.0))
    assert getattr(found, "code", found) == code


def test_a_refusal_that_the_provider_names_is_a_refusal(serve):
    reply = ask(litellm_model(serve([Say(text="", refusal="I will not")]), stream=False))
    assert isinstance(reply, Reply)
    assert reply.refusal == "I will not"
    assert getattr(function_in(Answered(key="", reply=reply, at_s=0.0)), "code", "") == "refused"


def test_nobody_at_the_port_is_said_plainly(serve):
    server = serve([Say()])
    server.stop()
    fault = ask(litellm_model(server))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.billed) == ("connection", False)
    assert "start the server" in fault.message


def test_a_local_server_is_not_sent_the_users_own_key(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user-0123456789abcdef")
    server = serve([Say()])
    ask(litellm_model(server, environment={"OPENAI_API_KEY": "sk-of-the-user-0123456789abcdef"}))
    assert server.keys == ["Bearer not-needed"]


def test_a_key_that_is_named_is_sent(serve):
    server = serve([Say()])
    ask(litellm_model(server, environment={"MY_KEY": "for-this-server"}, api_key_env="MY_KEY"))
    assert server.keys == ["Bearer for-this-server"]


def test_a_key_in_an_answer_or_an_error_is_removed(serve):
    secret = "abc-secret-value-123"
    redactor = Redactor({"SOME_TOKEN": secret})
    reply = ask(litellm_model(serve([Say(text=f"your key is {secret}")]), redactor=redactor))
    assert isinstance(reply, Reply)
    assert reply.text == f"your key is {MARK}"
    fault = ask(litellm_model(serve([Say(status=401, error=f"bad key {secret}")]), redactor=redactor))
    assert isinstance(fault, Fault)
    assert secret not in fault.message


def test_the_price_of_an_unknown_model_is_unknown(serve):
    server = serve([Say()])
    assert litellm_model(server).price is None
    priced = litellm_model(server, "openai/gpt-4o-mini").price
    assert priced is not None
    assert 0 < priced.prompt < priced.answer < 1e-3


@pytest.mark.parametrize("name", ["ollama/qwen3-coder", "gemini/gemma-3-27b-it"])
def test_a_model_that_is_listed_at_nothing_has_no_known_price(litellm_there, name):
    assert LitellmModel(name, environment={}, redactor=Redactor(), ask=False).price is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("vertex_ai/claude-3-5-sonnet@20240620", ("vertex_ai/claude-3-5-sonnet@20240620", "")),
        ("vertex_ai/claude@20240620@https://host/v1", ("vertex_ai/claude@20240620", "https://host/v1")),
        ("openai/NAME@http://user:pass@127.0.0.1:8000/v1", ("openai/NAME", "http://user:pass@127.0.0.1:8000/v1")),
        ("openai/NAME", ("openai/NAME", "")),
    ],
)
def test_a_name_may_hold_an_at_sign_and_a_url_follows_one(text, parts):
    assert name_and_url(text) == parts


def test_a_url_whose_password_was_left_out_is_refused_before_any_call(litellm_there):
    with pytest.raises(ModelError, match="lacks the secret"):
        LitellmModel("openai/x", api_base=f"http://{MARK}@127.0.0.1:1/v1", environment={}, redactor=Redactor())


def test_an_unknown_provider_is_refused_before_any_call(litellm_there):
    with pytest.raises(ModelError, match="write PROVIDER/NAME"):
        LitellmModel("no-such-model", environment={}, redactor=Redactor())


def test_a_missing_key_is_named_before_any_call(litellm_there, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ModelError, match="export ANTHROPIC_API_KEY"):
        LitellmModel("anthropic/claude-sonnet-4-5", environment={}, redactor=Redactor())


@pytest.mark.parametrize("release", ["1.82.7", "1.82.8"])
def test_a_compromised_release_is_refused(monkeypatch, release):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: release)
    with pytest.raises(ModelError, match="compromised"):
        import_litellm()


def test_without_litellm_the_extra_is_named(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(MissingExtra, match=r"tfcaf-forge\[llm\]"):
        import_litellm()
