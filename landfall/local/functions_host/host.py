"""Puts the parts together: a running function host for one app."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from landfall.local.functions_host import log
from landfall.local.functions_host.admin import AdminApi
from landfall.local.functions_host.client_binding import client_json, rpc_base
from landfall.local.functions_host.clock import SystemClock
from landfall.local.functions_host.dispatcher import Dispatcher, Limits
from landfall.local.functions_host.event_grid import EventGridWebhook
from landfall.local.functions_host.host_file import HostSettings
from landfall.local.functions_host.http_triggers import HttpTriggers
from landfall.local.functions_host.hub import TaskHub
from landfall.local.functions_host.keys import DURABLE_SYSTEM_KEY, Keys
from landfall.local.functions_host.loading import ClientBinding, load_app
from landfall.local.functions_host.management import ManagementApi
from landfall.local.functions_host.queue_triggers import queue_triggers
from landfall.local.functions_host.server import HOST, Front, listen
from landfall.local.functions_host.store import Store
from landfall.local.functions_host.timer_triggers import timer_triggers
from landfall.local.functions_host.worker import Worker, thread_count
from landfall.local.queue_service import QueueService

GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How to run a host.

    Attributes:
        app: Folder that holds ``function_app.py`` and ``host.json``.
        data: Folder of the task hub's store; made if missing.
        port: Port on 127.0.0.1; 0 takes any free one.
        keys: Who may call what.
        redeliver: Probability in [0, 1] that an activity is delivered twice.
    """

    app: Path
    data: Path
    port: int
    keys: Keys
    redeliver: float = 0.0


class FunctionHost:
    """One running host; make it with :meth:`start`, end it with :meth:`stop`."""

    def __init__(
        self,
        hub: TaskHub,
        dispatcher: Dispatcher,
        worker: Worker,
        runner: web.AppRunner,
        port: int,
        timers: list[asyncio.Task[None]],
        queues: list[QueueService],
    ) -> None:
        self.hub = hub
        self.port = port
        self._dispatcher = dispatcher
        self._worker = worker
        self._runner = runner
        # Timers and queues alike: what calls functions by itself.
        self._timers = timers
        self._queues = queues

    @classmethod
    async def start(cls, options: HostOptions, environ: Mapping[str, str]) -> "FunctionHost":
        """Load the app, open the store, take up what it holds, and listen.

        Raises:
            AppNotLoadable: The app cannot be loaded.
            HostFileInvalid: ``host.json`` cannot be used.
            StoreInUse: Another host owns the data folder.
            StoreNotReadable: The store is of another version.
            PortInUse: Another process listens on the port.
        """
        settings = HostSettings.from_folder(options.app)
        store = Store(options.data)
        try:
            return await cls._start(options, environ, settings, store)
        except BaseException:
            store.close()
            raise

    @classmethod
    async def _start(
        cls, options: HostOptions, environ: Mapping[str, str], settings: HostSettings, store: Store
    ) -> "FunctionHost":
        functions = load_app(options.app).without_disabled(environ)
        clock = SystemClock()
        hub = TaskHub(store, clock, functions, settings.hub)
        keys = options.keys
        origin = ""

        def client_text(client: ClientBinding) -> str:
            return client_json(
                origin,
                rpc_base(origin, keys.rpc),
                client.task_hub or settings.hub.name,
                keys.system[DURABLE_SYSTEM_KEY],
                client.connection,
            )

        worker = Worker(options.app, client_text, thread_count(environ), settings.function_timeout)
        limits = Limits(settings.max_orchestrations, settings.max_activities, options.redeliver)
        dispatcher = Dispatcher(hub, functions, worker, limits)
        front = Front(
            HttpTriggers(functions, worker, keys, settings.route_prefix),
            ManagementApi(hub, keys),
            EventGridWebhook(functions, worker),
            AdminApi(functions, worker, keys, lambda: dispatcher.busy),
            keys,
        )
        try:
            runner, port = await listen(front, options.port)
        except BaseException:
            await worker.close()
            raise
        origin = f"http://{HOST}:{port}"
        dispatcher.start()
        timers = [
            asyncio.create_task(timer.run())
            for timer in timer_triggers(functions.of_type("timerTrigger"), environ, store, clock, worker)
        ]
        watching, queues = await queue_triggers(
            functions.of_type("queueTrigger"), environ, worker, settings.queues
        )
        timers += [asyncio.create_task(trigger.run()) for trigger in watching]
        log.event("host_started", address=origin, app=str(options.app), functions=[f.name for f in functions])
        return cls(hub, dispatcher, worker, runner, port, timers, queues)

    async def stop(self) -> bool:
        """Take no more work, let running activities finish for a few seconds, close everything.

        Returns:
            Whether all of the app's threads have ended; if not, the process has to be ended without waiting for them.
        """
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        for service in self._queues:
            await service.close()
        # Activities that run may still need the management API, so the server goes last.
        await self._dispatcher.stop(GRACE_S)
        await self._runner.cleanup()
        ended = await self._worker.close()
        self.hub.store.close()
        log.event("host_stopped")
        return ended
