"""Every trigger and binding of the function app; each function hands over at once."""

from collections.abc import Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.app import App
from activities.http import HttpBackend
from activities.instances import DurableInstances
from activities.purging import DurableHistories
from landfall.api.bridge import AsgiApp, WebApp
from landfall.settings import IdentitySettings
from orchestrations.callback import callback as drive_callback
from orchestrations.coordinator import product_coordinator as coordinate
from orchestrations.node import node as drive_node
from orchestrations.run import run as drive_run

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
activities = App()
_METHODS = tuple(func.HttpMethod)
_ENDED = (
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
)
activities.services.connect_in_background()


def _load_web_app() -> AsgiApp:
    # Here and not above: it takes as long as all other imports together, and only HTTP needs it.
    from landfall.api.app import create_app

    return create_app(IdentitySettings.from_environment())


web = WebApp(_load_web_app)


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


@app.timer_trigger(arg_name="timer", schedule="15 * * * * *", run_on_startup=False)
async def watch(timer: func.TimerRequest) -> None:
    await activities.watching.watch()


@app.timer_trigger(arg_name="timer", schedule="0 30 2 * * *", run_on_startup=False)
@app.durable_client_input(client_name="client")
async def purge(timer: func.TimerRequest, client: Any) -> None:
    await activities.purging.purge(DurableHistories(client, _ENDED))


# --- HTTP: one application for the API and the console, which checks by itself who calls -------------


@app.route("api/{*path}", methods=_METHODS, auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def api(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await web.answer(req, HttpBackend(activities, DurableInstances(client)))


@app.route("console/{*path}", methods=_METHODS, auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def console(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    return await web.answer(req, HttpBackend(activities, DurableInstances(client)))


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
@app.durable_client_input(client_name="client")
async def check_job(message: dict, client: Any) -> dict:  # type: ignore[type-arg]
    return await activities.nodes.check_job(message, DurableInstances(client))


@app.activity_trigger(input_name="message")
@app.durable_client_input(client_name="client")
async def finish_node(message: dict, client: Any) -> dict:  # type: ignore[type-arg]
    return await activities.nodes.finish_node(message, DurableInstances(client))


@app.activity_trigger(input_name="message")
def deliver_callback(message: dict) -> dict:  # type: ignore[type-arg]
    return activities.callbacks.deliver_callback(message)
