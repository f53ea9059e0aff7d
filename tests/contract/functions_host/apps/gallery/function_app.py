"""An app with one of everything that the host serves; `CALLS` tells a test what was called."""
# The SDK is not typed.
# mypy: disable-error-code="untyped-decorator,no-any-return"

import asyncio
import json
import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

CALLS: list[tuple[str, Any]] = []
app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
blueprint = df.Blueprint()


# --- HTTP ------------------------------------------------------------------------------------------------------


@app.route(route="plain", auth_level=func.AuthLevel.ANONYMOUS)
def plain(req: func.HttpRequest) -> str:
    return "plain"


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def unrouted(req: func.HttpRequest) -> str:
    return "unrouted"


@app.route(route="", auth_level=func.AuthLevel.ANONYMOUS)
def emptyrouted(req: func.HttpRequest) -> str:
    return "emptyrouted"


@app.route(route="x/{id:int?}", methods=["POST", "GET"], auth_level=func.AuthLevel.ANONYMOUS)
def numbered(req: func.HttpRequest) -> str:
    return req.route_params.get("id", "missing")


@app.route(route="posted", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def posted(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "json": req.get_json(),
        "params": dict(req.params),
        "header": req.headers.get("X-Mixed-Case"),
        "url": req.url,
        "names": sorted(req.headers),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201)


@app.route(route="guarded")
def guarded(req: func.HttpRequest) -> str:
    return "in"


@app.route(route="inner", auth_level=func.AuthLevel.ADMIN)
def inner(req: func.HttpRequest) -> str:
    return "in"


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> str:
    raise ValueError("out of order")


@app.route(route="headers", auth_level=func.AuthLevel.ANONYMOUS)
def headers(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("{}", mimetype="text/plain", headers={"Content-Type": "application/x-own"})
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    return response


@app.route(route="files/{*rest}", auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> str:
    return req.route_params["rest"]


@app.route(route="files/special", auth_level=func.AuthLevel.ANONYMOUS)
def special(req: func.HttpRequest) -> str:
    return "the literal wins"


# --- Durable client --------------------------------------------------------------------------------------------


@app.route(route="begin/{name}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def begin(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new(
        req.route_params["name"], req.params.get("id"), json.loads(req.get_body() or b"null")
    )
    return client.create_check_status_response(req, instance_id)


@app.route(route="client/{method}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def use_client(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Call a method of the client with the arguments of the body, and show what came of it."""
    arguments = json.loads(req.get_body() or b"[]")
    try:
        value = await getattr(client, req.route_params["method"])(*arguments)
    except Exception as error:
        return func.HttpResponse(json.dumps({"raised": str(error)}), mimetype="application/json")
    return func.HttpResponse(json.dumps({"value": value}, default=_shown), mimetype="application/json")


@app.route(route="entity/{method}/{operation?}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def use_entity(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    entity = df.EntityId("counter", "k")
    if req.route_params["method"] == "signal":
        await client.signal_entity(
            entity, req.route_params["operation"], json.loads(req.get_body() or b"null")
        )
        return func.HttpResponse("{}")
    state = await client.read_entity_state(entity)
    return func.HttpResponse(json.dumps({"exists": state.entity_exists, "state": state.entity_state}))


def _shown(value: Any) -> Any:
    if hasattr(value, "instances_deleted"):
        return {"deleted": value.instances_deleted}
    if not value:
        return None
    return {"status": value.runtime_status.value, "output": value.output, "input": value.input_}


@app.activity_trigger(input_name="value")
@app.durable_client_input(client_name="client")
async def binding(value: str, client: Any) -> dict:  # type: ignore[type-arg]
    """An activity that is a client too."""
    bindings = client._orchestration_bindings
    return {"rpc": bindings.rpc_base_url, "hub": bindings.task_hub_name, "urls": bindings.management_urls}


# --- orchestrations and activities -----------------------------------------------------------------------------


@app.orchestration_trigger(context_name="context")
def one(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Call the activity that the input names, with the argument that it gives."""
    given = context.get_input() or {}
    return (yield context.call_activity(given.get("activity", "double"), given.get("argument", 1)))


@app.orchestration_trigger(context_name="context")
def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    context.set_custom_status({"waits": True})
    return (yield context.wait_for_external_event("go"))


@app.orchestration_trigger(context_name="context")
def fails(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("flaky", "x"))


@app.orchestration_trigger(context_name="context")
def chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    value = 1
    for _ in range(context.get_input()):
        value = yield context.call_activity("double", value)
    return value


@app.orchestration_trigger(context_name="context")
def sleeps(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    from datetime import timedelta

    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=context.get_input()))
    return "woken"


@app.orchestration_trigger(context_name="context")
def fetches(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_http("GET", context.get_input()))


@app.orchestration_trigger(context_name="context")
def counts(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    entity = df.EntityId("counter", "k")
    yield context.call_entity(entity, "add", 3)
    return (yield context.call_entity(entity, "get"))


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        context.set_state(value + context.get_input())
    elif context.operation_name == "delete":
        context.destruct_on_exit()
        return  # a result would bring it back
    context.set_result(value)


@blueprint.activity_trigger(input_name="value")
def double(value: int) -> int:
    return value * 2


@blueprint.activity_trigger(input_name="value")
def echo(value: Any) -> Any:
    return value


@blueprint.activity_trigger(input_name="value", activity="RunNode")
def impl(value: Any) -> Any:
    return f"node {value}"


@app.activity_trigger(input_name="value")
def thread_name(value: str) -> str:
    return threading.current_thread().name


@app.activity_trigger(input_name="value")
async def loop_name(value: str) -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


@app.activity_trigger(input_name="value")
def with_context(value: str, context: func.Context) -> dict:  # type: ignore[type-arg]
    return {"id": context.invocation_id, "name": context.function_name, "folder": context.function_directory}


@app.activity_trigger(input_name="value")
def flaky(value: str) -> str:
    CALLS.append(("flaky", value))
    if sum(1 for name, _ in CALLS if name == "flaky") == 1:
        raise ValueError("first time")
    return value


@app.activity_trigger(input_name="value")
def marks(value: str) -> str:
    """Leave a line in a file for each call, and take a while."""
    with Path(value).open("a") as file:
        file.write("called\n")
    asyncio.run(asyncio.sleep(float(os.environ.get("GALLERY_MARKS_S", "0"))))
    return "marked"


# --- other triggers --------------------------------------------------------------------------------------------


@app.event_grid_trigger(arg_name="event")
def on_event(event: Any) -> None:
    kind = type(event).__name__
    data = event.get_json()
    CALLS.append((kind, data))
    if data.get("bad") and CALLS.count((kind, data)) == 1:
        raise ValueError("bad event")


@app.event_grid_trigger(arg_name="event")
@app.durable_client_input(client_name="client")
async def on_file(event: func.EventGridEvent, client: df.DurableOrchestrationClient) -> None:
    data = event.get_json()
    if data["api"] == "CreateFile":
        return
    try:
        await client.start_new("waits", f"file-{data['eTag']}", data["url"])
    except Exception as error:
        CALLS.append(("conflict", str(error)))


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *")
def nightly(timer: func.TimerRequest) -> None:
    CALLS.append(("nightly", timer.past_due))


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    CALLS.append(("at_start", timer.past_due))


app.register_functions(blueprint)
