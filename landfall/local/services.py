"""The services of the laptop stack: how each is started, and how one sees that it is ready."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from landfall.local import azurite, storage_events
from landfall.local.functions_host.keys import EVENT_GRID_SYSTEM_KEY, open_keys
from landfall.local.laptop_env import blob_endpoint, spark_remote
from landfall.local.layout import LOOPBACK, Layout, Ports
from landfall.local.processes import machine_memory_bytes
from landfall.local.queue_account import QueueAccount

AZURITE: Final = "azurite"
SPARK: Final = "spark"
JOBS: Final = "jobs"
HOST: Final = "functions"
EVENTS: Final = "events"

# What every engine is given here, wherever its data lie; it reads it from its environment only.
SPARK_ENVIRONMENT: Final = {
    # Deep plans overflow the default stack and take the whole server down.
    "SAIL_RUNTIME__STACK_SIZE": str(67_108_864),
    # Its allocator gives memory that lies free for a second or so back to the system, which clears it before it hands
    # it out again: on millions of rows that took up to a third of the engine's processor time. In milliseconds.
    "MIMALLOC_PURGE_DELAY": "15000",
    # Longer than any pause between two statements: a session that was closed for idling cannot be revived.
    "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(7200),
    "TZ": "UTC",
    "RUST_LOG": "error",
}


@dataclass(frozen=True, slots=True)
class Service:
    """One program of the stack.

    Attributes:
        name: Short name; its log file has it too.
        title: What it is, for people.
        command: Command line.
        port: Loopback port that answers when it is ready, ``None`` for one that serves none.
        ready_line: For one without a port: what it prints when it is ready.
        environment: Variables besides those of the supervisor.
        needs_provisioned: Whether it starts only when database, containers and saved job are there.
        follows: Service whose output it gets on standard input, ``None`` for none.
        grace_s: How long it may take to end, in seconds.
    """

    name: str
    title: str
    command: tuple[str, ...]
    port: int | None = None
    ready_line: bytes | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    needs_provisioned: bool = False
    follows: str | None = None
    grace_s: float = 5.0


class EventsBy(StrEnum):
    """How storage events reach the function app: pushed to its webhook, or through a storage queue."""

    WEBHOOK = "webhook"
    QUEUE = "queue"


EVENTS_QUEUE: Final = "landfall-events"
# The function of function_app.py that takes events in either way, and what else watches the queue.
_OF_WEBHOOK: Final = ("on_blob_created",)
_OF_QUEUE: Final = ("on_blob_created_queued", "on_poison_event")


def events_environment(ports: Ports, events: EventsBy) -> dict[str, str]:
    """Return the app settings that choose how events reach the function app."""
    unused = _OF_WEBHOOK if events is EventsBy.QUEUE else _OF_QUEUE
    variables = {f"AzureWebJobs.{name}.Disabled": "true" for name in unused}
    if events is EventsBy.QUEUE:
        endpoint = f"http://{LOOPBACK}:{ports.queue}/{azurite.ACCOUNT}"
        account = QueueAccount(azurite.ACCOUNT, azurite.ACCOUNT_KEY, endpoint)
        variables["LANDFALL_EVENTS_STORAGE"] = account.connection_string()
    return variables


def laptop_services(
    layout: Layout, ports: Ports, *, with_host: bool, events: EventsBy = EventsBy.WEBHOOK
) -> tuple[Service, ...]:
    """Return the services of a project's stack, in the order they are started in.

    Raises:
        AzuriteNotInstalled: The storage emulator is missing.
    """
    needs_queues = not with_host or events is EventsBy.QUEUE
    services = [
        Service(
            AZURITE,
            "storage (Azurite)",
            azurite.command(
                layout.root,
                port=ports.blob,
                data=layout.azurite,
                # For events, or for the real Functions host, which keeps its state in queues and tables.
                queue_port=ports.queue if needs_queues else None,
                table_port=ports.table if needs_queues else None,
            ),
            port=ports.blob,
            # It writes its index when it ends; killed, it forgets the last seconds.
            grace_s=10.0,
        ),
        Service(
            SPARK,
            "Spark Connect (Sail)",
            _python("pysail", "spark", "server", "--ip", LOOPBACK, "--port", str(ports.spark)),
            port=ports.spark,
            environment=_spark_environment(ports),
        ),
        Service(
            JOBS,
            "Databricks jobs server",
            _python(
                "landfall.local.jobs_server",
                *("--port", str(ports.jobs), "--data", str(layout.jobs)),
                *("--token-file", str(layout.jobs_token), "--slots", str(job_slots())),
                *("--stack-state", str(layout.state_file), "--engine", SPARK),
            ),
            port=ports.jobs,
            environment={"SPARK_REMOTE": spark_remote(ports)},
        ),
    ]
    if with_host:
        services.append(
            Service(
                HOST,
                "function host",
                _python(
                    "landfall.local.functions_host",
                    *("--app", str(layout.app), "--port", str(ports.functions)),
                    *("--data", str(layout.functions), "--keys", str(layout.functions_keys)),
                ),
                port=ports.functions,
                environment=events_environment(ports, events),
                needs_provisioned=True,
            )
        )
    services.append(
        Service(
            EVENTS,
            "storage events",
            _python(
                "landfall.local.storage_events",
                *("--endpoint", blob_endpoint(ports), "--outbox", str(layout.outbox)),
                *_destination(ports, events),
            ),
            ready_line=storage_events.READY.encode(),
            environment={
                "LANDFALL_EVENTGRID_KEY": open_keys(layout.functions_keys).system[EVENT_GRID_SYSTEM_KEY],
                **events_environment(ports, events),
            },
            follows=AZURITE,
        )
    )
    return tuple(services)


def _destination(ports: Ports, events: EventsBy) -> tuple[str, str]:
    if events is EventsBy.QUEUE:
        return "--queue", EVENTS_QUEUE
    host = f"http://{LOOPBACK}:{ports.functions}"
    return "--webhook", f"{host}/runtime/webhooks/eventgrid?functionName=on_blob_created"


def job_slots() -> int:
    """Return how many jobs run at once: one more than cores, for while one waits for storage the others work.

    Production starts every node that is ready, so what waits here waits for cores and not for its turn.
    """
    return (os.cpu_count() or 2) + 1


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _spark_environment(ports: Ports) -> dict[str, str]:
    """Return the engine's settings beside the storage of the stack and its limits."""
    return {
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURITE_BLOB_STORAGE_URL": f"http://{LOOPBACK}:{ports.blob}",
        # For parts of large files, which functions inside the engine read themselves.
        "AZURE_STORAGE_ACCOUNT_KEY": azurite.ACCOUNT_KEY,
        **SPARK_ENVIRONMENT,
        # A job that needs more fails, instead of the laptop.
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(machine_memory_bytes() // 2),
    }
