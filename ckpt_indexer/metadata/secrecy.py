"""Which configuration values are secrets, by the words of their key or the looks of their text: never stored. Pure.

Errs towards leaving out: a lost hyper-parameter is a gap, a published token is an incident. Numbers and truth values
are never secrets (`max_tokens: 512`, `use_auth_token: true`), and neither are the tokens of language models
(`pad_token`, `tokenizer`).
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTS = re.compile(r"[./\[\]]+")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ALWAYS = frozenset(
    {
        "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials",
        "apikey", "apikeys", "apitoken", "authtoken", "accesstoken", "accesskey", "privatekey", "auth", "bearer",
        "authorization", "cookie", "cookies", "dsn", "webhook",
    }
)  # fmt: skip
_KEYS = frozenset(
    {
        "api", "access", "private", "secret", "auth", "account", "license", "encryption", "ssh", "signing", "wandb",
    }
)  # fmt: skip
"""What stands before `key` where it opens something."""
_TOKENS_OF_TEXT = frozenset(
    {
        "pad", "padding", "bos", "eos", "sos", "unk", "cls", "sep", "mask", "special", "start", "end", "class", "image",
        "video", "audio", "blank", "go", "stop", "decoder", "begin", "num", "per", "text", "prompt", "cross", "vision",
        "placeholder", "register", "distillation", "dist", "global", "local", "query", "patch", "add", "prefix", "loss",
        "background", "no", "extra", "additional",
    }
)  # fmt: skip
"""What stands before `token` where it is a piece of text or of an image."""
_OWNERS_OF_TOKENS = frozenset({"hub", "api", "auth", "access", "refresh", "hf", "wandb", "github", "bot", "session"})
"""What stands before `tokens` where they open something."""
_LOOKS = re.compile(
    r"\bhf_\w{20}|\bgh[pousr]_\w{20}|\bgithub_pat_\w{20}|\bglpat-[\w-]{16}|\bsk-[\w-]{16}|\bAKIA[0-9A-Z]{16}"
    r"|\bxox[abprs]-[\w-]{10}|\beyJ[\w-]{10,}\.eyJ|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?<![a-zA-Z0-9+.\-])[a-zA-Z][a-zA-Z0-9+.\-]*://[^/\s:@]*:[^/\s@]+@"
    r"|[?&](?:token|key|sig|signature|password|secret|access_token|api_key|auth)=",
    re.ASCII,
)


def is_secret(key: str, value: object = None) -> bool:
    """Tell whether what stands under a dotted key must not be written down."""
    if isinstance(value, bool | int | float):
        return False
    return holds_secret(value) or any(_names_secret(part) for part in _PARTS.split(key))


def holds_secret(value: object) -> bool:
    """Tell whether a text, or one of a list, looks like a token or is an address with a password in it."""
    if isinstance(value, str):
        return _LOOKS.search(value) is not None
    return isinstance(value, list) and any(holds_secret(item) for item in value if isinstance(item, str))


def without_secrets(params: Mapping[str, Any]) -> dict[str, Any]:  # JSON scalars and lists of them
    """Return the parameters that may be stored."""
    return {key: value for key, value in params.items() if not is_secret(key, value)}


def _names_secret(part: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(part)]
    if not _ALWAYS.isdisjoint(words):
        return True
    if any(word == "key" and before in _KEYS for before, word in itertools.pairwise(words)):
        return True
    before = words[-2] if len(words) > 1 else None
    if words[-1:] == ["token"]:
        return before not in _TOKENS_OF_TEXT
    return words[-1:] == ["tokens"] and (before is None or before in _OWNERS_OF_TOKENS)
