"""How questions are put: again where it helps, within the budget, never twice, never for ever."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from tests.proposals.model.conftest import QUICK, Say, litellm_model
from tfcaf_forge.proposals.asker import Asker
from tfcaf_forge.proposals.exchange import Message, Question, Reply, Slot
from tfcaf_forge.proposals.faults import CallFailed, Fault, ModelError, Stop
from tfcaf_forge.proposals.ledger import Budget, Ledger, Price
from tfcaf_forge.proposals.transcript import Recording, Transcript, departures
from tfcaf_forge.store import Store

RATE = Fault(code="rate-limit", message="slow down", again=True)
SERVER = Fault(code="server", message="broken", again=True)
AUTH = Fault(code="auth", message="who are you", fatal=True)


LOOP = asyncio.Runner()
"""One loop for the module, as a session has one: an asker belongs to the loop that it was first used in."""


@pytest.fixture(scope="module", autouse=True)
def loop():
    yield
    LOOP.close()


class Scripted:
    """A model that answers by script; an answer is a Reply, a Fault, or seconds to think before a Reply."""

    endpoint, leaves = "http://127.0.0.1:1/v1", False

    def __init__(self, *script, name="scripted", price=None, usage=(20, 50)):
        self.script, self.name, self.price, self.usage = script, name, price, usage
        self.asked: list[Question] = []
        self.at: list[float] = []
        self.now = self.peak = 0

    async def ask(self, question, timeout_s):
        number = len(self.asked) + 1
        step = self.script[min(len(self.asked), len(self.script) - 1)] if self.script else 0.0
        self.asked.append(question)
        self.at.append(time.monotonic())
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            if isinstance(step, Fault):
                raise CallFailed(step)
            await asyncio.sleep(step)
            return Reply(text=f"answer {number}", tokens_in=self.usage[0], tokens_out=self.usage[1])
        finally:
            self.now -= 1

    async def close(self):
        pass


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "run") as opened:
        yield opened


def asker(store, *models, budget=Budget(), limits=QUICK, recording=None):  # noqa: B008 - frozen
    ledger = Ledger(budget)
    made = Asker(models, transcript=Transcript(store, ledger), ledger=ledger, limits=limits, recording=recording)
    return made, ledger


def ask(made, *samples, text="hello", answer_tokens=100):
    """Ask for samples together; what each came to: a text, a fault's code, or a Stop."""

    async def one(sample):
        try:
            message = (Message(role="user", content=text),)
            answered = await made.ask(
                Slot(purpose="propose", index=sample), message, {"max_tokens": answer_tokens}, sample
            )
        except Stop as stop:
            return stop
        return answered.reply.text if answered.reply is not None else answered.fault.code

    async def every():
        return await asyncio.gather(*(one(sample) for sample in samples or (0,)))

    return LOOP.run(every())


def test_a_failure_that_may_pass_is_asked_again_with_growing_pauses(store):
    model = Scripted(SERVER, SERVER, 0.0)
    made, _ = asker(store, model, limits=msgspec.structs.replace(QUICK, backoff_s=0.1))
    assert ask(made) == ["answer 3"]
    first, second = model.at[1] - model.at[0], model.at[2] - model.at[1]
    assert 0.05 <= first < 0.5
    assert 0.1 <= second < 1.0


def test_retry_after_is_honoured(store):
    model = Scripted(msgspec.structs.replace(RATE, wait_s=0.4), 0.0)
    assert ask(asker(store, model)[0]) == ["answer 2"]
    assert model.at[1] - model.at[0] >= 0.4


def test_retry_after_comes_through_litellm(serve, store):
    server = serve([Say(status=429, headers={"retry-after": "1"}), Say()])
    began = time.monotonic()
    assert "def tfcaf" in ask(asker(store, litellm_model(server))[0])[0]
    assert time.monotonic() - began >= 1.0
    assert len(server.requests) == 2


def test_an_endpoint_that_asks_for_an_hour_is_given_up_for_the_fallback(store):
    busy = Scripted(msgspec.structs.replace(RATE, wait_s=3600.0), name="busy")
    other = Scripted(name="other")
    assert ask(asker(store, busy, other)[0]) == ["answer 1"]
    assert len(busy.asked) == 1


