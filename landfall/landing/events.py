"""Storage events: which of them mean that a file is complete, has moved or has gone, and what they say about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from landfall.addresses import NotABlobAddress, parse_blob_url
from landfall.errors import LandfallError

# Writes after which the content is complete. CreateFile precedes FlushWithClose on an account with
# hierarchical namespace and announces an empty file, so it does not count.
FINISHED_WRITES = frozenset({"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"})
_SUBJECT = "/blobServices/default/containers/"


class MalformedEvent(LandfallError):
    """A message that is not a storage event, whatever its sender meant."""

    code = "LF3101"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Not a storage event: {what}. Check the event subscription's schema and event types."
        )


@dataclass(frozen=True, slots=True)
class BlobEvent:
    """A finished write of one blob version.

    Attributes:
        url: Address of the blob on the Blob host, whichever host the writer used: one path, one URL.
        path: Path within the container, decoded.
        etag: Entity tag without quotes; with ``url`` it names the version.
        sequencer: Orders the events of one path; later is greater as text. ``None`` if the sender has none.
    """

    url: str
    container: str
    path: str
    etag: str
    size_bytes: int
    sequencer: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class RenamedBlob:
    """A file or folder that was given another path; its content is complete, and the event does not describe it.

    Attributes:
        url: The new address, on the Blob host.
        path: The new path within the container.
        source_url: Where it was, on the Blob host.
        is_folder: Whether all files below the path moved with it, without events of their own.
    """

    url: str
    container: str
    path: str
    source_url: str
    is_folder: bool
    sequencer: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class DeletedBlob:
    """A file that is gone; ``url`` is on the Blob host."""

    url: str
    container: str
    path: str
    sequencer: str | None


StorageEvent = BlobEvent | RenamedBlob | DeletedBlob


def parse_storage_event(payload: Mapping[str, Any]) -> StorageEvent | None:
    """Return what an event announces, or ``None`` if that is of no interest, such as a write that goes on.

    Args:
        payload: One event, in the Event Grid schema or as CloudEvent 1.0; both carry the same ``data``.

    Raises:
        MalformedEvent: A part that every storage event has is missing or of another form.

    Source:
        Event Grid schemas of Microsoft.Storage.BlobCreated, BlobRenamed, DirectoryRenamed and BlobDeleted.
    """
    kind = payload.get("eventType") or payload.get("type")
    if not isinstance(kind, str):
        raise MalformedEvent("it has neither eventType nor type")
    match kind.removeprefix("Microsoft.Storage."):
        case "BlobCreated":
            return _created(payload, _data(payload))
        case "BlobRenamed" | "DirectoryRenamed" as renamed:
            return _renamed(payload, _data(payload), is_folder=renamed == "DirectoryRenamed")
        case "BlobDeleted":
            data = _data(payload)
            container, path = _place(payload)
            return DeletedBlob(_url(data, "url"), container, path, _sequencer(data))
    return None


def _created(payload: Mapping[str, Any], data: Mapping[str, Any]) -> BlobEvent | None:
    if data.get("api") not in FINISHED_WRITES:
        return None
    container, path = _place(payload)
    try:
        etag = str(data["eTag"]).strip('"')
        size_bytes = int(data["contentLength"])
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedEvent(f"its data lacks {error}") from error
    return BlobEvent(
        url=_url(data, "url"),
        container=container,
        path=path,
        etag=etag,
        size_bytes=size_bytes,
        sequencer=_sequencer(data),
        occurred_at=_instant(payload),
    )


def _renamed(payload: Mapping[str, Any], data: Mapping[str, Any], *, is_folder: bool) -> RenamedBlob:
    url = _url(data, "destinationUrl")
    try:
        place = parse_blob_url(url)
    except NotABlobAddress as error:
        raise MalformedEvent(str(error)) from error
    return RenamedBlob(
        url=url,
        container=place.container,
        path=place.path,
        source_url=_url(data, "sourceUrl"),
        is_folder=is_folder,
        sequencer=_sequencer(data),
        occurred_at=_instant(payload),
    )


def _data(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    data = payload.get("data")
    if not isinstance(data, Mapping):
        raise MalformedEvent("it has no data object")
    return data


def _place(payload: Mapping[str, Any]) -> tuple[str, str]:
    """Return the container and the decoded path that an event's subject names."""
    subject = payload.get("subject")
    if not isinstance(subject, str) or not subject.startswith(_SUBJECT) or "/blobs/" not in subject:
        raise MalformedEvent(f"its subject {subject!r} names no blob")
    container, _, path = subject.removeprefix(_SUBJECT).partition("/blobs/")
    return container, unquote(path)


def _url(data: Mapping[str, Any], key: str) -> str:
    """Return a URL of an event on the Blob host and encoded in one way.

    The Data Lake API announces its writes under another host than the Blob API, and both write the same file.
    """
    text = data.get(key)
    if not isinstance(text, str):
        raise MalformedEvent(f"its data lacks {key!r}")
    parts = urlsplit(text)
    host = parts.netloc.replace(".dfs.", ".blob.", 1)
    return f"{parts.scheme}://{host}{quote(unquote(parts.path), safe='/')}"


def _sequencer(data: Mapping[str, Any]) -> str | None:
    sequencer = data.get("sequencer")
    return str(sequencer) if sequencer else None


def _instant(payload: Mapping[str, Any]) -> datetime:
    """Return an event's time; Azure writes seven fractional digits, of which Python keeps six."""
    text = payload.get("eventTime") or payload.get("time")
    if not isinstance(text, str):
        raise MalformedEvent("it has no time")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedEvent(f"its time {text!r} is not an instant") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
