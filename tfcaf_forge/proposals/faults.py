"""What can go wrong between us and a model, as values, and the one exception for what a user must put right."""

from __future__ import annotations

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.records.base import Plain


class ModelError(ForgeError):
    """A model cannot be asked at all: its key, its name, its endpoint or the budget is wrong. Says what to change."""

    code = "model"


class Fault(Plain, frozen=True, kw_only=True):
    """Why a call brought no answer.

    Attributes:
        code: `auth`, `forbidden`, `payment`, `unknown-model`, `bad-request`, `context-window`, `rate-limit`, `server`,
            `connection`, `timeout`, `too-large` or `no-recorded-answer`.
        message: what the other end said, redacted and cut.
        again: whether the same call may succeed later.
        fatal: whether no call to this model can succeed before something is changed by hand.
        wait_s: how long the other end asked us to wait, in seconds.
        billed: whether the call may have cost something all the same.
    """

    code: str
    message: str
    again: bool = False
    fatal: bool = False
    wait_s: float | None = None
    billed: bool = False


class CallFailed(Exception):  # noqa: N818 - carries a Fault, is none
    """A model's client gave up on one call; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        """Keep the fault."""
        super().__init__(fault.message)
        self.fault = fault


class Stop(Exception):  # noqa: N818 - not an error: the loop ends here, with its best so far
    """No further call may be made.

    Attributes:
        reason: `budget`, `breaker`, `interrupted` or `transcript`.
        detail: a sentence for the user.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """Keep the reason."""
        super().__init__(detail)
        self.reason, self.detail = reason, detail


_REMEDIES = {
    "auth": "set a valid API key in the provider's environment variable, or name another one with --api-key-env",
    "forbidden": "the key may not use this model; ask for access, or choose another --model",
    "payment": "the account has no credit left; top it up, or choose another --model",
    "unknown-model": "check the spelling (PROVIDER/NAME, such as ollama/qwen3-coder), and that the endpoint serves it",
    "bad-request": "the endpoint refused the request; check --model, --temperature and --answer-tokens against what it says",
}


def remedy(fault: Fault) -> str:
    """What to do about a fatal fault."""
    return _REMEDIES.get(fault.code, "repeat the same command to go on where it stopped")
