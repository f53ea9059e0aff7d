"""The Event Grid webhook: handshakes, deliveries and what a redelivery does."""

import sys
from typing import Any

import pytest

from tests.contract.functions_host.running import Answer, HostUnderTest

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")
NOTIFICATION = {"aeg-event-type": "Notification"}


def path(function: str = "on_event") -> str:
    return f"/runtime/webhooks/eventgrid?functionName={function}"


def an_event(**data: Any) -> dict[str, Any]:
    return {
        "id": "e1",
        "topic": "/subscriptions/x",
        "subject": "/blobServices/default/containers/landing/blobs/a.csv",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-01-01T00:00:00.1234567Z",
        "dataVersion": "2",
        "metadataVersion": "1",
        "data": data,
    }


async def deliver(host: HostUnderTest, events: Any, function: str = "on_event") -> Answer:
    return await host.call("POST", path(function), json=events, headers=NOTIFICATION)


def calls() -> list[Any]:
    found: list[Any] = [call for call in sys.modules["function_app"].CALLS if call[0] != "at_start"]
    return found


async def test_eg_validation(gallery: HostUnderTest) -> None:
    event = an_event(validationCode="code-1", validationUrl="https://x")

    answer = await gallery.call(
        "POST", path(), json=[event], headers={"aeg-event-type": "SubscriptionValidation"}
    )

    assert (answer.status, answer.json) == (200, {"validationResponse": "code-1"})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("eventgrid.azure.net", "eventgrid.azure.net"), ("evil.example", "eventgrid.azure.net")],
)
async def test_eg_cloudevents_options(gallery: HostUnderTest, origin: str, allowed: str) -> None:
    answer = await gallery.call("OPTIONS", path(), headers={"WebHook-Request-Origin": origin})

    assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, allowed)


@pytest.mark.parametrize("function", ["nothing", "plain", ""])
async def test_eg_unknown_function(gallery: HostUnderTest, function: str) -> None:
    answer = await deliver(gallery, [an_event()], function)

    assert answer.status == 404
    assert f"'{function}'" in answer.text


@pytest.mark.parametrize("headers", [{}, {"aeg-event-type": "Gossip"}])
async def test_eg_no_type_header(gallery: HostUnderTest, headers: dict[str, str]) -> None:
    assert (await gallery.call("POST", path(), json=[an_event()], headers=headers)).status == 400


@pytest.mark.parametrize("body", [b"{", b"[1]", b"5"])
async def test_eg_bodies_that_are_no_events(gallery: HostUnderTest, body: bytes) -> None:
    assert (await gallery.call("POST", path(), data=body, headers=NOTIFICATION)).status == 400


async def test_eg_batch_ok(gallery: HostUnderTest) -> None:
    answer = await deliver(gallery, [an_event(n=n) for n in range(3)])

    assert (answer.status, answer.text) == (202, "")
    assert sorted(data["n"] for _, data in calls()) == [0, 1, 2]


async def test_eg_batch_partial(gallery: HostUnderTest) -> None:
    batch = [an_event(n=0), an_event(n=1, bad=True), an_event(n=2)]

    first = await deliver(gallery, batch)
    again = await deliver(gallery, batch)

    assert (first.status, again.status) == (500, 202)
    assert "bad event" in first.text
    assert sorted(data["n"] for _, data in calls()) == [0, 0, 1, 1, 2, 2]


async def test_eg_schema(gallery: HostUnderTest) -> None:
    cloud_event = {"specversion": "1.0", "id": "c", "source": "s", "type": "t", "data": {"n": 2}}

    await deliver(gallery, [an_event(n=1)])
    await deliver(gallery, cloud_event)

    assert calls() == [("EventGridEvent", {"n": 1}), ("CloudEvent", {"n": 2})]


async def test_eg_idempotent_start(gallery: HostUnderTest) -> None:
    event = an_event(api="FlushWithClose", eTag="0x1", url="u")

    answers = [await deliver(gallery, [event], "on_file") for _ in range(2)]
    listed = await gallery.call("GET", "/durabletask/instances")

    assert [answer.status for answer in answers] == [202, 202]
    assert [status["instanceId"] for status in listed.json] == ["file-0x1"]
    assert calls()[0][0] == "conflict"


async def test_eg_createfile(gallery: HostUnderTest) -> None:
    await deliver(gallery, [an_event(api="CreateFile", eTag="0x1", url="u")], "on_file")
    before = await gallery.call("GET", "/durabletask/instances")
    await deliver(gallery, [an_event(api="FlushWithClose", eTag="0x2", url="u")], "on_file")
    after = await gallery.call("GET", "/durabletask/instances")

    assert before.json == []
    assert [status["instanceId"] for status in after.json] == ["file-0x2"]


async def test_eg_unsubscribe(gallery: HostUnderTest) -> None:
    assert (await gallery.call("POST", path(), headers={"aeg-event-type": "Unsubscribe"})).status == 202
