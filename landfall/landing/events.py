"""Blob events of Event Grid: which of them mean that a file is complete, and what they say about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from landfall.errors import LandfallError

# Writes after which the content is complete. CreateFile precedes FlushWithClose on an account with
# hierarchical namespace and announces an empty file, so it does not count.
FINISHED_WRITES = frozenset({"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"})
_SUBJECT = "/blobServices/default/containers/"


class MalformedEvent(LandfallError):
    """A message that is not a blob event, whatever its sender meant."""

    code = "LF3101"

    def __init__(self, what: str) -> None:
        super().__init__(f"Not a blob event: {what}. Check the event subscription's schema and event types.")


@dataclass(frozen=True, slots=True)
class BlobEvent:
    """A finished write of one blob version.

    Attributes:
        url: Address of the blob as the event gives it.
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


def parse_blob_event(payload: Mapping[str, Any]) -> BlobEvent | None:
    """Return the finished write that an event announces, or ``None`` if it announces something else.

    Args:
        payload: One event, in the Event Grid schema or as CloudEvent 1.0; both carry the same ``data``.

    Raises:
        MalformedEvent: A part that every blob event has is missing or of another form.

    Source:
        Event Grid schema of Microsoft.Storage.BlobCreated.
    """
    kind = payload.get("eventType") or payload.get("type")
    if kind != "Microsoft.Storage.BlobCreated":
        return None
    data = payload.get("data")
    if not isinstance(data, Mapping):
        raise MalformedEvent("it has no data object")
    if data.get("api") not in FINISHED_WRITES:
        return None
    subject = payload.get("subject")
    if not isinstance(subject, str) or not subject.startswith(_SUBJECT) or "/blobs/" not in subject:
        raise MalformedEvent(f"its subject {subject!r} names no blob")
    container, _, path = subject.removeprefix(_SUBJECT).partition("/blobs/")
    try:
        etag = str(data["eTag"]).strip('"')
        url = str(data["url"])
        size_bytes = int(data["contentLength"])
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedEvent(f"its data lacks {error}") from error
    sequencer = data.get("sequencer")
    return BlobEvent(
        url=url,
        container=container,
        path=unquote(path),
        etag=etag,
        size_bytes=size_bytes,
        sequencer=str(sequencer) if sequencer else None,
        occurred_at=_instant(payload.get("eventTime") or payload.get("time")),
    )


def _instant(text: object) -> datetime:
    """Return an event's time; Azure writes seven fractional digits, Python reads up to six."""
    if not isinstance(text, str):
        raise MalformedEvent("it has no time")
    whole, dot, fraction = text.rstrip("Z").partition(".")
    try:
        moment = datetime.fromisoformat(whole + dot + fraction[:6])
    except ValueError as error:
        raise MalformedEvent(f"its time {text!r} is not an instant") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
