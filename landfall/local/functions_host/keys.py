"""The host's keys: who may call which route. They live in a file that only its owner can read."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from landfall.local.functions_host.errors import HostFileInvalid

DURABLE_SYSTEM_KEY = "durabletask_extension"
EVENT_GRID_SYSTEM_KEY = "eventgrid_extension"
ANONYMOUS, FUNCTION, ADMIN = "ANONYMOUS", "FUNCTION", "ADMIN"


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a host.

    Attributes:
        master: Opens everything.
        host: Opens every function of level ``function``.
        system: Key of each extension's webhook.
        functions: Keys of single functions, by lower-case function name.
        rpc: Secret of this process for the SDK's own client, which cannot send a key; never stored.
        checked: Whether callers need them at all.
    """

    master: str
    host: str
    system: Mapping[str, str]
    functions: Mapping[str, str] = field(default_factory=dict)
    rpc: str = field(default_factory=lambda: secrets.token_urlsafe(24), compare=False, repr=False)
    checked: bool = True

    @classmethod
    def unchecked(cls) -> Self:
        """Return keys that open everything to everybody, as Core Tools does on a laptop."""
        return cls(
            master="",
            host="",
            system={DURABLE_SYSTEM_KEY: "", EVENT_GRID_SYSTEM_KEY: ""},
            rpc="",
            checked=False,
        )

    def allow(self, level: str, function: str, presented: str | None) -> bool:
        """Return whether a caller with that key may call a function of that auth level."""
        if not self.checked or level == ANONYMOUS:
            return True
        accepted = [self.master]
        if level == FUNCTION:
            accepted += [self.host, self.functions.get(function.lower(), "")]
        return _is_one_of(presented, accepted)

    def allow_system(self, extension_key: str, presented: str | None) -> bool:
        """Return whether a caller with that key may call an extension's webhook."""
        return not self.checked or _is_one_of(presented, [self.master, self.system.get(extension_key, "")])

    def allow_rpc(self, presented: str | None) -> bool:
        """Return whether a caller with that secret may use the management API as the SDK's client does."""
        return not self.checked or _is_one_of(presented, [self.rpc])


def open_keys(path: Path) -> Keys:
    """Return the keys in a file; a file that does not exist is made, with mode 0600 and new keys.

    Raises:
        HostFileInvalid: The file is not of the form that this function writes.
    """
    if not path.exists():
        _write_new(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Keys(
            master=_text(content, "masterKey"),
            host=_text(content, "hostKey"),
            system={name: str(key) for name, key in content["systemKeys"].items()},
            functions={name.lower(): str(key) for name, key in content.get("functionKeys", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostFileInvalid(
            path,
            f"is no keys file ({error}). Delete it and new keys are made, or name another one with --keys.",
        ) from error


def _write_new(path: Path) -> None:
    content = {
        "masterKey": secrets.token_urlsafe(32),
        "hostKey": secrets.token_urlsafe(32),
        "systemKeys": {
            DURABLE_SYSTEM_KEY: secrets.token_urlsafe(32),
            EVENT_GRID_SYSTEM_KEY: secrets.token_urlsafe(32),
        },
        "functionKeys": {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # Created with its final mode: there is no moment in which others can read it.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)


def _text(content: Mapping[str, object], name: str) -> str:
    value = content[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text that is not empty")
    return value


def _is_one_of(presented: str | None, accepted: list[str]) -> bool:
    if not presented:
        return False
    return any(key and hmac.compare_digest(presented.encode(), key.encode()) for key in accepted)
