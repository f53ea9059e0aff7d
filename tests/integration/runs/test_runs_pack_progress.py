"""Looks at the job of a pack while it goes on: each reads what is new, and counts once what it claimed was started."""

import asyncio
import json
from typing import Any, cast

import pytest

from activities.nodes import NodeActivities
from landfall.addresses import pack_parts_path
from landfall.jobs.protocol import JobRunStatus, JobState
from landfall.lake import Lake
from landfall.metadata.engine import Database
from landfall.runs.ids import RunID, node_instance
from landfall.settings import Settings
from tests.chaos.cloud import ACCOUNT, SimulatedLake
from tests.chaos.hub import WorldServices
from tests.chaos.moments import Moments
from tests.integration.runs.acting import FIRST, NOW, SECOND, begin_packed, node_states

BUILT = ("ingest.orders_landed", "build_a", "build_b", "build_c")


class GoingOn:
    """A Jobs API whose job runs do not end."""

    def status(self, job_run_id: int) -> JobRunStatus:
        return JobRunStatus(JobState.RUNNING)


class RestartingHub:
    """Orchestration instances that cannot be started for a while."""

    def __init__(self) -> None:
        self.is_up = False
        self.started: list[str] = []

    async def start(self, orchestrator: str, instance_id: str, work: dict[str, Any]) -> bool:
        if not self.is_up:
            raise ConnectionError("the task hub does not answer")
        self.started.append(instance_id)
        return True

    async def wake(self, instance_id: str, event: str) -> None: ...

    async def is_alive(self, instance_id: str) -> bool:
        return instance_id in self.started


class Looks:
    """Looks at ``pack.1`` of a run: the ingest, a, b, c in a row, d behind c; ``pack.2``, e, is behind c as well."""

    def __init__(self, database: Database, run_id: RunID) -> None:
        self.lake, self.hub = SimulatedLake(Moments()), RestartingHub()
        self._run_id, self._parts = run_id, 0
        environment = {
            "LANDFALL_DATABASE_URL": str(database.engine.url),
            "LANDFALL_STORAGE_ACCOUNT": ACCOUNT,
            "DATABRICKS_HOST": "http://127.0.0.1:9",
        }
        settings = Settings.from_environment(environment)
        jobs: Any = GoingOn()
        services: Any = WorldServices(settings, database, cast(Lake, self.lake), jobs, lambda: NOW)
        self._nodes = NodeActivities(services)

    def keep(self, *keys: str, status: str = "succeeded") -> None:
        """Let the job keep the results of some nodes."""
        self._parts += 1
        folder = pack_parts_path("sales", "orders", self._run_id, FIRST)
        text = json.dumps({"schema_version": 1, "nodes": [self._item(key, status) for key in keys]})
        self.lake.control[f"{folder}/{self._parts}/part-00000.txt"] = text

    def look(self) -> None:
        message = {"run_id": self._run_id, "key": FIRST, "job_run_id": 7, "expired": False}
        asyncio.run(self._nodes.check_job(message, self.hub))

    def _item(self, key: str, status: str) -> dict[str, Any]:
        error = {"code": "LF4571", "kind": "data", "message": "no such column"}
        result = {
            "schema_version": 1,
            "run_id": self._run_id,
            "node": key,
            "attempt": 1,
            "status": status,
            "rows_read": 0,
            "rows_published": 0,
            "rows_quarantined": 0,
            "rules": [],
            "files": [],
            "output": None,
            "inputs": [],
            "load": None,
            "error": None if status == "succeeded" else error,
        }
        at = NOW.isoformat()
        return {"node": key, "began_at": at, "ended_at": at, "result": result}


@pytest.fixture
def run_id(database: Database) -> RunID:
    return begin_packed(database)


def test_what_a_look_could_not_start_is_started_by_the_next_one(database: Database, run_id: RunID) -> None:
    looks = Looks(database, run_id)
    looks.keep(*BUILT)
    with pytest.raises(ConnectionError):
        looks.look()

    looks.hub.is_up = True
    looks.look()

    assert looks.hub.started == [node_instance(run_id, SECOND)]


def test_each_part_is_read_once(database: Database, run_id: RunID) -> None:
    looks = Looks(database, run_id)
    looks.hub.is_up = True
    for key in BUILT:
        looks.keep(key)
        looks.look()

    looks.look()

    assert looks.lake.parts_read == len(BUILT)
    states = node_states(database, run_id)
    assert [states[key] for key in BUILT] == ["succeeded"] * len(BUILT)
    assert states["build_d"] == "running"


def test_a_node_that_failed_before_is_not_said_to_be_at_work(database: Database, run_id: RunID) -> None:
    looks = Looks(database, run_id)
    looks.hub.is_up = True
    looks.keep("ingest.orders_landed")
    looks.keep("build_a", status="failed")
    looks.look()

    looks.keep("build_e")
    looks.look()

    assert node_states(database, run_id)["build_a"] == "submitted"
