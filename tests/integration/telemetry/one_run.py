"""One landed file through the activities to the end of its run, in a process of its own.

Providers of telemetry are set once per process, so the tests start this program with the exporters they are about.
The database is real, the Jobs API and the lake are fakes. Usage: ``python one_run.py DATABASE_URL``.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from activities.traced import TracedNodeActivities, TracedRunActivities
from landfall import telemetry
from landfall.lake import Lake, StoredBlob
from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.statement_spans import trace_statements
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.work import NodeWork
from landfall.settings import Settings, TelemetrySettings
from tests.builders import a_blob_event, a_product, a_transformation
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import SUCCEEDED, FakeJobs

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
    metrics, instances = telemetry.Metrics(), FakeInstances()
    runs, nodes = TracedRunActivities(services, metrics), TracedNodeActivities(services, metrics)
    landed_at = services.now() - timedelta(seconds=1)
    apply_products(services.database, [a_product(a_transformation())], actor="ada", now=landed_at)
    services.database.transact(lambda c: take_in(c, a_blob_event(), now=landed_at))
    await runs.open_run({"product": "sales/orders", "run_id": RUN_ID}, instances)
    await runs.start_run({"run_id": RUN_ID}, instances)
    for key in ("ingest.orders_landed", "build_orders"):
        work = NodeWork(RUN_ID, NodeKey(key)).to_payload()
        job_run_id = nodes.submit_job(work)["job_run_id"]
        services.jobs.end(job_run_id, SUCCEEDED)
        look = {"run_id": RUN_ID, "key": key, "job_run_id": job_run_id, "expired": False}
        outcome = nodes.check_job(look)
        for _ in range(2):  # as after an acknowledgement that was lost
            await nodes.finish_node({"work": work, "outcome": outcome}, instances)
    closed = await runs.close_run({"run_id": RUN_ID}, instances)
    assert closed["state"] == "succeeded", closed
    for spec in services.fake_lake.specs.values():
        print(spec["node"], spec["trace"]["traceparent"])


if __name__ == "__main__":
    trace_statements()
    telemetry.configure(TelemetrySettings.from_environment(), service="landfall-test")
    asyncio.run(run(FakeServices(Database(create_engine(sys.argv[1])))))
