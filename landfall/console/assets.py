"""What pages load beside themselves: our own files and the vendored ones, under an address that changes with them."""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from landfall.console.address import ROOT

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return every asset by its path below ``static``."""
    return dict(_walk(resources.files("landfall.console") / "static", ""))


@cache
def version() -> str:
    """Return what stands for the content of all assets, so that browsers may keep each for ever."""
    digest = hashlib.sha256()
    for path, asset in sorted(assets().items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(asset.content).digest())
    return digest.hexdigest()[:12]


def asset_url(path: str) -> str:
    """Return the address of an asset.

    Raises:
        KeyError: There is no such asset.
    """
    assets()[path]
    return f"{ROOT}/static/{version()}/{path}"


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _walk(entry, f"{path}/")
        else:
            suffix = path[path.rfind(".") :]
            media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
            found.append((path, Asset(entry.read_bytes(), media_type)))
    return found