def test_attempts_are_bounded_and_the_last_failure_is_told(store):
    model = Scripted(SERVER)
    assert ask(asker(store, model)[0]) == ["server"]
    assert len(model.asked) == QUICK.attempts


def test_too_many_failures_in_a_row_open_the_breaker(store):
    model = Scripted(SERVER)
    made, _ = asker(store, model)
    ask(made, 0)
    [stop] = ask(made, 1)
    assert isinstance(stop, Stop)
    assert (stop.reason, len(model.asked)) == ("breaker", QUICK.breaker)
    assert "scripted" in stop.detail
    assert "broken" in stop.detail


def test_a_wrong_key_fails_at_the_first_call_with_the_fix(store):
    model = Scripted(AUTH)
    with pytest.raises(ModelError, match="API key"):
        ask(asker(store, model)[0])
    assert len(model.asked) == 1


@pytest.mark.parametrize(("status", "fix"), [(401, "valid API key"), (404, "check the spelling")])
def test_a_wrong_key_or_name_fails_at_once_through_litellm(serve, store, status, fix):
    server = serve([Say(status=status)])
    with pytest.raises(ModelError, match=fix):
        ask(asker(store, litellm_model(server))[0])
    assert len(server.requests) == 1


def test_a_key_that_is_withdrawn_later_ends_the_run_with_what_it_has(store):
    made, _ = asker(store, Scripted(0.0, AUTH))
    assert ask(made, 0) == ["answer 1"]
    [stop] = ask(made, 1)
    assert isinstance(stop, Stop)
    assert stop.reason == "breaker"


def test_no_more_calls_are_in_flight_than_allowed(store):
    model = Scripted(0.05)
    made, _ = asker(store, model, limits=msgspec.structs.replace(QUICK, concurrency=3))
    assert len(ask(made, *range(8))) == 8
    assert model.peak == 3


def test_dollars_are_never_passed_with_four_calls_in_flight(serve, store):
    server = serve(lambda number, body: Say(delay=0.1, usage=(20, 100)))
    model = litellm_model(server, "openai/gpt-4o-mini")
    price = model.price
    assert price is not None
    one = price.of(20, 100)
    made, ledger = asker(store, model, budget=Budget(usd=10.5 * one))
    results = ask(made, *range(30), text="hi")
    stops = [result for result in results if isinstance(result, Stop)]
    assert {stop.reason for stop in stops} == {"budget"}
    assert server.peak <= 4
    spent = ledger.spend.usd
    assert 8 * one <= spent <= 10.5 * one
    assert len(server.requests) == ledger.spend.calls == 30 - len(stops)


@pytest.mark.parametrize(
    ("budget", "calls"),
    [(Budget(calls=3), 3), (Budget(tokens=400), 4), (Budget(usd=0.004), 4), (Budget(minutes=0.0), 0)],
)
def test_every_budget_ends_the_run(store, budget, calls):
    model = Scripted(0.01, price=Price(prompt=1e-5, answer=1e-5))
    made, _ = asker(store, model, budget=budget)
    results = ask(made, *range(8))
    assert len(model.asked) == calls
    assert {r.reason for r in results if isinstance(r, Stop)} == {"budget"}


def test_an_endpoint_that_counts_more_tokens_than_were_expected_is_believed(store):
    model = Scripted(usage=(2000, 10))  # a small vocabulary: a token a byte
    made, ledger = asker(store, model, budget=Budget(tokens=5000), limits=msgspec.structs.replace(QUICK, concurrency=1))
    results = ask(made, *range(4), text="x" * 2000, answer_tokens=10)
    assert [isinstance(r, Stop) for r in results] == [False, False, True, True]
    assert ledger.spend.tokens_in + ledger.spend.tokens_out == 4020


def test_a_budget_holds_over_sessions(store):
    model = Scripted()
    made, _ = asker(store, model, budget=Budget(calls=3))
    ask(made, 0, 1)
    made, ledger = asker(store, model, budget=Budget(calls=3))
    assert ledger.spend.calls == 2
    results = ask(made, 2, 3)
    assert sum(isinstance(r, Stop) for r in results) == 1


