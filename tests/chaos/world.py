"""The whole function app in a simulated world: real triggers, orchestrators, activities, SQL and task hub.

Only what is outside the app is simulated (``tests.chaos.cloud``), and the clock, so hours pass in a moment. The app's
process can be killed after any lasting effect; what was in its memory is gone, what it committed is there. Event Grid
delivers an event until the app has taken it.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import azure.functions as func
import sqlalchemy as sa

import activities.instances
from activities.app import App
from landfall.addresses import blob_url
from landfall.api.app import create_app
from landfall.api.bridge import WebApp
from landfall.errors import LandfallError
from landfall.lake import Lake, StoredBlob
from landfall.local.functions_host.loading import AppFunction, FunctionTable, load_app
from landfall.local.functions_host.worker import decode
from landfall.local.storage_events.events import BlobVersion, blob_created
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.tables import (
    data_products,
    node_run_edges,
    node_runs,
    runs,
)
from landfall.runs.ids import RunID
from landfall.runs.states import FINAL_RUN_STATES, NodeState
from landfall.settings import IdentitySettings, Settings
from landfall.spec.model import Product
from spark_runtime.spec import NodeSpec
from tests.chaos.books import nothing_left
from tests.chaos.cloud import ACCOUNT, ChaosDatabase, HubClient, Plan, SimulatedJobs, SimulatedLake, etag_of
from tests.chaos.hub import Hub, Inline, Mail, WorldServices
from tests.chaos.moments import Killed, Moments
from tests.contract.functions_host.simulation import START, Activity, VirtualClock
from tests.databases import a_database

ROOT = Path(__file__).parents[2]
WEB = WebApp(lambda: create_app(IdentitySettings(insecure_local="ada")))
ENDPOINT = f"http://127.0.0.1:10000/{ACCOUNT}"
TICK_S = 1.0
RECONCILE_EVERY_S = 30.0
# Long after the last wait that any orchestrator has.
LINGER_S = 200.0

# Time stands still while an activity runs here, so waiting for another instance's end would wait in vain.
activities.instances._CLOSING_S = 0.0


class World:
    """One installation of Landfall with the products given, and everything around it."""

    def __init__(
        self,
        folder: Path,
        *products: Product,
        moments: Moments | None = None,
        plan: Plan | None = None,
        seed: int = 0,
        hosts: int = 1,
        twice: float = 0.0,
        wakes: float = 1.0,
        into: Database | None = None,
    ) -> None:
        """Set it up and apply the products.

        Args:
            folder: For the database and the task hub.
            products: What is installed.
            moments: When the app's process dies.
            plan: What jobs do.
            hosts: Function hosts, each with a task hub of its own, on the one database.
            seed: Of everything that is left to chance.
            twice: Probability that an activity is delivered a second time.
            wakes: Probability that the event of a job's result arrives at all.
            into: The database, which may know of other products; a new one unless given.
        """
        self.chance = random.Random(seed)  # noqa: S311  # decides what happens, guards nothing
        self.moments = Moments()
        self.deaths = 0
        # Whether it is the test that looks into the database now, not the app.
        self.is_watched = False
        self.on_death: Callable[[], None] = lambda: None
        migrated = into or a_database(folder)
        migrated.close()
        self.database = ChaosDatabase(migrated.engine, self.moments)
        self.lake = SimulatedLake(self.moments)
        self.jobs = SimulatedJobs(self.lake, self.now, self.moments, plan or Plan())
        self.jobs.on_start = self._check_inputs
        self.jobs.on_result = self._announce_result
        self.started_too_early: list[str] = []
        self.landed: set[tuple[str, str]] = set()
        self._products = sorted({product.key for product in products})
        self._mail: list[Mail] = []
        self._sequencer = 0
        self._wakes = wakes
        self._next_reconcile_s = RECONCILE_EVERY_S
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(Inline())
        self._module, self._functions = _function_app()
        self.clock = VirtualClock()
        self.hosts = [
            Hub(folder / f"hub{number}", self._orchestrators(), self._activities(), clock=self.clock)
            for number in range(hosts)
        ]
        # The host that has its turn: the one that a death befalls.
        self._host = self.hosts[0]
        self._install()
        apply_products(self.database, list(products), actor="ada", now=self.now())
        # Only from here on the process may die.
        self._set_moments(moments or Moments())
        if twice:
            for host in self.hosts:
                host.twice = lambda: self.chance.random() < twice

    def close(self) -> None:
        for host in self.hosts:
            host.hub.store.close()
        self.database.close()
        self._loop.close()

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def now_s(self) -> float:
        return (self.clock.at - START).total_seconds()

    # What a test does.

    def land(self, path: str, *, version: int = 1, times: int = 1, size_bytes: int = 100) -> None:
        """Let Event Grid announce a file in the landing zone, so many times over."""
        self._sequencer += 1
        event = _event("landing", path, etag_of(path, version), size_bytes, self._sequencer, self.now())
        self.landed.add((event["data"]["url"], event["data"]["eTag"]))
        self.lake.landed[path] = StoredBlob(path, event["data"]["eTag"], size_bytes, self.now())
        self._mail += [Mail(self.now(), event) for _ in range(times)]

    def shuffle_mail(self, within_s: float) -> None:
        """Spread what is on its way over some time, in any order."""
        for mail in self._mail:
            mail.due_at = self.now() + timedelta(seconds=self.chance.uniform(0, within_s))
        self.chance.shuffle(self._mail)

    def call(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Do something to the database past the app, without dying."""
        with self._immortal():
            return self.database.transact(work)

    def finish(self, limit_s: float = 7200) -> None:
        """Go on until nothing is left to do, then as long as anything could still come up."""
        give_up_s = self.now_s + limit_s
        while not self.is_done():
            assert self.now_s < give_up_s, f"stuck:\n{self.describe()}"
            self.tick()
        linger_s = self.now_s + LINGER_S
        while self.now_s < linger_s and self.open_instances():
            self.tick()
        # A run may be opened and ended by what came up meanwhile; nothing may be left half done.
        assert self.is_done(), self.describe()

    def tick(self, seconds: float = TICK_S) -> None:
        """Let time go on a little; if the process dies, another one takes over."""
        self._live(lambda: self._go_on(seconds))

    def tick_until(self, holds: Callable[[], bool], limit_s: float = 600) -> None:
        give_up_s = self.now_s + limit_s
        while not holds():
            assert self.now_s < give_up_s, f"it never came true:\n{self.describe()}"
            self.tick()

    def ask(self, path: str, body: Mapping[str, Any]) -> int | None:
        """POST to the API once; return the status, or ``None`` if the process died before it answered."""
        found = self._functions.find("api")
        assert found is not None
        request = func.HttpRequest(
            method="POST",
            url=f"http://localhost/api/{path}",
            headers={"host": "localhost"},
            body=json.dumps(body).encode(),
        )
        answers: list[int] = []
        self._live(lambda: answers.append(self._call(found, request).status_code))
        return answers[0] if answers else None

    def lose_hub(self) -> None:
        """Delete the orchestration store of the host that has its turn."""
        self._host.lose()

    # What a test looks at.

    def is_done(self) -> bool:
        with self._immortal():
            return not self._mail and self.database.read(nothing_left)

    def describe(self) -> str:
        """Return what is still open, for a failed test."""
        with self._immortal():
            open_runs = self.database.read(
                lambda c: c.execute(
                    sa.select(
                        node_runs.c.RunID,
                        node_runs.c.NodeKey,
                        node_runs.c.State,
                        node_runs.c.Attempt,
                        node_runs.c.Reason,
                    )
                    .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
                    .where(runs.c.State.not_in(FINAL_RUN_STATES))
                ).all()
            )
        lines = [f"after {self.now_s} s, {self.deaths} deaths, {len(self._mail)} events on their way"]
        lines += [f"  {tuple(row)}" for row in open_runs]
        lines += [f"  instance {name}" for name in self.open_instances()]
        return "\n".join(lines)

    def run_ids(self) -> list[RunID]:
        """Return the runs, oldest first."""
        with self._immortal():
            query = (
                sa.select(runs.c.RunID)
                .join(data_products, data_products.c.DataProductID == runs.c.DataProductID)
                .where((data_products.c.Domain + "/" + data_products.c.Name).in_(self._products))
                .order_by(runs.c.CreatedAt)
            )
            rows = self.database.read(lambda c: c.execute(query).all())
            return [RunID(row.RunID) for row in rows]

    def node_states(self, run_id: RunID | None = None) -> dict[str, str]:
        """Return the state of each node of a run, the newest if none is named."""
        run = run_id or next(reversed(self.run_ids()), None)
        with self._immortal():
            query = sa.select(node_runs.c.NodeKey, node_runs.c.State).where(node_runs.c.RunID == run)
            return {row.NodeKey: row.State for row in self.database.read(lambda c: c.execute(query).all())}

    def open_instances(self) -> list[str]:
        """Return the orchestration instances that have not ended, on any host."""
        return [name for host in self.hosts for name in host.open_instances()]

    def taken_in(self) -> Counter[tuple[str, str]]:
        """Return how often the rows of each file version are in the tables."""
        return Counter(file for files in self.jobs.slices.values() for file in files)

    # How time goes on.

    def _live(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Killed:
            self.deaths += 1
            self._host.reopen()
            self.on_death()

    def _go_on(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        for host in self.chance.sample(self.hosts, len(self.hosts)):
            self._host = host
            host.run(until_s=until_s)
        self.jobs.work()
        for mail in [mail for mail in self._mail if mail.due_at <= self.now()]:
            self._host = self.chance.choice(self.hosts)
            if self._deliver(mail.payload):
                # Only now Event Grid knows that the app took it.
                self._mail.remove(mail)
        if self.now_s >= self._next_reconcile_s:
            self._next_reconcile_s = self.now_s + RECONCILE_EVERY_S
            for host in self.hosts:
                self._host = host
                for function in self._functions.of_type("timerTrigger"):
                    # A timer that raises is called again at its next time, as on Azure.
                    self._succeeds(function, None)

    def _deliver(self, payload: Mapping[str, Any]) -> bool:
        function = self._functions.find("on_blob_created")
        assert function is not None
        return self._succeeds(function, decode("eventGridTrigger", json.dumps(payload), "json"))

    def _succeeds(self, function: AppFunction, argument: Any) -> bool:
        """Call a function and return whether it raised nothing; only expected faults may be raised."""
        try:
            self._call(function, argument)
        except LandfallError:
            return False
        return True

    def _announce_result(self, path: str) -> None:
        if self.chance.random() < self._wakes:
            text = self.lake.control[path]
            self._sequencer += 1
            event = _event("control", path, etag_of(path), len(text), self._sequencer, self.now())
            self._mail.append(Mail(self.now(), event))

    def _check_inputs(self, spec: NodeSpec, together: set[str]) -> None:
        """Note a node whose job starts although one of its predecessors in the run has not succeeded."""
        query = (
            sa.select(node_run_edges.c.FromNode)
            .select_from(
                node_run_edges.join(
                    node_runs,
                    sa.and_(
                        node_runs.c.RunID == node_run_edges.c.RunID,
                        node_runs.c.NodeKey == node_run_edges.c.FromNode,
                    ),
                )
            )
            .where(
                node_run_edges.c.RunID == spec.run_id,
                node_run_edges.c.ToNode == spec.node,
                node_runs.c.State != NodeState.SUCCEEDED,
                # Within one job run, those before it are executed before it.
                node_run_edges.c.FromNode.not_in(together),
            )
        )
        with self._immortal(), self.database.engine.connect() as connection:
            early = connection.execute(query).all()
        self.started_too_early += [f"{spec.run_id}: {spec.node} before {row.FromNode}" for row in early]

    # How the app is put in here.

    def _orchestrators(self) -> dict[str, Callable[[Any], Any]]:
        return {
            function.durable_name: cast(Any, function.call).orchestrator_function
            for function in self._functions.of_type("orchestrationTrigger")
        }

    def _activities(self) -> dict[str, Activity]:
        def of(function: AppFunction) -> Callable[[Any], Any]:
            return lambda argument: self._call(function, argument)

        return {
            function.durable_name: Activity(of(function), takes_s=0.01)
            for function in self._functions.of_type("activityTrigger")
        }

    def _call(self, function: AppFunction, argument: Any) -> Any:
        arguments = {function.parameter: argument}
        call: Any = function.call
        if function.clients:
            # Past the wrapper that makes the SDK's client, which would need a server.
            call = call.client_function
            arguments |= {client.parameter: HubClient(self._host.hub) for client in function.clients}
        answer = call(**arguments)
        return self._loop.run_until_complete(answer) if asyncio.iscoroutine(answer) else answer

    def _install(self) -> None:
        app = App()
        settings = Settings.from_environment(
            {
                "LANDFALL_DATABASE_URL": str(self.database.engine.url),
                "LANDFALL_STORAGE_ACCOUNT": ACCOUNT,
                "DATABRICKS_HOST": "http://127.0.0.1:9",
            }
        )
        services = WorldServices(settings, self.database, cast(Lake, self.lake), self.jobs, self.now)
        app.services = cast(Any, services)
        self._module.activities = app
        self._module.web = WEB

    def _set_moments(self, moments: Moments) -> None:
        self.moments = moments
        self.database._moments = self.lake._moments = self.jobs.moments = moments
        for host in self.hosts:
            host.moments = moments

    @contextmanager
    def _immortal(self) -> Iterator[None]:
        before, trouble = self.moments, self.database.trouble
        self.is_watched = True
        self._set_moments(Moments())
        self.database.trouble = lambda _: None
        try:
            yield
        finally:
            self._set_moments(before)
            self.database.trouble = trouble
            self.is_watched = False


@cache
def _function_app() -> tuple[Any, FunctionTable]:
    """Return the app's module and its functions, together: a test of the host may load another app by that name."""
    functions = load_app(ROOT)
    return sys.modules["function_app"], functions


def _event(
    container: str, path: str, etag: str, size_bytes: int, sequencer: int, at: datetime
) -> dict[str, Any]:
    blob = BlobVersion(container, path, etag, size_bytes, "text/csv", "BlockBlob")
    event = blob_created(
        blob,
        api="PutBlob",
        endpoint=ENDPOINT,
        account=ACCOUNT,
        written_at=at.astimezone(UTC),
        sequencer=sequencer,
    )
    assert event["data"]["url"] == blob_url(ENDPOINT, container, path)
    return event
