"""What a storage event of the laptop looks like: the Event Grid schema of an Azure Data Lake account."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from landfall.addresses import blob_url

# Event Grid names the account by its resource id; a laptop has no subscription.
_TOPIC: Final = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/laptop"
    "/providers/Microsoft.Storage/storageAccounts/{account}"
)


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """One version of a blob, as the emulator describes it.

    Attributes:
        container: Name of the container.
        path: Path in the container, decoded.
        etag: Entity tag without quotes.
        size_bytes: Length of the content.
        content_type: Media type given by the writer.
        blob_type: ``BlockBlob``, ``AppendBlob`` or ``PageBlob``.
    """

    container: str
    path: str
    etag: str
    size_bytes: int
    content_type: str
    blob_type: str


def blob_created(
    blob: BlobVersion, *, api: str, endpoint: str, account: str, written_at: datetime, sequencer: int
) -> dict[str, Any]:
    """Return the event that Event Grid would send for a finished write.

    Args:
        blob: What was written.
        api: Operation that finished the write, for example ``PutBlob``.
        endpoint: Blob endpoint of the emulator; the event's URL lies under it.
        account: Name of the emulator's account.
        written_at: When the write was seen, aware.
        sequencer: Number that grows from event to event.
    """
    request_id = str(uuid.uuid4())
    return {
        "topic": _TOPIC.format(account=account),
        "subject": f"/blobServices/default/containers/{blob.container}/blobs/{quote(blob.path, safe='/')}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": _instant(written_at),
        "id": str(uuid.uuid4()),
        "dataVersion": "2",
        "metadataVersion": "1",
        "data": {
            "api": api,
            "clientRequestId": request_id,
            "requestId": request_id,
            "eTag": blob.etag,
            "contentType": blob.content_type,
            "contentLength": blob.size_bytes,
            "contentOffset": 0,
            "blobType": blob.blob_type,
            "url": blob_url(endpoint, blob.container, blob.path),
            # Compared as text, so the width is fixed.
            "sequencer": f"{sequencer:048X}",
            "storageDiagnostics": {"batchId": str(uuid.uuid4())},
        },
    }


def validation_request(code: str, *, account: str, now: datetime) -> dict[str, Any]:
    """Return the event with which Event Grid asks an endpoint whether it wants events at all."""
    return {
        "id": str(uuid.uuid4()),
        "topic": _TOPIC.format(account=account),
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": _instant(now),
        "metadataVersion": "1",
        "dataVersion": "2",
        # The address is there for endpoints that cannot answer; nothing listens to it on a laptop.
        "data": {"validationCode": code, "validationUrl": ""},
    }


def _instant(moment: datetime) -> str:
    """Return an instant as Event Grid writes it: UTC, seven fractional digits, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
