"""Which events count as a finished write, and what they say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from landfall.landing.events import FINISHED_WRITES, MalformedEvent, parse_blob_event


def an_event(**changes: Any) -> dict[str, Any]:
    data = {
        "api": "PutBlob",
        "eTag": '"0x8DB"',
        "contentLength": 12,
        "url": "https://contoso.blob.core.windows.net/landing/sales/orders/a%20b.csv",
        "sequencer": "0001",
    } | changes.pop("data", {})
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": "/blobServices/default/containers/landing/blobs/sales/orders/a%20b.csv",
        "eventTime": "2026-01-01T00:00:00.1234567Z",
        "data": data,
    } | changes


def test_a_finished_write_is_read_whole() -> None:
    event = parse_blob_event(an_event())

    assert event is not None
    assert (event.container, event.path) == ("landing", "sales/orders/a b.csv")
    assert (event.etag, event.size_bytes, event.sequencer) == ("0x8DB", 12, "0001")
    assert event.occurred_at == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


def test_a_cloud_event_says_the_same() -> None:
    cloud = an_event()
    cloud["type"] = cloud.pop("eventType")
    cloud["time"] = cloud.pop("eventTime")

    assert parse_blob_event(cloud) == parse_blob_event(an_event())


@pytest.mark.parametrize("api", sorted(FINISHED_WRITES))
def test_every_finished_write_counts(api: str) -> None:
    assert parse_blob_event(an_event(data={"api": api})) is not None


@pytest.mark.parametrize(
    "event",
    [
        an_event(data={"api": "CreateFile"}),
        an_event(eventType="Microsoft.Storage.BlobDeleted"),
        an_event(eventType="Microsoft.Storage.BlobRenamed"),
    ],
)
def test_what_announces_no_finished_write_is_passed_over(event: dict[str, Any]) -> None:
    assert parse_blob_event(event) is None


@pytest.mark.parametrize(
    "event",
    [
        an_event(subject="/somewhere/else"),
        an_event(subject=None),
        an_event(eventTime="yesterday"),
        an_event(eventTime=None),
        an_event(data={"contentLength": "many"}),
        {**an_event(), "data": "text"},
        {**an_event(), "data": {"api": "PutBlob"}},
    ],
)
def test_a_malformed_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        parse_blob_event(event)
