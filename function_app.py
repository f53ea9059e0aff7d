"""Every trigger and binding of the function app; each function hands over at once."""

import asyncio
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func

from activities.app import App
from activities.instances import DurableInstances
from activities.purging import DurableHistories
from landfall.api import backfills, bulk, config, files, health, letters, lineage, products, runs, why
from landfall.api.reply import Acted, Reply
from landfall.calling_back import CallbackPolicy
from landfall.runs.ids import RequestID
from orchestrations.callback import callback as drive_callback
from orchestrations.coordinator import product_coordinator as coordinate
from orchestrations.node import node as drive_node
from orchestrations.run import run as drive_run

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
activities = App()
_ENDED = (
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
)
activities.services.connect_in_background()


# --- Events and timers -----------------------------------------------------------------------------


@app.event_grid_trigger(arg_name="event")
@app.durable_client_input(client_name="client")
async def on_blob_created(event: func.EventGridEvent, client: Any) -> None:
    await activities.events.on_event(_event_payload(event), DurableInstances(client))


# Event Grid cannot push into a private network: there it writes into this queue. Of the two ways, app settings
# switch off the other one (AzureWebJobs.NAME.Disabled).
@app.queue_trigger(arg_name="message", queue_name="landfall-events", connection="LANDFALL_EVENTS_STORAGE")
@app.durable_client_input(client_name="client")
async def on_blob_created_queued(message: func.QueueMessage, client: Any) -> None:
    await activities.events.on_message(message.get_body().decode(), DurableInstances(client))


@app.queue_trigger(
    arg_name="message", queue_name="landfall-events-poison", connection="LANDFALL_EVENTS_STORAGE"
)
async def on_poison_event(message: func.QueueMessage) -> None:
    await activities.events.on_poison(message.get_body().decode())


@app.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
@app.durable_client_input(client_name="client")
async def reconcile(timer: func.TimerRequest, client: Any) -> None:
    await activities.reconcile.reconcile(DurableInstances(client))


@app.timer_trigger(arg_name="timer", schedule="0 30 2 * * *", run_on_startup=False)
@app.durable_client_input(client_name="client")
async def purge(timer: func.TimerRequest, client: Any) -> None:
    await activities.purging.purge(DurableHistories(client, _ENDED))


# --- HTTP ------------------------------------------------------------------------------------------


