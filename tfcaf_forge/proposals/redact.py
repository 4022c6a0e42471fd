"""Redact: no key, token or other secret of the environment in anything that is sent or written.

A value is secret if its variable's name says so, or if it looks like a key. What has the shape of a known kind of
key is removed wherever it comes from. It is removed from prompts before they are sent, and from answers and error
texts before they are looked at, so that nothing behind this module has ever seen it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MARK = "[redacted]"
_SECRET_NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASS(?:WORD|WD|PHRASE)?(?:_|$)|CREDENTIAL|AUTH|COOKIE|PRIVATE|SIGNATURE", re.I
)
_PLAIN_NAME = re.compile(r"^(?:SSH_AUTH_SOCK|XAUTHORITY|GPG_TTY|KEYBOARD\w*|XDG_\w*)$")
_TOKEN_LIKE = re.compile(r"(?=[^\s]*[0-9])(?=[^\s]*[A-Za-z])[A-Za-z0-9_\-+=.~]{28,}")
_SHAPES = re.compile(
    r"\b(?:sk|rk|pk|xai|pplx|nvapi|glpat)-(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{16,}"  # providers of models
    r"|\b(?:gsk|hf|npm|r8)_[A-Za-z0-9]{20,}"  # no underscore inside: an identifier of a program is no key
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # JSON web tokens
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,8000}-----END [A-Z ]{0,30}PRIVATE KEY-----"
)
_BEARER = re.compile(r"\b(?P<kind>[Bb]earer)[ \t]+(?=[A-Za-z_\-+/=.~]{0,80}\d)[A-Za-z0-9_\-+/=.~]{12,}")
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,20}://)[^\s/'\"]{1,200}@", re.I)
_LEAST = 6
"""Shorter values would be found everywhere."""


class Redactor:
    """Removes secrets from texts.

    Args:
        environment: variables whose secret values are to be removed.
        secrets: further values, such as a key that was given otherwise.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, secrets: Iterable[str] = ()) -> None:
        """Look the secrets up once."""
        found = {value for name, value in (environment or {}).items() if is_secret(name, value)}
        found |= {secret for secret in secrets if len(secret) >= _LEAST}
        longest_first = sorted(found, key=lambda value: (-len(value), value))
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def clean(self, text: str) -> str:
        """The text without secrets."""
        if self._values is not None:
            text = self._values.sub(MARK, text)
        text = _USERINFO.sub(rf"\g<scheme>{MARK}@", text)
        text = _BEARER.sub(rf"\g<kind> {MARK}", text)
        return _SHAPES.sub(MARK, text)

    def __repr__(self) -> str:
        """Shows none of them."""
        return "Redactor(…)"


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable holds a secret."""
    if len(value) < _LEAST or _PLAIN_NAME.match(name):
        return False
    return bool(_SECRET_NAME.search(name)) or _TOKEN_LIKE.fullmatch(value) is not None