def test_a_call_whose_end_is_unknown_counts_as_spent(store):
    made, ledger = asker(store, Scripted(price=Price(prompt=1.0, answer=1.0)))
    transcript = made._transcript
    question = Question(slot=Slot(purpose="propose"), model="m", endpoint="e", messages=(), parameters={})
    transcript.begin(question, tokens=500, usd=5.0, left=True)  # and then the process is killed
    _, ledger = asker(store, Scripted(), budget=Budget(tokens=600))
    assert ledger.spend.lost == 1
    assert ledger.obstacle(200, None) is not None
    assert ledger.obstacle(50, None) is None


def test_an_answer_on_the_disk_is_not_asked_for_again(store):
    model = Scripted()
    made, _ = asker(store, model)
    assert ask(made, 0, 1) == ["answer 1", "answer 2"]
    again, _ = asker(store, model)
    assert ask(again, 0, 1, 2) == ["answer 1", "answer 2", "answer 3"]
    assert len(model.asked) == 3


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
def test_different_answers_to_one_prompt_are_kept_apart_by_their_index(serve, store, stream):
    server = serve(lambda number, body: Say(text=f"answer {number}"))
    model = litellm_model(server, stream=stream)
    first = ask(asker(store, model)[0], 0, 1, 2)
    assert sorted(first) == ["answer 0", "answer 1", "answer 2"]
    assert ask(asker(store, model)[0], 0, 1, 2) == first
    assert len(server.requests) == 3


def test_a_fallbacks_answer_is_found_before_the_first_model_is_asked_again(store):
    broken, other = Scripted(SERVER, name="broken"), Scripted(name="other")
    assert ask(asker(store, broken, other)[0]) == ["answer 1"]
    count = len(broken.asked)
    assert ask(asker(store, broken, other)[0]) == ["answer 1"]
    assert (len(broken.asked), len(other.asked)) == (count, 1)


def test_a_recording_gives_the_same_answers_and_the_same_failures(store, tmp_path):
    ask(asker(store, Scripted(0.0, SERVER))[0], 0, 1)
    recording = Recording(tmp_path / "run")
    nobody = Scripted()
    with Store(tmp_path / "again") as other:
        made, ledger = asker(other, nobody, recording=recording)
        found = ask(made, 0, 1, 2)
    assert found[:2] == ["answer 1", "server"]
    assert isinstance(found[2], Stop)
    assert found[2].reason == "transcript"
    assert (len(nobody.asked), ledger.spend.calls) == (0, 0)


def test_stopping_lets_calls_in_flight_end_and_begins_no_other(store):
    model = Scripted(0.3)
    made, _ = asker(store, model, limits=msgspec.structs.replace(QUICK, concurrency=2))

    async def both():
        task = asyncio.ensure_future(asyncio.gather(*(_quiet(made, i) for i in range(5))))
        await asyncio.sleep(0.1)
        made.stop()
        return await task

    results = LOOP.run(both())
    assert results[:2] == ["answer", "answer"]
    assert all(isinstance(r, Stop) and r.reason == "interrupted" for r in results[2:])


async def _quiet(made, sample):
    try:
        await made.ask(Slot(purpose="propose"), (Message(role="user", content="hello"),), {}, sample)
    except Stop as stop:
        return stop
    return "answer"


def test_the_ledger_tells_where_every_place_of_a_round_stands(store):
    made, ledger = asker(store, Scripted(0.0, SERVER), limits=msgspec.structs.replace(QUICK, concurrency=1))
    ask(made, 0)
    ask(made, 1)
    assert ledger.places(0) == {0: "answered", 1: "waiting"}
    question = Question(slot=Slot(purpose="repair", index=2), model="m", endpoint="e", messages=(), parameters={})
    made._transcript.begin(question, tokens=1, usd=None, left=False)
    assert ledger.places(0)[2] == "asking"
    assert ledger.places(1) == {}


def test_what_left_the_machine_is_listed_and_what_did_not_is_not(store):
    far = Scripted(name="far")
    far.endpoint, far.leaves = "https://models.example/v1", True
    ask(asker(store, far)[0])
    ask(asker(store, Scripted())[0], 1)
    [entry] = departures(store)
    assert (entry["model"], entry["endpoint"], entry["purpose"]) == ("far", "https://models.example/v1", "propose")
    assert entry["bytes"] > 5
