"""The real application with the console on loopback, over a real database, without the orchestrations behind it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import uvicorn

from activities.acts import ActActivities
from activities.events import EventActivities
from activities.http import HttpBackend
from landfall.api.app import create_app
from landfall.api.bridge import BACKEND
from landfall.metadata.engine import Database
from landfall.settings import IdentitySettings, Settings
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import FakeJobs
from tests.loopback import PATIENCE_S


class Served:
    """What the application works with.

    Attributes:
        url: Where it is served.
        instances: What acts have started.
        jobs: The workspace whose job runs are read and cancelled.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], settings: Settings | None) -> None:
        self.url = ""
        self.database = database
        self.instances = FakeInstances()
        self.jobs = FakeJobs()
        services: Any = SimpleNamespace(
            database=database, now=now, jobs=self.jobs, settings=settings or SimpleNamespace()
        )
        parts = SimpleNamespace(
            services=services, acts=ActActivities(services), events=EventActivities(services)
        )
        self._backend = HttpBackend(cast(Any, parts), self.instances)
        self._app = create_app(IdentitySettings(insecure_local="grace"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, BACKEND: self._backend}, receive, send)


@contextmanager
def serving(
    database: Database,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    settings: Settings | None = None,
) -> Iterator[Served]:
    """Serve the application until the block ends.

    Args:
        settings: Where the lake is; ``None`` where no page looks into it.
    """
    served = Served(database, now, settings)
    server = uvicorn.Server(
        uvicorn.Config(served, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up_at = time.monotonic() + PATIENCE_S
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < give_up_at, "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    served.url = f"http://127.0.0.1:{port}"
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join()
