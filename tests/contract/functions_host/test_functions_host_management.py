"""The Durable management API, called raw and through the SDK's client."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.contract.functions_host.running import API, HostUnderTest
from tests.loopback import PATIENCE_S

pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
]
ECHO = {"activity": "echo", "argument": {"a": 1}}


async def waiting(host: HostUnderTest, instance_id: str = "w") -> str:
    """Start an instance that waits for the event `go`, and wait until it does."""
    await host.begin("waits", None, instance_id)
    await host.until(instance_id, lambda status: status["runtimeStatus"] == "Running")
    return instance_id


async def finished(host: HostUnderTest, instance_id: str = "f") -> str:
    await host.ended(await host.begin("one", ECHO, instance_id))
    return instance_id


async def post(host: HostUnderTest, path: str, **arguments: Any) -> Any:
    return await host.call("POST", f"{API}/{path}", **arguments)


# --- starting --------------------------------------------------------------------------------------------------


async def test_api_start(gallery: HostUnderTest) -> None:
    answer = await post(gallery, "orchestrators/one", json=ECHO)

    links = answer.json
    assert answer.status == 202
    assert re.fullmatch("[0-9a-f]{32}", links["id"])
    assert list(links) == [
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    ]
    assert answer.headers["Location"] == links["statusQueryGetUri"]
    assert answer.headers["Retry-After"] == "10"
    status = await gallery.ended(links["id"])
    assert status["input"] == ECHO
    assert status["output"] == {"a": 1}


async def test_api_start_unknown(gallery: HostUnderTest) -> None:
    answer = await post(gallery, "orchestrators/Nope")
    raised = await client(gallery, "start_new", "Nope")

    assert answer.status == 400
    assert "is not an orchestrator function" in answer.json["ExceptionMessage"]
    assert "'waits'" in answer.json["ExceptionMessage"]
    assert raised["raised"] == answer.json["ExceptionMessage"]


async def test_api_start_invalid_json(gallery: HostUnderTest) -> None:
    assert (await post(gallery, "orchestrators/one", data=b"{")).status == 400


async def test_api_start_conflict(gallery: HostUnderTest) -> None:
    running, ended = await waiting(gallery), await finished(gallery)
    history = len((await gallery.status(ended, "?showHistory=true"))["historyEvents"])

    assert (await post(gallery, f"orchestrators/one/{running}")).status == 409
    assert (await post(gallery, f"orchestrators/one/{ended}", json=ECHO)).status == 202
    status = await gallery.ended(ended)

    assert status["output"] == {"a": 1}
    assert len((await gallery.status(ended, "?showHistory=true"))["historyEvents"]) == history


@pytest.mark.parametrize("instance_id", ["@x", "a%2Fb", "a%23b", "x" * 101])
async def test_api_start_bad_id(gallery: HostUnderTest, instance_id: str) -> None:
    import yarl

    url = yarl.URL(f"http://127.0.0.1:{gallery.host.port}{API}/orchestrators/one/{instance_id}", encoded=True)
    async with gallery.session.post(url) as answer:
        assert answer.status == 400


async def test_api_start_wait(gallery: HostUnderTest) -> None:
    done = await post(gallery, "orchestrators/one?timeout=5&pollingInterval=0.01", json=ECHO)
    late = await post(gallery, "orchestrators/waits?timeout=0.05&pollingInterval=0.01")
    failed = await post(
        gallery, "orchestrators/one?timeout=5&pollingInterval=0.01", json={"activity": "Nope"}
    )

    assert (done.status, done.json) == (200, {"a": 1})
    assert (late.status, "statusQueryGetUri" in late.json) == (202, True)
    assert (failed.status, failed.json["runtimeStatus"]) == (500, "Failed")


# --- reading ---------------------------------------------------------------------------------------------------


async def test_api_status_codes(gallery: HostUnderTest) -> None:
    running, ended = await waiting(gallery), await finished(gallery)

    open_answer = await gallery.call("GET", f"{API}/instances/{running}")
    ended_answer = await gallery.call("GET", f"{API}/instances/{ended}")

    assert open_answer.status == 202
    assert open_answer.headers["Location"].endswith(f"{API}/instances/{running}")
    assert open_answer.headers["Retry-After"] == "5"
    assert open_answer.json["customStatus"] == {"waits": True}
    assert ended_answer.status == 200


async def test_api_status_failed_flag(gallery: HostUnderTest) -> None:
    await gallery.ended(await gallery.begin("one", {"activity": "Nope"}, "f"))

    plain = await gallery.call("GET", f"{API}/instances/f")
    flagged = await gallery.call("GET", f"{API}/instances/f?returnInternalServerErrorOnFailure=true")

    assert (plain.status, flagged.status) == (200, 500)
    assert flagged.json == plain.json


async def test_api_status_unknown(gallery: HostUnderTest) -> None:
    assert (await gallery.call("GET", f"{API}/instances/nobody")).status == 404
    assert (await client(gallery, "get_status", "nobody")) == {"value": None}


async def test_api_status_flags(gallery: HostUnderTest) -> None:
    await finished(gallery)

    status = await gallery.status("f", "?showInput=false&showHistory=true&showHistoryOutput=true")
    short = await gallery.status("f", "?showHistory=true")

    assert status["input"] is None
    kinds = [event["EventType"] for event in status["historyEvents"]]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    task = status["historyEvents"][1]
    assert (task["FunctionName"], task["Result"]) == ("echo", {"a": 1})
    assert "ScheduledTime" in task
    assert status["historyEvents"][2]["OrchestrationStatus"] == "Completed"
    assert "Result" not in short["historyEvents"][1]
    assert "historyEvents" not in await gallery.status("f")


async def test_api_status_time_format(gallery: HostUnderTest) -> None:
    await finished(gallery)

    status = await gallery.status("f")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status["createdTime"])


async def test_api_list(gallery: HostUnderTest) -> None:
    for n in range(25):
        await gallery.begin("waits", None, f"w-{n:02}")
    await finished(gallery, "f-1")

    seen, token, pages = [], None, 0
    while pages == 0 or token:
        headers: dict[str, str] = {"x-ms-continuation-token": token} if token else {}
        page = await gallery.call("GET", f"{API}/instances?top=10", headers=headers)
        seen += [status["instanceId"] for status in page.json]
        token, pages = page.headers.get("x-ms-continuation-token"), pages + 1

    assert pages == 3
    assert sorted(seen) == sorted([*(f"w-{n:02}" for n in range(25)), "f-1"])


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("runtimeStatus=Completed", {"f-1"}),
        ("runtimeStatus=Completed,Running", {"f-1", "w"}),
        ("runtimeStatus=Completed&runtimeStatus=Running", {"f-1", "w"}),
        ("runtimeStatus=completed,Nonsense", set()),
        ("instanceIdPrefix=f-", {"f-1"}),
        ("createdTimeFrom=2020-01-01T00:00:00Z", {"f-1", "w"}),
        ("createdTimeTo=2020-01-01T00:00:00.0000000Z", set()),
    ],
)
async def test_api_list_filters(gallery: HostUnderTest, query: str, ids: set[str]) -> None:
    await finished(gallery, "f-1")
    await waiting(gallery)

    found = await gallery.call("GET", f"{API}/instances?{query}")

    assert {status["instanceId"] for status in found.json} == ids


# --- operating -------------------------------------------------------------------------------------------------


async def test_api_raise(gallery: HostUnderTest) -> None:
    running, ended = await waiting(gallery), await finished(gallery)

    text = await post(
        gallery, f"instances/{running}/raiseEvent/go", data=b"text", headers={"Content-Type": "text/x"}
    )
    broken = await post(
        gallery, f"instances/{running}/raiseEvent/go", data=b"{", headers={"Content-Type": "application/json"}
    )
    taken = await post(gallery, f"instances/{running}/raiseEvent/go", json={"p": 1})
    gone = await post(gallery, f"instances/{ended}/raiseEvent/go", json={})
    unknown = await post(gallery, "instances/nobody/raiseEvent/go", json={})

    codes = (text.status, broken.status, taken.status, gone.status, unknown.status)
    assert codes == (400, 400, 202, 410, 404)
    assert taken.text == ""
    assert (await gallery.ended(running))["output"] == {"p": 1}


async def test_event_double_encoding_through_the_client(gallery: HostUnderTest) -> None:
    running = await waiting(gallery)

    await client(gallery, "raise_event", running, "go", {"p": 1})

    assert (await gallery.ended(running))["output"] == '{"p": 1}'


async def test_api_terminate(gallery: HostUnderTest) -> None:
    running, ended = await waiting(gallery), await finished(gallery)

    taken = await post(gallery, f"instances/{running}/terminate?reason=had%20enough")
    gone = await post(gallery, f"instances/{ended}/terminate?reason=x")
    unknown = await post(gallery, "instances/nobody/terminate")

    assert (taken.status, gone.status, unknown.status) == (202, 410, 404)
    status = await gallery.ended(running)
    assert (status["runtimeStatus"], status["output"]) == ("Terminated", "had enough")
    assert "raised" not in await client(gallery, "terminate", ended, "again")


async def test_api_suspend_resume(gallery: HostUnderTest) -> None:
    running = await waiting(gallery)

    assert (await post(gallery, f"instances/{running}/resume?reason=x")).status == 500
    assert (await post(gallery, f"instances/{running}/suspend?reason=x")).status == 202
    await gallery.until(running, lambda status: status["runtimeStatus"] == "Suspended")
    assert (await post(gallery, f"instances/{running}/suspend?reason=x")).status == 500
    await post(gallery, f"instances/{running}/raiseEvent/go", json=1)
    assert (await post(gallery, f"instances/{running}/resume?reason=x")).status == 202

    assert (await gallery.ended(running))["output"] == 1
    assert (await post(gallery, f"instances/{running}/suspend")).status == 410


async def test_api_rewind(gallery: HostUnderTest) -> None:
    ended = await finished(gallery)
    assert (await gallery.ended(await gallery.begin("fails", None, "x")))["runtimeStatus"] == "Failed"

    assert (await post(gallery, "instances/x/rewind?reason=mended")).status == 202
    assert (await post(gallery, f"instances/{ended}/rewind")).status == 412
    assert (await post(gallery, "instances/nobody/rewind")).status == 404

    assert (await gallery.until("x", lambda status: status["runtimeStatus"] == "Completed"))["output"] == "x"


async def test_api_restart(gallery: HostUnderTest) -> None:
    ended, running = await finished(gallery), await waiting(gallery)

    anew = await post(gallery, f"instances/{ended}/restart")
    same = await post(gallery, f"instances/{ended}/restart?restartWithNewInstanceId=false")
    busy = await post(gallery, f"instances/{running}/restart?restartWithNewInstanceId=false")
    unknown = await post(gallery, "instances/nobody/restart")

    assert (anew.status, same.status, busy.status, unknown.status) == (202, 202, 409, 400)
    assert anew.json["id"] != ended
    assert same.json["id"] == ended
    assert (await gallery.ended(anew.json["id"]))["input"] == ECHO


async def test_api_purge(gallery: HostUnderTest) -> None:
    ended, running = await finished(gallery), await waiting(gallery)

    purged = await gallery.call("DELETE", f"{API}/instances/{ended}")
    busy = await gallery.call("DELETE", f"{API}/instances/{running}")
    again = await gallery.call("DELETE", f"{API}/instances/{ended}")

    assert (purged.status, purged.json) == (200, {"instancesDeleted": 1})
    assert (busy.status, again.status) == (412, 404)


async def test_api_purge_range(gallery: HostUnderTest) -> None:
    await finished(gallery, "f-1")
    await finished(gallery, "f-2")
    await waiting(gallery)

    without = await gallery.call("DELETE", f"{API}/instances")
    purged = await gallery.call("DELETE", f"{API}/instances?createdTimeFrom=2020-01-01T00:00:00Z")
    none_left = await gallery.call("DELETE", f"{API}/instances?createdTimeFrom=2020-01-01T00:00:00Z")

    assert (without.status, purged.status, none_left.status) == (400, 200, 404)
    assert purged.json == {"instancesDeleted": 2}


async def test_api_links_origin(gallery: HostUnderTest) -> None:
    headers = {"Host": "front.example:8443"}

    by_client = await gallery.call("POST", "/api/begin/waits?id=c", headers=headers)
    by_rest = await post(gallery, "orchestrators/waits/r", headers=headers)

    assert by_client.headers["Location"].startswith(f"http://front.example:8443{API}/instances/c?")
    assert by_rest.headers["Location"].startswith(f"http://front.example:8443{API}/instances/r?")
    assert "rewindPostUri" in by_client.json
    assert by_client.json["sendEventPostUri"].split("?")[0].endswith("/raiseEvent/{eventName}")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/RUNTIME/Webhooks/DurableTask/INSTANCES/f"), ("POST", f"{API}/Instances/w/RAISEEVENT/go")],
)
async def test_api_case(gallery: HostUnderTest, method: str, path: str) -> None:
    await finished(gallery)
    await waiting(gallery)

    assert (await gallery.call(method, path)).status in (200, 202)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "orchestrators/one"),
        ("POST", "instances/w"),
        ("POST", "instances/w/dance"),
        ("POST", "instances/w/raiseEvent"),
        ("POST", "instances/w/terminate/now"),
        ("GET", ""),
        ("PUT", "instances/w"),
    ],
)
async def test_api_no_such_route(gallery: HostUnderTest, method: str, path: str) -> None:
    await waiting(gallery)

    assert (await gallery.call(method, f"{API}/{path}")).status == 404


@pytest.mark.parametrize("query", ["createdTimeFrom=yesterday", "top=-1", "top=many"])
async def test_api_bad_query(gallery: HostUnderTest, query: str) -> None:
    assert (await gallery.call("GET", f"{API}/instances?{query}")).status == 400


# --- entities --------------------------------------------------------------------------------------------------


async def test_api_entities(gallery: HostUnderTest) -> None:
    path = f"{API}/entities/Counter/k"
    assert (await gallery.call("GET", path)).status == 404

    # Twice encoded, as the SDK's entity side decodes it.
    assert (await gallery.call("POST", f"{path}?op=add", json="5")).status == 202
    assert (await gallery.call("POST", f"{path}?op=add", data=b"{")).status == 400
    await entity_state(gallery, path, "5")
    listed = (await gallery.call("GET", f"{API}/entities/counter?fetchState=true")).json
    assert (await gallery.call("DELETE", path)).status == 202
    await entity_state(gallery, path, None)

    assert [(entity["entityId"], entity["state"]) for entity in listed] == [
        ({"name": "counter", "key": "k"}, 5)
    ]
    assert (await gallery.call("GET", f"{API}/entities")).json == []


async def test_entities_through_client_and_orchestration(gallery: HostUnderTest) -> None:
    await gallery.call("POST", "/api/entity/signal/add", json=2)
    status = await gallery.ended(await gallery.begin("counts"))
    state = (await gallery.call("POST", "/api/entity/read")).json

    assert status["output"] == 5
    assert state == {"exists": True, "state": 5}


async def entity_state(host: HostUnderTest, path: str, text: str | None) -> None:
    import asyncio

    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await host.call("GET", path)
            if (answer.text if answer.status == 200 else None) == text:
                return
            await asyncio.sleep(0.005)


# --- the SDK's client ------------------------------------------------------------------------------------------


async def client(host: HostUnderTest, method: str, *arguments: Any) -> Any:
    """Call a method of the SDK's client inside a function of the app."""
    return (await host.call("POST", f"/api/client/{method}", json=list(arguments))).json


