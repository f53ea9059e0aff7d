"""One landed file through the activities to the end of its run, in a process of its own.

Beside it a second event of the file, a file that nobody expects, a message that is no event, a first attempt that is
lost and a call that the Jobs API throttles.

Providers of telemetry are set once per process, so the tests start this program with the exporters they are about.
The database is real, the lake and the Jobs API are fakes but for the throttled call, which goes to ``DATABRICKS_HOST``
where it is set. Usage: ``python one_run.py DATABASE_URL``.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from activities.measuring import MeasuredWatching
from activities.services import Services
from activities.traced import CountedEventActivities, TracedNodeActivities, TracedRunActivities
from landfall.exporting import configure
from landfall.jobs.client import connect
from landfall.jobs.errors import JobsUnreachable
from landfall.jobs.protocol import Failure, JobRunID
from landfall.lake import Lake, StoredBlob
from landfall.metadata.apply import apply_products
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.statement_spans import trace_statements
from landfall.metrics import Metrics
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.work import NodeWork
from landfall.settings import Settings, TelemetrySettings
from landfall.spec.model import DatasetName, ServiceLevel
from tests.builders import a_blob_event, a_product, a_transformation
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import SUCCEEDED, FakeJobs, failed

RUN_ID = RunID("r1")
SETTINGS = Settings.from_environment(
    {
        "LANDFALL_DATABASE_URL": "sqlite:///unused.db",
        "LANDFALL_STORAGE_ACCOUNT": "contoso",
        "DATABRICKS_HOST": "http://127.0.0.1:9",
    }
)


class FakeLake:
    """Keeps node specs, has what landed as it was, and answers with the result that every job left."""

    def __init__(self) -> None:
        self.specs: dict[str, dict[str, Any]] = {}

    def write_control(self, path: str, text: str) -> None:
        self.specs[path] = json.loads(text)

    def abfss_uri(self, container: str, path: str) -> str:
        return f"abfss://{container}@contoso.dfs.core.windows.net/{path}"

    def find_landed(self, path: str) -> StoredBlob | None:
        event = a_blob_event(path)
        return StoredBlob(event.path, event.etag, event.size_bytes, event.occurred_at)

    def read_control_result(self, path: str) -> str:
        return json.dumps(
            {
                "schema_version": 1,
                "run_id": RUN_ID,
                "node": "",
                "attempt": 1,
                "status": "succeeded",
                "rows_read": 10,
                "rows_published": 8,
                "rows_quarantined": 2,
                "rules": [{"name": "known", "severity": "quarantine", "rows_checked": 10, "rows_failed": 2}],
                "files": [],
                "inputs": {},
                "load": None,
                "output": {"version": 0},
                "error": None,
                "timings_s": {"read": 0.2, "check": 0.3, "write": 0.1, "total": 0.6},
            }
        )


SETTLES_S = 0.3


@dataclass
class FakeServices:
    database: Database
    settings: Settings = SETTINGS
    jobs: FakeJobs = field(default_factory=FakeJobs)
    fake_lake: FakeLake = field(default_factory=FakeLake)

    @property
    def lake(self) -> Lake:
        return cast(Lake, self.fake_lake)

    def now(self) -> datetime:
        return datetime.now(UTC)


async def run(services: FakeServices) -> None:
    metrics, instances = Metrics(), FakeInstances()
    runs, nodes = TracedRunActivities(services, metrics), TracedNodeActivities(services, metrics)
    landed_at = services.now() - timedelta(seconds=1)
    fresh = ServiceLevel("fresh", 3600.0, dataset=DatasetName("orders"))
    product = replace(a_product(a_transformation()), service_levels=(fresh,))
    apply_products(services.database, [product], actor="ada", now=landed_at)
    events = CountedEventActivities(services, metrics)
    event = an_event("sales/orders/orders_landed/a.csv", landed_at)
    for payload in (event, event, an_event("sales/orders/stray.txt", landed_at), {"id": "no event"}):
        await events.on_event(payload, instances)
    for name, value in (("jobs.price_per_hour", "0.8"), ("runs.retry_delay", "100ms")):
        services.database.transact(partial(set_value, name=name, text=value, now=landed_at, actor="ada"))
    throttle()
    # Until the file has settled, as the coordinator would wait.
    await asyncio.sleep(SETTLES_S)
    await runs.open_run({"product": "sales/orders", "run_id": RUN_ID}, instances)
    await runs.start_run({"run_id": RUN_ID}, instances)
    first = NodeWork(RUN_ID, NodeKey("ingest.orders_landed"))
    settled_apart = NodeKey("build_orders")
    for work, end in (
        (first, failed(Failure.INFRASTRUCTURE)),
        (first.next_attempt(), SUCCEEDED),
        (NodeWork(RUN_ID, settled_apart), SUCCEEDED),
    ):
        job_run_id = await submit(nodes, work)
        services.jobs.end(job_run_id, end)
        look = {"run_id": RUN_ID, "key": work.key, "job_run_id": job_run_id, "expired": False}
        for _ in range(2):  # as after an acknowledgement that was lost
            if work.key != settled_apart:
                await nodes.check_job({**look, "attempt": work.attempt}, instances)
                continue
            outcome = await nodes.check_job(look, instances)
            await nodes.finish_node({"work": work.to_payload(), "outcome": outcome}, instances)
    closed = await runs.close_run({"run_id": RUN_ID}, instances)
    assert closed["state"] == "succeeded", closed
    await MeasuredWatching(cast(Services, services), metrics).watch()
    for spec in services.fake_lake.specs.values():
        print(spec["node"], spec["trace"]["traceparent"])


def an_event(path: str, written_at: datetime) -> dict[str, Any]:
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": f"/blobServices/default/containers/landing/blobs/{path}",
        "eventTime": written_at.isoformat(),
        "data": {
            "api": "PutBlob",
            "eTag": "0x1",
            "contentLength": 100,
            "url": f"https://contoso.blob.core.windows.net/landing/{path}",
            "sequencer": f"{1:020}",
        },
    }


async def submit(nodes: TracedNodeActivities, work: NodeWork) -> JobRunID:
    """Submit an attempt when it is its turn, as the orchestration does, and return its job run."""
    while (answer := nodes.submit_job(work.to_payload())).get("job_run_id") is None:
        await asyncio.sleep(answer["wait_s"])
    return JobRunID(answer["job_run_id"])


def throttle() -> None:
    """Let the Jobs API refuse a call, where there is one."""
    host = os.environ.get("DATABRICKS_HOST")
    if host is None:
        return
    jobs = connect(replace(SETTINGS, databricks_host=host, databricks_token="t"), patience_s=1)
    try:
        jobs.status(JobRunID(1))
    except JobsUnreachable:
        return
    raise AssertionError("the Jobs API was to be busy")


if __name__ == "__main__":
    trace_statements()
    configure(TelemetrySettings.from_environment(), service="landfall-test")
    asyncio.run(run(FakeServices(Database(create_engine(sys.argv[1])))))
