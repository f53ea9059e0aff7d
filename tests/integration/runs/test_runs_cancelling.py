"""A cancel reaches the jobs whoever was down at that moment: SQL has it on record, reconcile does the rest."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from activities.reconcile import Reconcile
from landfall.addresses import abfss_uri
from landfall.api.health import show_health
from landfall.jobs.errors import JobsUnreachable
from landfall.jobs.protocol import IdempotencyToken, JobRunID
from landfall.landing.intake import take_in
from landfall.metadata.alarms import list_alarms
from landfall.metadata.catalog import find_product_id
from landfall.metadata.engine import Database
from landfall.metadata.tables import metadata_versions
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.callbacks import request_with_callback
from landfall.runs.closing import cancel_run
from landfall.runs.ids import RequestID, RunID, node_instance, run_instance
from landfall.runs.requests import RunRequest, Trigger
from landfall.runs.settling import settle_node
from landfall.runs.submissions import OPEN_SUBMISSION, Submission, abandoned_submissions, opened
from tests.builders import a_blob_event, a_product, a_transformation
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import CANCELLED, FakeJobs
from tests.integration.runs.acting import FAILED, NOW, apply, begin, land

RUN = RunID("r1")
INGEST = NodeKey("ingest.orders_landed")


@dataclass
class _Services:
    database: Database
    jobs: FakeJobs = field(default_factory=FakeJobs)
    settings: Any = None
    lake: Any = field(default_factory=lambda: SimpleNamespace(abfss_uri=partial(abfss_uri, "acme")))

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


async def test_a_job_nobody_wrote_down_is_found_by_its_token_and_cancelled(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, RUN)
    services, instances = _Services(database), FakeInstances()
    submission = Submission(RUN, INGEST, 1, "sales/orders", 60, "t")
    database.transact(lambda c: c.execute(OPEN_SUBMISSION, opened(submission, now=NOW)))
    services.jobs.submit("spec", token=IdempotencyToken("t"), run_name="r", timeout_s=1)
    database.transact(lambda c: settle_node(c, RUN, INGEST, FAILED, now=NOW))
    services.jobs.fail_next(JobsUnreachable("http://jobs", "submit", "503"))

    await Reconcile(services).reconcile(instances)
    first = dict(services.jobs.statuses)
    await Reconcile(services).reconcile(instances)

    assert first != {1: CANCELLED}
    assert services.jobs.statuses == {1: CANCELLED}
    assert database.read(abandoned_submissions) == ()


async def test_what_is_broken_holds_up_nothing_else(database: Database) -> None:
    services, instances = _at_work(database), FakeInstances()
    others = ["broken", "returns"]
    for name in others:
        apply(database, a_product(a_transformation(), name=name))
        event = a_blob_event(f"sales/{name}/orders_landed/a.csv")
        database.transact(lambda c, event=event: take_in(c, event, now=NOW))  # type: ignore[misc]
    # The coordinator that each of them started is lost, and what was applied of one cannot be read any more.
    broken = database.read(lambda c: find_product_id(c, "sales/broken"))
    database.transact(
        lambda c: c.execute(
            sa.update(metadata_versions)
            .where(metadata_versions.c.DataProductID == broken)
            .values(Spec={"datasets": "none"}, SpecHash="changed")
        )
    )
    instances.alive[run_instance(RUN)] = {}
    instances.refuses = {node_instance(RUN, INGEST)}

    await Reconcile(services).reconcile(instances)
    raised = database.read(lambda c: list_alarms(c)).items
    instances.refuses = set()
    await Reconcile(services).reconcile(instances)

    assert "product-sales-returns" in instances.alive
    assert {alarm.subject for alarm in raised} == {"product sales/broken", f"run {RUN}, node {INGEST}"}
    assert {alarm.subject for alarm in database.read(lambda c: list_alarms(c)).items} == {
        "product sales/broken"
    }
    health = show_health(database)
    assert (health.status, health.body["alarms"]) == (200, {"not_reconciled": 1})


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