async def test_sdk_roundtrip(gallery: HostUnderTest) -> None:
    async def value(method: str, *arguments: Any) -> Any:
        answer = await client(gallery, method, *arguments)
        assert "raised" not in answer, answer
        return answer["value"]

    assert await value("start_new", "waits", "a", {"n": 1}) == "a"
    await gallery.until("a", lambda status: status["runtimeStatus"] == "Running")
    assert (await value("get_status", "a", True, True, True))["input"] == '{"n": 1}'
    assert len(await value("get_status_all")) == 1
    assert await value("get_status_by", None, None, None, "a")
    await value("suspend", "a", "x")
    await gallery.until("a", lambda status: status["runtimeStatus"] == "Suspended")
    await value("resume", "a", "x")
    await gallery.until("a", lambda status: status["runtimeStatus"] == "Running")
    await value("raise_event", "a", "go", None)
    assert (await gallery.ended("a"))["output"] == "null", "encoded twice, like every event of the client"
    anew = await value("restart", "a")
    assert anew["id"] != "a"
    await value("terminate", anew["id"], "x")
    await gallery.ended(anew["id"])
    assert await value("purge_instance_history", anew["id"]) == {"deleted": 1}
    assert await value("purge_instance_history", "nobody") == {"deleted": 0}
    conflict = await client(gallery, "rewind", "a", "x")
    assert "raised" in conflict


