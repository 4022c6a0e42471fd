"""A chat server on loopback that answers by script, as litellm's other end; and whether litellm is there at all."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tfcaf_forge.proposals.asker import Limits
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.ledger import Budget
from tfcaf_forge.proposals.model import Model
from tfcaf_forge.proposals.prompts import prompts_digest
from tfcaf_forge.proposals.redact import Redactor
from tfcaf_forge.proposals.session import Models

GOOD = "def tfcaf(local_q, state):\n    return local_q.sum(dim=1, keepdim=True)\n"


@dataclass
class Say:
    """One scripted answer; by default a good one."""

    text: str = f"```python\n{GOOD}```\n"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = "stop"
    usage: tuple[int, int] | None = (100, 50)
    delay: float = 0.0
    drop: bool = False
    """Close the connection in the middle of the answer."""
    hang: bool = False
    """Send the headers, then nothing, until the server is stopped."""
    error: str = "scripted"
    refusal: str = ""


Script = Callable[[int, dict[str, Any]], Say]


class ScriptedServer:
    """Speaks the OpenAI chat protocol, streaming and not.

    Attributes:
        requests: the body of every request, in the order of arrival.
        keys: the `Authorization` header of every request.
        peak: most requests that were in flight together.
    """

    def __init__(self, script: Script) -> None:
        self.script, self.requests, self.keys = script, [], []
        self.peak = self._now = 0
        self._lock, self.stopped = threading.Lock(), threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def take(self, body: dict[str, Any], key: str | None) -> Say:
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
            self.keys.append(key)
            self._now += 1
            self.peak = max(self.peak, self._now)
        return self.script(number, body)

    def done(self) -> None:
        with self._lock:
            self._now -= 1

    def prompts(self) -> list[str]:
        """The last message of every request."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def stop(self) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: ScriptedServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        say = self.owner.take(body, self.headers.get("Authorization"))
        self.close_connection = True
        try:
            with contextlib.suppress(OSError):
                self._answer(say, body)
        finally:
            self.owner.done()

    def _answer(self, say: Say, body: dict[str, Any]) -> None:
        if say.delay:
            self.owner.stopped.wait(say.delay)
        if say.status != 200:
            error = {"error": {"message": say.error, "type": "scripted", "code": say.status}}
            self._send(say.status, "application/json", json.dumps(error).encode(), say)
        elif body.get("stream"):
            self._send(200, "text/event-stream", b"".join(_events(say, body)), say)
        else:
            self._send(200, "application/json", json.dumps(_whole(say, body)).encode(), say)

    def _send(self, status: int, kind: str, data: bytes, say: Say) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in say.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if say.hang:
            self.owner.stopped.wait(60)
        elif say.drop:
            self.wfile.write(data[: len(data) // 2])
        else:
            self.wfile.write(data)


def _whole(say: Say, body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": say.text or None, "refusal": say.refusal or None}
    choice = {"index": 0, "message": message, "finish_reason": say.finish}
    return {**_head(body, "chat.completion"), "choices": [choice], **_usage(say)}


def _events(say: Say, body: dict[str, Any]) -> Iterator[bytes]:
    size = max(1, len(say.text) // 40)
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": say.text[i : i + size]} for i in range(0, len(say.text), size)]
    if say.refusal:
        deltas.append({"refusal": say.refusal})
    for delta in deltas:
        yield _event({**_head(body, "chat.completion.chunk"), "choices": [{"index": 0, "delta": delta}]})
    last = {"index": 0, "delta": {}, "finish_reason": say.finish}
    yield _event({**_head(body, "chat.completion.chunk"), "choices": [last]})
    if say.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**_head(body, "chat.completion.chunk"), "choices": [], **_usage(say)})
    yield b"data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "scripted", "object": kind, "created": int(time.time()), "model": body["model"]}


def _usage(say: Say) -> dict[str, Any]:
    if say.usage is None:
        return {}
    asked, said = say.usage
    return {"usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}}


@pytest.fixture
def litellm_there() -> None:
    """Skip without litellm, but not in CI: there its absence is a failure."""
    if importlib.util.find_spec("litellm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("litellm is not installed, and CI must run these tests; install the extra [llm]")
        pytest.skip("litellm is not installed; install the extra [llm]")


@pytest.fixture
def serve(litellm_there) -> Iterator[Callable[[Script | list[Say]], ScriptedServer]]:
    """Start servers that answer by script: a function of (number, request body), or a list whose last item repeats."""
    servers: list[ScriptedServer] = []

    def start(script: Script | list[Say]) -> ScriptedServer:
        answers = script if callable(script) else lambda number, body: script[min(number, len(script) - 1)]
        servers.append(ScriptedServer(answers))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


QUICK = Limits(concurrency=4, timeout_s=20.0, attempts=3, backoff_s=0.02, longest_wait_s=5.0, breaker=6)


def litellm_model(server: ScriptedServer, name: str = "openai/scripted", *, stream: bool = True, **more: Any) -> Model:
    """The scripted server as a model, through litellm itself."""
    from tfcaf_forge.proposals.litellm_client import LitellmModel

    settings = {"environment": {}, "redactor": Redactor(), **more}
    return LitellmModel(name, api_base=server.url, stream=stream, **settings)


def models_of(model: Model, *, reviewer: Model | None = None, **more: Any) -> Models:
    """A run's models around one writer."""
    asking = {name: more.pop(name) for name in ("strategy", "temperature", "repairs", "seed") if name in more}
    fallbacks = more.pop("fallbacks", ())
    return Models(
        asking=Asking(
            model=model.name,
            endpoint=model.endpoint,
            evaluator="" if reviewer is None else reviewer.name,
            evaluator_endpoint="" if reviewer is None else reviewer.endpoint,
            fallbacks=tuple((m.name, m.endpoint) for m in fallbacks),
            prompts=prompts_digest(),
            **asking,
        ),
        writers=(model, *fallbacks),
        reviewer=reviewer,
        **{"budget": Budget(tokens=10_000_000), "limits": QUICK, "redactor": Redactor(), **more},
    )


_LITELLM_WARNS = (
    # litellm looks at every field of its streaming types, and pydantic 2.11 and later warns of one
    "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning",
    # openai's types, which litellm gives to pydantic the first time that it streams
    "ignore:Items? .* on TypedDict class .* using the `ReadOnly` qualifier:UserWarning",
)
"""Warnings that litellm's own code causes; nothing of ours does."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only for tests that talk through litellm."""
    for item in items:
        if "serve" in getattr(item, "fixturenames", ()):
            for text in _LITELLM_WARNS:
                item.add_marker(pytest.mark.filterwarnings(text))
