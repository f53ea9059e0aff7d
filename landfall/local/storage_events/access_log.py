"""The emulator's access log: which of its lines mean that a blob is complete."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from landfall.addresses import CONTROL, LANDING, RESULT_FOLDER
from landfall.local.storage_events.events import BlobVersion

# Common log format: 127.0.0.1 - - [time] "PUT /account/container/path?query HTTP/1.1" 201 -
# and then what azurite/access_log.cjs adds: \"etag\" length type "content type of the blob" "of the request"
_PUT: Final = re.compile(
    r'"PUT (/\S*) HTTP/[0-9.]+" (\d{3}) \S+'
    r'(?: \\"(?P<etag>[^"\\]+)\\" (?P<size>\d+) (?P<type>BlockBlob) "(?P<set>[^"]*)" "(?P<sent>[^"]*)"\s*$)?'
)
_LISTENS: Final = "service successfully listens on"


@dataclass(frozen=True, slots=True)
class FinishedWrite:
    """A write after which the content of a blob is complete.

    Attributes:
        container: Name of the container.
        path: Path in the container, decoded.
        api: Operation of the Blob service, as storage events name it.
        version: What was written, ``None`` if the line does not tell.
    """

    container: str
    path: str
    api: str
    version: BlobVersion | None = None


def finished_write(line: str) -> FinishedWrite | None:
    """Return the finished write that a line of the access log tells of, or ``None``.

    Creating a container, staging a block, metadata, leases and refused requests are none.
    """
    found = _PUT.search(line)
    if found is None:
        return None
    target = urlsplit(found[1])
    query = parse_qs(target.query)
    api = _api(query.get("comp", [""])[0], int(found[2]))
    _, _, below_account = target.path.lstrip("/").partition("/")
    container, _, name = below_account.partition("/")
    if api is None or not name or "restype" in query:
        return None
    container, name = unquote(container), unquote(name)
    # Of blocks that were put together, and of a copy, the request does not tell the length.
    version = _version(container, name, found) if api == "PutBlob" and found["etag"] else None
    return FinishedWrite(container, name, api, version)


def emulator_started(line: str) -> bool:
    """Return whether the emulator says that it listens; what it answered just before it died was not logged."""
    return _LISTENS in line


def is_watched(container: str, path: str) -> bool:
    """Return whether somebody waits for this blob: every file in `landing`, results of jobs in `control`."""
    if container == LANDING:
        return True
    return container == CONTROL and f"/{RESULT_FOLDER}/" in f"/{path}"


def _version(container: str, path: str, line: re.Match[str]) -> BlobVersion:
    content_type = next((text for text in (line["set"], line["sent"]) if text not in ("", "-")), None)
    return BlobVersion(
        container=container,
        path=path,
        etag=line["etag"],
        size_bytes=int(line["size"]),
        content_type=content_type or "application/octet-stream",
        blob_type=line["type"],
    )


def _api(comp: str, status: int) -> str | None:
    match comp, status:
        case "", 201:
            return "PutBlob"
        case "", 202:
            # A copy is the one PUT without `comp` that is accepted instead of created.
            return "CopyBlob"
        case "blocklist", 201:
            return "PutBlockList"
        case _:
            return None
