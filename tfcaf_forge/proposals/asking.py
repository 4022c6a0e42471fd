"""Asking: what decides a model's answers, pinned with the run's settings; and the bundled recordings by name."""

from __future__ import annotations

from typing import Any

from tfcaf_forge.errors import InputError
from tfcaf_forge.proposals.prompts import prompts_digest
from tfcaf_forge.proposals.strategy import STRATEGIES
from tfcaf_forge.records.base import Plain, Scalar


class Asking(Plain, frozen=True, kw_only=True):
    """How models are asked. A run can only be resumed with the same.

    Attributes:
        model: who writes, as litellm names it, or `recorded/NAME`.
        endpoint: where it was asked.
        evaluator, evaluator_endpoint: who reviews; empty for nobody.
        fallbacks: who writes where the model cannot, each with its endpoint.
        strategy: `qllm` or `population`.
        seed: of the strategy; with the index in the round also the seed that the endpoint is given.
        temperature: of the answers.
        answer_tokens: most tokens of an answer.
        repairs: how often an answer without a function is asked for again.
        prompts: digest of the templates.
    """

    model: str
    endpoint: str
    evaluator: str = ""
    evaluator_endpoint: str = ""
    fallbacks: tuple[tuple[str, str], ...] = ()
    strategy: str = "qllm"
    seed: int = 0
    temperature: float = 0.8
    answer_tokens: int = 4096
    repairs: int = 2
    prompts: str = ""

    def parameters(self, index: int) -> dict[str, Scalar]:
        """What the endpoint is given beside the messages, for one place in a round."""
        return {"temperature": self.temperature, "max_tokens": self.answer_tokens, "seed": self.seed + index}

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            InputError: names the option.
        """
        if self.strategy not in STRATEGIES:
            raise InputError(f"--strategy {self.strategy}: choose one of {', '.join(STRATEGIES)}")
        if not 0.0 <= self.temperature <= 2.0:
            raise InputError(f"--temperature {self.temperature:g}: it must lie between 0 and 2")
        if not 64 <= self.answer_tokens <= 200_000:
            raise InputError(f"--answer-tokens {self.answer_tokens}: it must lie between 64 and 200,000")


def asking_from(settings: dict[str, Any]) -> dict[str, Any]:
    """The part of a recorded run's settings that says how models were asked.

    Raises:
        InputError: the run asked no model, or in other words than this release uses.
    """
    found = settings.get("asking")
    if not isinstance(found, dict):
        raise InputError("that run asked no model, so it has no transcript; `forge synthesize` repeats it as it is")
    if found.get("prompts") != prompts_digest():
        raise InputError("that run was asked with other prompts than this release has; use the release that made it")
    return dict(found)  # pyright: ignore[reportUnknownArgumentType]
