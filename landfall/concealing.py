"""What must not be shown: texts and parameters without what would open a door, whoever wrote it there.

Landfall stores no secret of its own, but others quote theirs: a driver its connection string, a job its log, a person
the reason of a pause. So whatever leaves for people passes here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CONCEALED: Final = "(secret)"

_MOST_TEXT = 500
_MOST_ITEMS = 100
_MOST_DEPTH = 6
# Addresses that are bearer secrets: who knows one can end an activity of Data Factory.
_ADDRESSES = frozenset({"callback_uri", "callbackuri"})
_TELLTALE = ("password", "secret", "token", "sas", "accountkey", "apikey", "api_key", "connectionstring")

_WORDS: Final = (
    *("password", "passwd", "pwd", "secret", "token", "sig="),
    *(f"{of}{gap}key" for of in ("api", "access", "account") for gap in ("", "_", "-", " ")),
)
_NAMES: Final = "password|passwd|pwd|secret|token|(?:api|access|account)[-_ ]?key|(?<![a-z])sig"
# A reference leads to a secret and is none.
_NO_REFERENCE: Final = r"(?!keyvault:|\$|\{\{|\(secret\))"
_VALUE: Final = r"[^\s\"'&;,<>(){}]"


@dataclass(frozen=True, slots=True)
class _Look:
    """How some secrets look.

    Attributes:
        hints: One of them, in small letters, is in every text that holds one: looking for these is quick.
        pattern: Its first group stays. It looks at a bounded piece from where it begins, so that a log of megabytes
            takes time in proportion.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]


_LOOKS: Final = (
    # A key as PEM, to its end or that of the text.
    _Look(
        ("private key",),
        re.compile(
            r"()-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)"
        ),
    ),
    _Look(_WORDS, re.compile(rf"((?:{_NAMES})=)['\"]?{_NO_REFERENCE}{_VALUE}{{3,}}", re.IGNORECASE)),
    # In JSON, as a quoted name with a quoted value.
    _Look(
        _WORDS,
        re.compile(
            rf"((?:{_NAMES})\\?[\"']\s?:\s?\\?[\"']){_NO_REFERENCE}[^\"'\\]+",
            re.IGNORECASE,
        ),
    ),
    # Prose has colons too: only what no sentence would hold.
    _Look(
        _WORDS,
        re.compile(
            rf"((?:{_NAMES})\s?:\s?){_NO_REFERENCE}(?={_VALUE}{{0,64}}\d){_VALUE}{{6,}}", re.IGNORECASE
        ),
    ),
    _Look(("bearer ",), re.compile(r"(bearer )[\w.~+/-]{16,}=*", re.IGNORECASE)),
    _Look(("://",), re.compile(r"(://[^\s/:@]{1,64}:)[^\s/@]{1,128}(?=@)")),
    _Look(("dapi",), re.compile(r"()\bdapi[0-9a-f]{32}(?:-\d+)?")),
    # A JSON web token, and a key of a storage account.
    _Look(("eyj",), re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    _Look(("==",), re.compile(r"()(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==")),
)


def conceal(text: str) -> str:
    """Return a text in which whatever looks like a secret is ``(secret)``; what named it stays."""
    for look in _looks_for(text):
        text = look.pattern.sub(rf"\g<1>{CONCEALED}", text)
    return text


def holds_secret(text: str) -> bool:
    """Return whether something in a text looks like a secret, or would if it stood alone."""
    return any(look.pattern.search(text) for look in _looks_for(text))


def _looks_for(text: str) -> list[_Look]:
    small = text.lower()
    return [look for look in _LOOKS if any(hint in small for hint in look.hints)]


def concealed(value: Any) -> Any:
    """Return a value made of mappings and lists in which every text is as ``conceal`` leaves it."""
    if isinstance(value, str):
        return conceal(value)
    if isinstance(value, Mapping):
        return {key: concealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [concealed(item) for item in value]
    return value


def without_secrets(value: Any, *, depth: int = 0) -> Any:
    """Return parameters as they may be kept: bounded, and with nothing that by name or looks opens a door."""
    if isinstance(value, Mapping):
        if depth >= _MOST_DEPTH:
            return "…"
        return {
            str(key)[:_MOST_TEXT]: CONCEALED
            if _is_secret(str(key))
            else without_secrets(item, depth=depth + 1)
            for key, item in list(value.items())[:_MOST_ITEMS]
        }
    if isinstance(value, list | tuple):
        if depth >= _MOST_DEPTH:
            return "…"
        cut = [without_secrets(item, depth=depth + 1) for item in value[:_MOST_ITEMS]]
        return cut if len(value) <= _MOST_ITEMS else [*cut, f"… {len(value) - _MOST_ITEMS} more"]
    if isinstance(value, str):
        text = conceal(value)
        return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
    return value


def _is_secret(key: str) -> bool:
    plain = key.lower().replace("-", "_")
    return plain in _ADDRESSES or any(word in plain.replace("_", "") or word in plain for word in _TELLTALE)
