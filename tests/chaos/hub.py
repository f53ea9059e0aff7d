"""A process of the function app in the simulated world: its task hub, its threads, and what its activities reach."""

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.jobs.protocol import Jobs
from landfall.lake import Lake
from landfall.local.functions_host.activity_queue import ActivityWork
from landfall.local.functions_host.hub import TaskHub
from landfall.local.functions_host.store import Store, Transaction
from landfall.metadata.engine import Database
from landfall.settings import Settings
from tests.chaos.moments import Moments
from tests.contract.functions_host.simulation import Simulation


@dataclass(frozen=True)
class WorldServices:
    """What activities reach outside for."""

    settings: Settings
    database: Database
    lake: Lake
    jobs: Jobs
    clock: Callable[[], datetime]

    def now(self) -> datetime:
        return self.clock()


class Inline(ThreadPoolExecutor):
    """Runs what is handed to it at once: with one thing at a time, threads would only add waiting."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


@dataclass
class Mail:
    """An event on its way from Event Grid."""

    due_at: datetime
    payload: Mapping[str, Any]


class Hub(Simulation):
    """A task hub whose commits are moments, and that may deliver activities twice."""

    moments = Moments()
    twice: Callable[[], bool] = staticmethod(lambda: False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._watch()

    def reopen(self) -> None:
        super().reopen()
        self._watch()

    def lose(self) -> None:
        """Delete the whole orchestration store and open an empty one."""
        self.hub.store.close()
        shutil.rmtree(self.folder)
        self._running.clear()
        self.hub = TaskHub(Store(self.folder), self.clock, self, self.settings)
        self._watch()

    def finish(self, work: ActivityWork) -> bool:
        if self.twice():
            self._outcome(work)
        done = super().finish(work)
        if self.twice():
            super().finish(work)
        return done

    def open_instances(self) -> list[str]:
        rows = self.hub.store.read(
            "select id from instances where status not in ('Completed', 'Failed', 'Terminated')"
        )
        return [row["id"] for row in rows]

    def _watch(self) -> None:
        def on_commit(_: Transaction) -> None:
            self.moments.reach("hub")

        self.hub.store.on_commit = on_commit
