"""Which events count as a finished write, and what they say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from landfall.landing.events import (
    FINISHED_WRITES,
    BlobEvent,
    DeletedBlob,
    MalformedEvent,
    RenamedBlob,
    parse_storage_event,
)


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
    event = parse_storage_event(an_event())

    assert isinstance(event, BlobEvent)
    assert (event.container, event.path) == ("landing", "sales/orders/a b.csv")
    assert (event.etag, event.size_bytes, event.sequencer) == ("0x8DB", 12, "0001")
    assert event.occurred_at == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


def test_a_cloud_event_says_the_same() -> None:
    cloud = an_event()
    cloud["type"] = cloud.pop("eventType")
    cloud["time"] = cloud.pop("eventTime")

    assert parse_storage_event(cloud) == parse_storage_event(an_event())


@pytest.mark.parametrize("api", sorted(FINISHED_WRITES))
def test_every_finished_write_counts(api: str) -> None:
    assert parse_storage_event(an_event(data={"api": api})) is not None


@pytest.mark.parametrize(
    "event",
    [
        an_event(data={"api": "CreateFile"}),
        an_event(data={"api": "SftpCreate"}),
        an_event(data={"api": "AppendFile"}),
        an_event(eventType="Microsoft.Storage.DirectoryCreated"),
        an_event(eventType="Microsoft.Storage.BlobTierChanged"),
        an_event(eventType="Microsoft.EventGrid.SubscriptionValidationEvent"),
    ],
)
def test_what_announces_no_finished_write_is_passed_over(event: dict[str, Any]) -> None:
    assert parse_storage_event(event) is None


@pytest.mark.parametrize(
    "event",
    [
        an_event(subject="/somewhere/else"),
        an_event(subject=None),
        an_event(eventTime="yesterday"),
        an_event(eventTime=None),
        an_event(data={"contentLength": "many"}),
        an_event(eventType=None),
        an_event(eventType="Microsoft.Storage.BlobRenamed"),
        an_event(eventType="Microsoft.Storage.BlobRenamed", data={"destinationUrl": "x", "sourceUrl": "y"}),
        {**an_event(), "data": "text"},
        {**an_event(), "data": {"api": "PutBlob"}},
    ],
)
def test_a_malformed_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        parse_storage_event(event)


def test_a_path_has_one_url_whichever_api_wrote_it() -> None:
    by_blob = parse_storage_event(an_event())
    by_dfs = parse_storage_event(
        an_event(data={"url": "https://contoso.dfs.core.windows.net/landing/sales/orders/a b.csv"})
    )

    assert by_blob == by_dfs


def test_a_rename_says_where_from_and_where_to() -> None:
    event = parse_storage_event(
        an_event(
            eventType="Microsoft.Storage.BlobRenamed",
            data={
                "api": "RenameFile",
                "sourceUrl": "https://contoso.dfs.core.windows.net/landing/sales/orders/_tmp/a.csv",
                "destinationUrl": "https://contoso.dfs.core.windows.net/landing/sales/orders/a.csv",
            },
        )
    )

    assert isinstance(event, RenamedBlob)
    assert (event.container, event.path, event.is_folder) == ("landing", "sales/orders/a.csv", False)
    assert event.url == "https://contoso.blob.core.windows.net/landing/sales/orders/a.csv"
    assert event.source_url.endswith("/_tmp/a.csv")


def test_a_deletion_names_the_file() -> None:
    event = parse_storage_event(an_event(eventType="Microsoft.Storage.BlobDeleted"))

    assert isinstance(event, DeletedBlob)
    assert event.path == "sales/orders/a b.csv"


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00.123456Z", "2026-01-01T01:00:00.1234567+01:00", "2026-01-01T00:00:00.123456"]
)
def test_an_instant_is_read_in_every_form_it_comes_in(text: str) -> None:
    event = parse_storage_event(an_event(eventTime=text))

    assert isinstance(event, BlobEvent)
    assert event.occurred_at == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
