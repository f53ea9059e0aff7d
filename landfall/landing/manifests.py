"""Manifests: the names of files that a set consists of, in the forms in which sources write them."""

import json
from typing import Any

from landfall.errors import LandfallError

# A manifest lists names; what is larger is a file that only bears its name.
MOST_BYTES = 10_000_000
_NAME_KEYS = ("name", "path", "file", "url")
_LIST_KEYS = ("files", "entries", "names")


class MalformedManifest(LandfallError):
    """A manifest that lists no names of files."""

    code = "LF3120"

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"The manifest {path} {what}. Write a JSON list of names, an object with such a list under 'files', "
            "or one name a line, and land it again."
        )
        self.path = path


def parse_manifest(text: str, *, path: str) -> tuple[str, ...]:
    """Return the names that a manifest lists: a JSON list, an object that holds one, or a name a line.

    Args:
        path: Where the manifest lies, for the message.

    Raises:
        MalformedManifest: It lists no names.
    """
    stripped = text.lstrip("\ufeff").strip()
    if stripped.startswith(("[", "{")):
        try:
            names = _names_in(json.loads(stripped))
        except ValueError as error:
            raise MalformedManifest(path, f"is not JSON ({error})") from error
    else:
        names = [line.strip() for line in stripped.splitlines() if line.strip()]
    if names is None or not all(names):
        raise MalformedManifest(path, "holds something that is no name of a file")
    if not names:
        raise MalformedManifest(path, "lists no file")
    return tuple(dict.fromkeys(names))


def _names_in(content: Any) -> list[str] | None:
    if isinstance(content, dict):
        content = next((content[key] for key in _LIST_KEYS if key in content), None)
    if not isinstance(content, list):
        return None
    names = [_name_of(item) for item in content]
    return None if None in names else [str(name) for name in names]


def _name_of(item: Any) -> str | None:
    if isinstance(item, dict):
        item = next((item[key] for key in _NAME_KEYS if key in item), None)
    return item if isinstance(item, str) else None
