"""A model over litellm. litellm is imported here and nowhere else, when the first question is asked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Any

from tfcaf_forge.errors import MissingExtra
from tfcaf_forge.proposals.call_faults import fault_of
from tfcaf_forge.proposals.exchange import Question, Reply
from tfcaf_forge.proposals.extract import MAX_TEXT
from tfcaf_forge.proposals.faults import CallFailed, Fault, ModelError
from tfcaf_forge.proposals.govern import host_of, is_loopback, leaves_machine
from tfcaf_forge.proposals.ledger import Price
from tfcaf_forge.proposals.redact import MARK, Redactor

COMPROMISED = frozenset({"1.82.7", "1.82.8"})
"""Releases of March 2026 that carried code which steals credentials (BerriAI/litellm issues 24512, 24518)."""

_LOCAL_SERVERS = {
    "ollama": ("OLLAMA_API_BASE", "http://localhost:11434"),
    "ollama_chat": ("OLLAMA_API_BASE", "http://localhost:11434"),
    "lm_studio": ("LM_STUDIO_API_BASE", "http://localhost:1234/v1"),
    "hosted_vllm": ("HOSTED_VLLM_API_BASE", "http://localhost:8000/v1"),
    "llamafile": ("LLAMAFILE_API_BASE", "http://127.0.0.1:8080/v1"),
    "xinference": ("XINFERENCE_API_BASE", "http://127.0.0.1:9997/v1"),
}
"""Providers that are servers of the user's own: the variable that names the address, and the usual one."""
_CLEANUP = "litellm.llms.custom_httpx.async_client_cleanup"
_OPENAI = ("OPENAI_BASE_URL", "OPENAI_API_BASE")


