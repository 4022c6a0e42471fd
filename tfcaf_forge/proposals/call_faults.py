"""From a client's exception to a Fault: by status code where there is one, by kind where there is none."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator
from typing import Any

from tfcaf_forge.proposals.faults import Fault
from tfcaf_forge.proposals.redact import Redactor

_BY_STATUS = {
    401: "auth",
    402: "payment",
    403: "forbidden",
    404: "unknown-model",
    408: "timeout",
    413: "context-window",
    429: "rate-limit",
}
_FATAL = frozenset({"auth", "payment", "forbidden", "unknown-model", "bad-request"})
_AGAIN = frozenset({"timeout", "rate-limit", "server", "connection"})
_LENGTH = 300
_TWO_CREDENTIALS = "credentials encoded in URL"
"""What aiohttp says of a URL with a user and a password where a key is sent, too, as litellm does; nothing was sent."""
_ONE_OF_THEM = (
    "a user and a password in the URL cannot be sent beside a key; leave them out, and name a key with --api-key-env"
)


def fault_of(raised: BaseException, redactor: Redactor) -> Fault:
    """What an exception of litellm, or of what is below it, means."""
    if any(_TWO_CREDENTIALS in str(cause) for cause in _chain(raised)):
        return Fault(code="bad-request", message=_ONE_OF_THEM, fatal=True)
    kinds = {type(cause).__name__ for cause in _chain(raised)}
    code = _code(raised, kinds)
    text = " ".join(redactor.clean(str(raised)).split())
    if code == "connection" and kinds & _NEVER_CONNECTED:
        text = "nothing answers there; start the server, or check --api-base"
    return Fault(
        code=code,
        message=_short(text) or type(raised).__name__,
        again=code in _AGAIN,
        fatal=code in _FATAL,
        wait_s=_retry_after(raised),
        billed=code == "timeout" or (code == "connection" and not kinds & _NEVER_CONNECTED),
    )


_NEVER_CONNECTED = frozenset(
    {"ConnectError", "ConnectionRefusedError", "ClientConnectorError", "gaierror", "PermissionError"}
)


def _code(raised: BaseException, kinds: set[str]) -> str:
    text = str(raised).lower()
    if "PermissionError" in kinds and "--local-only" in text + "".join(str(c) for c in _chain(raised)):
        return "forbidden"
    if "ContextWindowExceededError" in kinds:
        return "context-window"
    if "insufficient_quota" in text or "PaymentRequiredError" in kinds:
        return "payment"
    if "MidStreamFallbackError" in kinds or "APIConnectionError" in kinds or "connection error" in text:
        return "timeout" if "timeout" in text else "connection"
    if "Timeout" in kinds or "APITimeoutError" in kinds:
        return "timeout"
    status = _status(raised)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "bad-request" if 400 <= status < 500 else "server"


def _status(raised: BaseException) -> int:
    try:
        return int(getattr(raised, "status_code", 0) or 0)
    except (TypeError, ValueError):
        return 0


def _retry_after(raised: BaseException) -> float | None:
    """Seconds, from whichever headers the exception or what caused it carries."""
    for cause in _chain(raised):
        for headers in (
            getattr(cause, "litellm_response_headers", None),
            getattr(getattr(cause, "response", None), "headers", None),
        ):
            found = _seconds(headers)
            if found is not None:
                return found
    return None


def _seconds(headers: Any) -> float | None:  # noqa: ANN401 - whatever a client calls headers
    value = headers.get("retry-after") if hasattr(headers, "get") else None
    if not isinstance(value, str):
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _chain(raised: BaseException | None) -> Iterator[BaseException]:
    """An exception and what caused it."""
    for _ in range(12):
        if raised is None:
            return
        yield raised
        raised = raised.__cause__ or raised.__context__


def _short(text: str) -> str:
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
