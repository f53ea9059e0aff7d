"""A cancel reaches the jobs whoever was down at that moment: SQL has it on record, reconcile does the rest."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from activities.reconcile import Reconcile
from landfall.jobs.errors import JobsUnreachable
from landfall.jobs.protocol import IdempotencyToken, JobRunID
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.callbacks import request_with_callback
from landfall.runs.closing import cancel_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.requests import RunRequest, Trigger
from tests.builders import a_product, a_transformation
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import CANCELLED, FakeJobs
from tests.integration.runs.acting import NOW, apply, begin, land

RUN = RunID("r1")
INGEST = NodeKey("ingest.orders_landed")


@dataclass
class _Services:
    database: Database
    jobs: FakeJobs = field(default_factory=FakeJobs)
    settings: Any = None
    lake: Any = None

    def now(self) -> datetime:
        return NOW + timedelta(minutes=5)


async def test_jobs_of_a_cancelled_run_end_whoever_was_down(database: Database) -> None:
    services, instances = _at_work(database), FakeInstances()
    # The host died after the cancel was written and before any job was told.
    database.transact(lambda c: cancel_run(c, RUN, actor="ada", now=NOW))

    await Reconcile(services).reconcile(instances)

    assert services.jobs.status(JobRunID(1)) == CANCELLED
    assert ("run-r1-node-ingest.orders_landed", "job_finished_1") in instances.woken


async def test_a_job_that_could_not_be_cancelled_is_cancelled_the_next_time(database: Database) -> None:
    services, instances = _at_work(database), FakeInstances()
    database.transact(lambda c: cancel_run(c, RUN, actor="ada", now=NOW))
    services.jobs.fail_next(JobsUnreachable("http://jobs", "cancel", "503"))

    await Reconcile(services).reconcile(instances)
    first = services.jobs.statuses[JobRunID(1)]
    await Reconcile(services).reconcile(instances)

    assert first != CANCELLED
    assert services.jobs.statuses[JobRunID(1)] == CANCELLED


async def test_a_callback_whose_orchestration_was_lost_is_started_again(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    request = RunRequest("sales/orders", Trigger.HTTP, "ada")
    database.transact(
        lambda c: request_with_callback(
            c, request, "https://example.com/x", request_id=RequestID("q1"), now=NOW
        )
    )
    begin(database, "none")
    instances = FakeInstances()

    await Reconcile(_Services(database)).reconcile(instances)

    assert instances.alive["callback-1"] == {"callback_id": 1}


def _at_work(database: Database) -> _Services:
    """Return services of a run whose first node has a running job."""
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, RUN)
    services = _Services(database)
    job_run_id = services.jobs.submit("spec", token=IdempotencyToken("t"), run_name="r", timeout_s=1)
    database.transact(
        lambda c: record_submission(
            c, RUN, INGEST, 1, job_run_id=job_run_id, job_run_url=None, token="t", now=NOW
        )
    )
    return services