class LitellmModel:
    """One model behind litellm.

    Args:
        name: `PROVIDER/NAME`, as litellm spells it.
        api_base: the endpoint's URL; the provider's own if empty.
        api_key_env: the variable that holds the key; the provider's own if empty.
        environment: where variables are looked up.
        stream: ask for the answer piece by piece, so that an overlong one is cut off while it comes.
        redactor: cleans what comes back.
        ask: False where it is only to be described, so that no key is needed.

    Raises:
        MissingExtra: litellm is not installed.
        ModelError: a compromised litellm, an unknown provider, or a missing key; says what to do.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str = "",
        api_key_env: str = "",
        environment: Mapping[str, str],
        stream: bool = True,
        redactor: Redactor,
        ask: bool = True,
    ) -> None:
        """Import litellm, and find out all that can be known without a call."""
        self.name, self._stream, self._redactor = name, stream, redactor
        self._litellm = import_litellm()
        provider = self._provider(api_base)
        self._api_base = api_base or _usual_base(provider, environment)
        if MARK in self._api_base:
            raise ModelError(f"{self._api_base} lacks the secret that {MARK} stands for; put it back in")
        self.endpoint = self._redactor.clean(self._api_base) or provider
        self._api_key = self._key(api_key_env, environment) if ask else None

    @property
    def leaves(self) -> bool:
        """Whether what is asked leaves this machine."""
        return leaves_machine(self.endpoint)

    @property
    def price(self) -> Price | None:
        """From litellm's own list; a model that is not on it, or stands there at nothing, has no known price."""
        try:
            prompt, answer = self._litellm.cost_per_token(model=self.name, prompt_tokens=1, completion_tokens=1)
        except Exception:  # litellm raises a bare Exception subclass for a model that it has no price of
            return None
        known = Price(prompt=float(prompt), answer=float(answer))
        return known if known.prompt or known.answer else None  # servers of one's own and free tiers stand at zero

    async def ask(self, question: Question, timeout_s: float) -> Reply:
        """Ask once; `timeout_s` bounds the whole call, whatever the other end does."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(question, timeout_s)
        except CallFailed:
            raise
        except TimeoutError:
            text = f"no complete answer within {timeout_s:.0f} s"
            raise CallFailed(Fault(code="timeout", message=text, again=True, billed=True)) from None
        except Exception as fault:
            raise CallFailed(fault_of(fault, self._redactor)) from None

    async def close(self) -> None:
        """Close litellm's connections, which it keeps for the whole process."""
        with contextlib.suppress(Exception):  # a courtesy: its name has changed between releases
            await import_module(_CLEANUP).close_litellm_async_clients()

    async def _ask(self, question: Question, timeout_s: float) -> Reply:
        response = await self._litellm.acompletion(
            model=self.name,
            messages=[{"role": m.role, "content": m.content} for m in question.messages],
            api_base=self._api_base or None,
            api_key=self._api_key,
            timeout=timeout_s,
            max_retries=0,  # the loop retries: it counts calls, and knows the budget
            num_retries=0,
            drop_params=True,
            stream=self._stream,
            **({"stream_options": {"include_usage": True}} if self._stream else {}),
            **question.parameters,
        )
        return await self._read(response) if self._stream else self._whole(response)

    def _whole(self, response: Any) -> Reply:  # noqa: ANN401 - litellm's types are its own
        choice = response.choices[0]
        extra = getattr(choice.message, "provider_specific_fields", None) or {}
        return self._reply(
            choice.message.content or "", choice.finish_reason, extra.get("refusal"), getattr(response, "usage", None)
        )

    async def _read(self, chunks: Any) -> Reply:  # noqa: ANN401
        parts: list[str] = []
        refusal, finish, usage, size = "", "", None, 0
        async for chunk in chunks:
            usage = getattr(chunk, "usage", None) or usage
            if not chunk.choices:
                continue
            delta = chunk.choices[0].delta
            finish = chunk.choices[0].finish_reason or finish
            parts.append(delta.content or "")
            refusal += getattr(delta, "refusal", None) or ""
            size += len(parts[-1]) + len(getattr(delta, "reasoning_content", None) or "")
            if size > MAX_TEXT:
                await _hang_up(chunks)
                raise CallFailed(_too_large())
        return self._reply("".join(parts), finish, refusal, usage)

    def _reply(self, text: str, finish: str | None, refusal: str | None, usage: Any) -> Reply:  # noqa: ANN401
        if len(text) > MAX_TEXT:
            raise CallFailed(_too_large())
        tokens_in = int(getattr(usage, "prompt_tokens", 0) or 0)
        tokens_out = int(getattr(usage, "completion_tokens", 0) or 0)
        counted = tokens_in + tokens_out > 0
        return Reply(
            text=self._redactor.clean(text),
            finish=finish or "stop",
            refusal=self._redactor.clean(refusal or ""),
            tokens_in=tokens_in if counted else None,
            tokens_out=tokens_out if counted else None,
        )

    def _provider(self, api_base: str) -> str:
        """The provider that litellm takes the name for."""
        try:
            _, provider, _, _ = self._litellm.get_llm_provider(self.name, api_base=api_base or None)
        except Exception:  # litellm raises several kinds, all with a page of advice on its own options
            raise ModelError(
                f"litellm knows no provider for {self.name!r}; write PROVIDER/NAME, such as ollama/qwen3-coder, or "
                "openai/NAME with --api-base URL"
            ) from None
        return str(provider)

    def _key(self, variable: str, environment: Mapping[str, str]) -> str | None:
        """The key to send; a local server gets none of the user's own unless told so."""
        if variable:
            if not environment.get(variable):
                raise ModelError(f"--api-key-env {variable}: no such variable is set; export it first")
            return environment[variable]
        if self._api_base and is_loopback(host_of(self._api_base)):
            return "not-needed"
        missing = self._litellm.validate_environment(self.name)
        if not missing.get("keys_in_environment") and missing.get("missing_keys") and not self._api_base:
            names = " or ".join(missing["missing_keys"])
            raise ModelError(f"{self.name} needs a key: export {names}, or name another variable with --api-key-env")
        return None


def import_litellm() -> Any:  # noqa: ANN401 - a module without types
    """litellm, quiet and off the network; a compromised release is refused before any of it runs.

    Raises:
        MissingExtra: it is not installed.
        ModelError: it is a release that steals credentials.
    """
    try:
        installed = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        raise MissingExtra("litellm", "llm") from None
    if installed in COMPROMISED:
        raise ModelError(
            f"litellm {installed} is a compromised release that steals credentials; uninstall it, treat every key on "
            "this machine as stolen, and install another: pip install 'tfcaf-forge[llm]'"
        )
    # Before the import, or litellm fetches a price list from the network and loads `.env` files.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    litellm: Any = import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # it logs requests, and with them prompts and keys
    return litellm


def _usual_base(provider: str, environment: Mapping[str, str]) -> str:
    """The address of a server of the user's own; empty for a hosted provider."""
    if provider in _LOCAL_SERVERS:
        variable, usual = _LOCAL_SERVERS[provider]
        return environment.get(variable) or usual
    if provider == "openai":
        return next((environment[name] for name in _OPENAI if environment.get(name)), "")
    return ""


async def _hang_up(chunks: Any) -> None:  # noqa: ANN401
    close = getattr(chunks, "aclose", None)
    if close is not None:
        with contextlib.suppress(Exception):  # the answer is thrown away; how its connection ends does not matter
            await close()


def _too_large() -> Fault:
    return Fault(code="too-large", message=f"the answer is longer than {MAX_TEXT:,} characters", billed=True)
