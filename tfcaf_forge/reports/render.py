"""A view as JSON bytes and as one self-contained HTML file.

Every expression in the templates passes through `_shown` before autoescape, so that no template can forget it:
markup is escaped, invisible characters are named, and nothing is longer than a stated limit.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfcaf_forge.reports import text, words
from tfcaf_forge.reports.view import View

LINE_LIMIT = 500
"""Characters of a source line that are shown."""
TEXT_LIMIT = 8_000
"""Characters of any other text that are shown."""
_DIGEST = re.compile(r"(sha256 )?[0-9a-f]{64}")
_LINE_OVERHEAD = 40
"""Characters of markup that a line costs, about."""


def to_json(view: View) -> bytes:
    """The view as JSON, ASCII only, so that no terminal or viewer acts on what a text carries.

    A lone surrogate, which no strict decoder accepts, becomes its visible name.
    """
    return dumps(view)


def dumps(data: dict[str, Any]) -> bytes:
    """Any such data as JSON."""
    return (json.dumps(_sound(data), ensure_ascii=True, allow_nan=False, indent=1) + "\n").encode()


def to_html(view: View) -> str:
    """The view as one HTML file without scripts and without any reference to another file."""
    return (
        _environment()
        .get_template("report.html")
        .render(
            view=view,
            by_id={item["id"]: item for item in view["candidates"]},
            status_meaning=words.STATUS_MEANING,
        )
    )


def listing(content: str, budget: int = 100_000) -> dict[str, Any]:
    """Numbered lines of a text, as far as `budget` characters go, and how many lines were left out."""
    lines = text.source_lines(content)
    shown: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        drawn = text.visible(text.clip(line, LINE_LIMIT))
        budget -= len(drawn) + _LINE_OVERHEAD
        if budget < 0:
            break
        shown.append({"number": number, "text": drawn})
    return {"lines": shown, "more": len(lines) - len(shown)}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tfcaf_forge.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_filters())
    return environment


def _filters() -> dict[str, Any]:
    return {
        "listing": listing,
        "line": text.one_line,
        "lines": _lines,
        "paragraphs": _paragraphs,
        "flat": _flat,
        "is_digest": _is_digest,
        "code": _code,
        "sentence": _sentence,
    }


def _lines(content: str) -> list[str]:
    """Lines with something on them, as far as the limit goes."""
    return [line for line in text.source_lines(text.clip(content, TEXT_LIMIT)) if line.strip()]


def _paragraphs(content: str) -> list[str]:
    """Text that was wrapped by hand, as paragraphs that wrap by themselves."""
    parts = "\n".join(text.source_lines(text.clip(content, TEXT_LIMIT))).split("\n\n")
    return [" ".join(part.split()) for part in parts if part.strip()]


def _is_digest(value: object) -> bool:
    """Whether a value is a SHA-256, by itself or named so."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _code(content: str) -> Markup:
    """Our own sentence with what stands between backticks as code; everything is escaped and made visible first."""
    parts = text.visible(text.clip(content, TEXT_LIMIT)).split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _sentence(content: str) -> str:
    return f"{content[:1].upper()}{content[1:]}."


def _shown(value: object) -> object:
    """What the template engine prints in place of a value; it escapes the result afterwards."""
    if hasattr(value, "__html__"):
        return value  # a macro's output: its expressions have been here already
    return text.visible(str(value)) if not isinstance(value, str) else text.visible(text.clip(value, TEXT_LIMIT))


def _flat(value: Any) -> str:  # noqa: ANN401 - JSON is dynamically typed
    """A setting's value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_flat, value)) or words.NONE
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return words.number(value) if isinstance(value, float) else text.one_line(str(value)) or words.NONE


def _sound(value: Any) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    """The same data with lone surrogates named."""
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sound(item) for item in value]
    if isinstance(value, str) and not value.isascii():
        return "".join(text.visible(c) if 0xD800 <= ord(c) <= 0xDFFF else c for c in value)
    return value