@app.route("products/{domain}/{product}/runs", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def start_run_over_http(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    settings = activities.services.settings
    policy = CallbackPolicy(settings.callback_hosts, settings.callback_loopback)
    return await _act(
        req,
        client,
        runs.start_run,
        _product(req),
        req.get_body(),
        policy=policy,
        at=req.url,
        request_id=_new_id(),
    )


@app.route("products/{domain}/{product}/pause", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def pause_product(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, products.request_pause, _product(req), req.get_body())


@app.route("products/{domain}/{product}/resume", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def resume_product(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, products.request_resume, _product(req))


@app.route("products/{domain}/{product}/backfills", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def start_backfill(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(
        req, client, backfills.start_backfill, _product(req), req.get_body(), request_id=_new_id()
    )


@app.route("backfills", methods=[func.HttpMethod.GET])
async def show_backfills(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(backfills.show_backfills, req.params.get("product"))


@app.route("backfills/{backfill_id}", methods=[func.HttpMethod.GET])
async def show_backfill(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(backfills.show_backfill, req.route_params["backfill_id"])


@app.route("backfills/{backfill_id}/{act:alpha}", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def change_backfill(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(
        req, client, backfills.change_backfill, req.route_params["backfill_id"], req.route_params["act"]
    )


@app.route("requests/{request_id}", methods=[func.HttpMethod.GET])
async def show_request(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(runs.show_request, req.route_params["request_id"], at=req.url)


@app.route("runs", methods=[func.HttpMethod.GET])
async def show_runs(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(runs.show_runs, req.params.get("product"))


@app.route("runs/cancel", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def cancel_runs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, bulk.request_cancels, req.get_body())


@app.route("runs/rerun", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def rerun_runs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, bulk.request_reruns, req.get_body())


@app.route("runs/{run_id}", methods=[func.HttpMethod.GET])
async def show_run(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(runs.show_run, req.route_params["run_id"])


@app.route("runs/{run_id}/nodes", methods=[func.HttpMethod.GET])
async def show_nodes(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(runs.show_nodes, req.route_params["run_id"])


@app.route("runs/{run_id}/cancel", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def cancel_run(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, runs.request_cancel, req.route_params["run_id"])


@app.route("runs/{run_id}/rerun", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def rerun(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(
        req,
        client,
        runs.start_rerun,
        req.route_params["run_id"],
        req.get_body(),
        at=req.url,
        request_id=_new_id(),
    )


@app.route("runs/{run_id}/replay", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def replay_run(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(
        req,
        client,
        runs.start_replay,
        req.route_params["run_id"],
        req.get_body(),
        at=req.url,
        request_id=_new_id(),
    )


@app.route("why/datasets/{domain}/{product}/{dataset}", methods=[func.HttpMethod.GET])
async def show_why_dataset(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(
        why.show_why_dataset, _product(req), req.route_params["dataset"], now=activities.services.now()
    )


@app.route("why/runs/{run_id}", methods=[func.HttpMethod.GET])
async def show_why_run(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(why.show_why_run, req.route_params["run_id"], now=activities.services.now())


@app.route("why/files/{file_id:long}", methods=[func.HttpMethod.GET])
async def show_why_file(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(why.show_why_file, req.route_params["file_id"], now=activities.services.now())


@app.route("lineage", methods=[func.HttpMethod.GET])
async def show_lineage(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(
        lineage.show_lineage, req.params.get("of"), req.params.get("direction"), req.params.get("depth")
    )


@app.route("files/replay", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def replay_files(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, files.request_replay, req.get_body())


@app.route("dead-letters", methods=[func.HttpMethod.GET])
async def show_dead_letters(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(letters.show_dead_letters, req.params.get("state"))


@app.route("dead-letters/replay", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def replay_dead_letters(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    chosen = await asyncio.to_thread(
        letters.choose, activities.services.database, req.get_body(), now=activities.services.now()
    )
    if isinstance(chosen, Reply):
        return _http(chosen)
    replayed = await activities.events.replay(chosen.letter_ids, DurableInstances(client), actor=_actor(req))
    return _http(letters.acted_on(replayed, chosen.following))


@app.route("dead-letters/discard", methods=[func.HttpMethod.POST])
@app.durable_client_input(client_name="client")
async def discard_dead_letters(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await _act(req, client, letters.request_discard, req.get_body())


@app.route("alarms", methods=[func.HttpMethod.GET])
async def show_alarms(req: func.HttpRequest) -> func.HttpResponse:
    cleared = req.params.get("all", "").lower() == "true"
    return await _read(letters.show_alarms, req.params.get("product"), cleared=cleared)


@app.route("config", methods=[func.HttpMethod.GET])
async def show_settings(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(
        config.show_settings,
        req.params.get("product"),
        req.params.get("at"),
        now=activities.services.now(),
    )


@app.route("config/{name}/history", methods=[func.HttpMethod.GET])
async def show_setting_history(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(config.show_history, req.route_params["name"], req.params.get("product"))


@app.route("config/{name}", methods=[func.HttpMethod.POST])
async def set_setting(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(
        config.request_set,
        req.route_params["name"],
        req.get_body(),
        actor=_actor(req),
        now=activities.services.now(),
    )


@app.route("config/{name}/rollback", methods=[func.HttpMethod.POST])
async def roll_back_setting(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(
        config.request_rollback,
        req.route_params["name"],
        req.get_body(),
        actor=_actor(req),
        now=activities.services.now(),
    )


@app.route("health", methods=[func.HttpMethod.GET], auth_level=func.AuthLevel.ANONYMOUS)
async def show_health(req: func.HttpRequest) -> func.HttpResponse:
    return await _read(health.show_health)


async def _read(view: Callable[..., Reply], *args: Any, **more: Any) -> func.HttpResponse:
    return _http(await asyncio.to_thread(view, activities.services.database, *args, **more))


async def _act(
    req: func.HttpRequest, client: Any, view: Callable[..., Acted], *args: Any, **more: Any
) -> func.HttpResponse:
    """Let a view act in SQL, then set going what follows from it."""
    acted = await asyncio.to_thread(
        view,
        activities.services.database,
        *args,
        actor=_actor(req),
        now=activities.services.now(),
        **more,
    )
    await activities.acts.follow_up(
        DurableInstances(client), start=acted.start, cancelled=acted.cancelled, notify=acted.notify
    )
    return _http(acted.reply)


def _http(reply: Reply) -> func.HttpResponse:
    return func.HttpResponse(
        reply.text(), status_code=reply.status, headers=dict(reply.headers), mimetype=reply.content_type
    )


def _product(req: func.HttpRequest) -> str:
    return f"{req.route_params['domain']}/{req.route_params['product']}"


def _new_id() -> RequestID:
    return RequestID(uuid4().hex)


def _event_payload(event: func.EventGridEvent | func.CloudEvent) -> dict[str, Any]:
    """Return an event as its sender wrote it: the subscription says in which of the two schemas."""
    if isinstance(event, func.CloudEvent):
        named = {"type": event.type, "time": event.time, "specversion": event.specversion}
    else:
        named = {"eventType": event.event_type, "eventTime": event.event_time}
    instants = {
        key: value.isoformat() if isinstance(value, datetime) else value for key, value in named.items()
    }
    return {"id": event.id, "subject": event.subject, **instants, "data": event.get_json()}


def _actor(req: func.HttpRequest) -> str:
    """Return who calls, for the record.

    App Service sets the first header after it has checked the caller. A caller with a function key is known by
    that key only; the name it gives itself is kept, marked as that.
    """
    principal = req.headers.get("x-ms-client-principal-name")
    named = req.headers.get("x-landfall-actor")
    return (principal or (f"{named[:100]} (by function key)" if named else "function key"))[:128]


# --- Orchestrators ---------------------------------------------------------------------------------


@app.orchestration_trigger(context_name="context")
def product_coordinator(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    return (yield from coordinate(context))


@app.orchestration_trigger(context_name="context")
def run(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield from drive_run(context))


@app.orchestration_trigger(context_name="context")
def node(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    return (yield from drive_node(context))


@app.orchestration_trigger(context_name="context")
def callback(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    return (yield from drive_callback(context))


# --- Activities: plain dict, since the worker refuses dict[str, Any] on a trigger parameter ----------


@app.activity_trigger(input_name="message")
@app.durable_client_input(client_name="client")
async def open_run(message: dict, client: Any) -> dict:  # type: ignore[type-arg]
    return await activities.runs.open_run(message, DurableInstances(client))


@app.activity_trigger(input_name="message")
@app.durable_client_input(client_name="client")
async def start_run(message: dict, client: Any) -> dict:  # type: ignore[type-arg]
    return await activities.runs.start_run(message, DurableInstances(client))


@app.activity_trigger(input_name="message")
@app.durable_client_input(client_name="client")
async def close_run(message: dict, client: Any) -> dict:  # type: ignore[type-arg]
    return await activities.runs.close_run(message, DurableInstances(client))


@app.activity_trigger(input_name="message")
def submit_job(message: dict) -> dict:  # type: ignore[type-arg]
    return activities.nodes.submit_job(message)


@app.activity_trigger(input_name="message")
def check_job(message: dict) -> dict:  # type: ignore[type-arg]
    return activities.nodes.check_job(message)


@app.activity_trigger(input_name="message")
@app.durable_client_input(client_name="client")
async def finish_node(message: dict, client: Any) -> dict:  # type: ignore[type-arg]
    return await activities.nodes.finish_node(message, DurableInstances(client))


@app.activity_trigger(input_name="message")
def deliver_callback(message: dict) -> dict:  # type: ignore[type-arg]
    return activities.callbacks.deliver_callback(message)