async def test_sdk_client_reports_what_it_cannot_do(gallery: HostUnderTest) -> None:
    await finished(gallery)

    assert "is gone" in (await client(gallery, "raise_event", "f", "go", 1))["raised"]
    assert "No instance" in (await client(gallery, "raise_event", "nobody", "go", 1))["raised"]


async def test_two_starts_of_one_id(gallery: HostUnderTest) -> None:
    await waiting(gallery)

    assert "already exists" in (await client(gallery, "start_new", "waits", "w"))["raised"]


async def test_http_of_an_orchestration_is_fetched_once(gallery: HostUnderTest) -> None:
    url = f"http://127.0.0.1:{gallery.host.port}/api/headers"

    body = '"' + url + '"'
    status = await gallery.ended(await gallery.begin("fetches", body))
    failed = await gallery.ended(await gallery.begin("fetches", '"http://127.0.0.1:1/"'))

    assert (status["output"]["statusCode"], status["output"]["content"]) == (200, "{}")
    assert status["output"]["headers"]["Set-Cookie"] == ["a=1; Path=/", "b=2; HttpOnly"]
    assert "Content-Type" not in status["output"]["headers"]
    assert failed["runtimeStatus"] == "Failed"


async def test_state_is_there_after_a_restart(tmp_path: Path) -> None:
    host = await HostUnderTest.start(tmp_path / "data")
    await waiting(host)
    await host.stop()

    host = await HostUnderTest.start(tmp_path / "data")
    try:
        await post(host, "instances/w/raiseEvent/go", json="later")
        assert (await host.ended("w"))["output"] == "later"
    finally:
        await host.stop()
