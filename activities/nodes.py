"""Activities of a node: submit its job, look at it, settle it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from activities.correlating import correlated
from activities.instances import Instances
from activities.job_ends import explained, unreadable
from activities.landed import newer_versions_of
from activities.packs import Packs, Progress
from activities.runs import start_nodes
from activities.services import Services
from activities.submitting import Submitting
from landfall import addresses
from landfall.errors import LandfallError
from landfall.jobs.errors import JobNotAccepted
from landfall.jobs.protocol import Failure, JobRunID, JobRunStatus, JobState
from landfall.jobs.tokens import idempotency_token
from landfall.landing.ledger import claim_newer_versions
from landfall.log_context import remember_product
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import (
    Attempt,
    product_of_run,
    read_attempt,
    record_running,
    record_submission,
)
from landfall.runs.backoff import retry_delay
from landfall.runs.claiming import ClaimedNode
from landfall.runs.gate import hold_node
from landfall.runs.ids import RUN_FINISHED_EVENT, RunID, is_pack, run_instance
from landfall.runs.node_result import UnreadableResult, parse_node_result
from landfall.runs.node_spec import build_node_spec
from landfall.runs.pack_attempts import PackAttempt
from landfall.runs.settling import Settled, TryAgain, end_node
from landfall.runs.verdict import Verdict, weigh
from landfall.runs.work import JobEnd, JobOutcome, NodeWork

log = logging.getLogger(__name__)

# Between two tries at a Jobs API or a storage that does not answer.
_LONGEST_WAIT_S = 60.0
# Runs whose product a worker remembers.
_MOST_PRODUCTS = 10_000


class NodeActivities:
    """Each is safe to run twice: the idempotency token gives the same job run, SQL settles a node once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._submitting = Submitting(services)
        self._packs = Packs(services, self._submitting)
        self._products: dict[RunID, str] = {}

    @correlated
    def submit_job(self, message: dict[str, Any]) -> dict[str, Any]:
        """Submit one attempt of one node; answer with its job run, or with why there is none."""
        work = NodeWork.from_payload(message)
        return (self._submit_pack(work) if is_pack(work.key) else self._submit_node(work)).to_payload()

    def _submit_node(self, work: NodeWork) -> JobOutcome:
        attempt = self._services.database.read(
            lambda connection: read_attempt(connection, work.run_id, work.key)
        )
        self._remember(work.run_id, attempt.product)
        if attempt.final or attempt.number != work.attempt:
            # A delivery that comes late: the node is past this attempt.
            return JobOutcome(settled=True)
        return self._in_turn(work, attempt, lambda: self._submit(work, attempt))

    def _submit_pack(self, work: NodeWork) -> JobOutcome:
        pack = self._packs.read(work)
        if pack.final:
            return JobOutcome(settled=True)
        self._remember(work.run_id, pack.product)
        traces = {
            key: self._trace_context(NodeWork(work.run_id, key, attempt.number))
            for key, attempt in pack.attempts.items()
        }
        return self._in_turn(work, pack, lambda: self._packs.submit(work, pack, traces))

    def _in_turn(
        self, work: NodeWork, attempt: Attempt | PackAttempt, submit: Callable[[], JobOutcome]
    ) -> JobOutcome:
        """Submit an attempt if it has its turn, or say when it has."""
        if attempt.cancelled:
            return JobOutcome(end=JobEnd.CANCELLED, reason="the run was cancelled")
        now = self._services.now()
        turn = attempt.submit_at
        if attempt.held_until is not None and max(turn or now, now) < attempt.held_until:
            turn = self._hold(work, attempt.hold_reason or "the Jobs API asked to wait", 0)
        if turn is not None and turn > now:
            return JobOutcome(wait_s=(turn - now).total_seconds())
        try:
            return submit()
        except LandfallError as error:
            return self._not_taken(work, attempt, error)

    def _not_taken(self, work: NodeWork, attempt: Attempt | PackAttempt, error: LandfallError) -> JobOutcome:
        """Return what follows when no job run came to be: another turn as long as waiting may help."""
        now = self._services.now()
        if isinstance(error, JobNotAccepted):
            # The workspace is there and busy: that passes, however long it takes.
            turn = self._hold(work, str(error), error.retry_after_s)
            return JobOutcome(wait_s=max(0.0, (turn - now).total_seconds()))
        if error.retryable and work.has_waited(now).total_seconds() < attempt.patience_s:
            pause = retry_delay(f"{work.run_id}/{work.key}", work.waits + 1, cap_s=_LONGEST_WAIT_S)
            self._hold(work, str(error), 0)
            return JobOutcome(wait_s=pause.total_seconds())
        return JobOutcome(
            end=JobEnd.FAILED, retryable=error.retryable, error_code=error.code, reason=str(error)
        )

    def _hold(self, work: NodeWork, reason: str, hold_all_s: float) -> datetime:
        now = self._services.now()
        return self._services.database.transact(
            lambda connection: hold_node(
                connection, work.run_id, work.key, reason=reason, hold_all_s=hold_all_s, now=now
            )
        )

    @correlated
    async def check_job(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        """Ask the Jobs API how a job run stands; ``end`` stays empty while it goes on.

        Where the message names the attempt, one that has ended is settled at once, and ``finished`` is what
        ``finish_node`` answers. What a pack has built by then is settled, and starts what waited for nothing else.
        """
        outcome, progress, settled = await asyncio.to_thread(self._look_and_settle, message)
        if progress is not None:
            await _start(instances, progress.run_id, progress.settled)
            self._packs.remember(progress)
        answer = outcome.to_payload()
        if settled is not None:
            answer["finished"] = await self._go_on(RunID(message["run_id"]), settled, instances)
        return answer

    def _look_and_settle(
        self, message: Mapping[str, Any]
    ) -> tuple[JobOutcome, Progress | None, Settled | TryAgain | None]:
        outcome, progress = self._look(message)
        if outcome.end is None or "attempt" not in message:
            return outcome, progress, None
        work = NodeWork(RunID(message["run_id"]), NodeKey(message["key"]), message["attempt"])
        return outcome, progress, self._settle(work, outcome)

    def _look(self, message: Mapping[str, Any]) -> tuple[JobOutcome, Progress | None]:
        job_run_id = JobRunID(message["job_run_id"])
        try:
            status = self._services.jobs.status(job_run_id)
        except LandfallError as error:
            if error.retryable:
                # The next look may get an answer; the job goes on meanwhile.
                return JobOutcome(job_run_id=job_run_id), None
            failed = JobOutcome(
                end=JobEnd.FAILED, error_code=error.code, reason=str(error), job_run_id=job_run_id
            )
            return failed, None
        progress = None
        if status.state is JobState.RUNNING:
            progress = self._note_progress(RunID(message["run_id"]), NodeKey(message["key"]))
        outcome = _outcome(status, job_run_id)
        if outcome.end is None and message["expired"]:
            return self._stop(job_run_id), progress
        return outcome, progress

    def _note_progress(self, run_id: RunID, key: NodeKey) -> Progress | None:
        if is_pack(key):
            return self._packs.note_progress(run_id, key, self._product(run_id))
        now = self._services.now()
        self._services.database.transact(lambda connection: record_running(connection, run_id, key, now=now))
        return None

    @correlated
    async def finish_node(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        """Settle a node and start those it makes ready, or ask for another attempt."""
        work = NodeWork.from_payload(message["work"])
        outcome = JobOutcome.from_payload(message["outcome"])
        settled = await asyncio.to_thread(self._settle, work, outcome)
        return await self._go_on(work.run_id, settled, instances)

    async def _go_on(
        self, run_id: RunID, settled: Settled | TryAgain, instances: Instances
    ) -> dict[str, Any]:
        """Start what a settled node has made ready, and answer whether it has another attempt."""
        if isinstance(settled, TryAgain):
            return {"retry": True, "delay_s": settled.delay_s}
        await _start(instances, run_id, settled)
        if settled.run_ended:
            await instances.wake(run_instance(run_id), RUN_FINISHED_EVENT)
        return {"retry": False}

    def _stop(self, job_run_id: JobRunID) -> JobOutcome:
        """Stop a job that takes too long; a saved job has no time-out of its own for each run."""
        try:
            self._services.jobs.cancel(job_run_id)
        except LandfallError as error:
            log.warning("job run %d takes too long and was not cancelled: %s", job_run_id, error)
            return JobOutcome(job_run_id=job_run_id)
        return JobOutcome(
            end=JobEnd.FAILED,
            error_code="LF3307",
            reason="it took longer than the product's node_timeout and was cancelled",
            job_run_id=job_run_id,
        )

    def _trace_context(self, work: NodeWork) -> dict[str, str]:
        """Return the trace context that a job gets; nothing where nobody traces."""
        return {}

    def _submit(self, work: NodeWork, attempt: Attempt) -> JobOutcome:
        if work.attempt > 1:
            self._submitting.end_earlier(work.run_id, work.key)
        attempt = self._with_files_of_now(work, attempt)
        spec = build_node_spec(
            work,
            attempt,
            account=self._services.settings.storage_account,
            trace=self._trace_context(work),
        )
        return self._submitting.submit(
            work,
            attempt,
            spec,
            lambda taken, token, now: self._services.database.transact(
                lambda connection: record_submission(
                    connection,
                    work.run_id,
                    work.key,
                    work.attempt,
                    job_run_id=taken,
                    job_run_url=None,
                    token=token,
                    now=now,
                )
            ),
        )

    def _with_files_of_now(self, work: NodeWork, attempt: Attempt) -> Attempt:
        """Return the attempt with the versions of its files that its job will find."""
        newer = newer_versions_of(self._services.lake, attempt.files) if attempt.files else ()
        if not newer:
            return attempt
        now = self._services.now()
        self._services.database.transact(
            lambda connection: claim_newer_versions(connection, work.run_id, newer, now=now)
        )
        return self._services.database.read(
            lambda connection: read_attempt(connection, work.run_id, work.key)
        )

    def _settle(self, work: NodeWork, outcome: JobOutcome) -> Settled | TryAgain:
        """Write the end of an attempt."""
        if is_pack(work.key):
            return self._packs.settle(work, outcome, self._product(work.run_id))
        now = self._services.now()
        token = idempotency_token(work.run_id, work.key, work.attempt)
        verdict = weigh(outcome, None) if outcome.job_run_id is None else self._verdict(work, outcome)
        return self._services.database.transact(
            lambda connection: end_node(
                connection, work.run_id, work.key, work.attempt, verdict, token=token, now=now
            )
        )

    def _verdict(self, work: NodeWork, outcome: JobOutcome) -> Verdict:
        domain, name = self._product(work.run_id).split("/")
        text = self._services.lake.read_control_result(
            addresses.result_path(domain, name, work.run_id, work.key, work.attempt)
        )
        if text is None:
            return weigh(explained(self._services, outcome), None)
        try:
            return weigh(outcome, parse_node_result(text))
        except UnreadableResult as error:
            return unreadable(error)

    def _product(self, run_id: RunID) -> str:
        """Return ``domain/name`` of a run's product, which never changes: once known, it is not asked for again."""
        product = self._products.get(run_id)
        if product is None:
            product = self._services.database.read(lambda connection: product_of_run(connection, run_id))
            self._remember(run_id, product)
        return product

    def _remember(self, run_id: RunID, product: str) -> None:
        if len(self._products) >= _MOST_PRODUCTS:
            self._products.clear()
        self._products[run_id] = product
        remember_product(run_id, product)


async def _start(instances: Instances, run_id: RunID, settled: Settled) -> None:
    own = (ClaimedNode(run_id, key, 1) for key in settled.start)
    await start_nodes(instances, (*own, *settled.start_elsewhere))


def _outcome(status: JobRunStatus, job_run_id: JobRunID) -> JobOutcome:
    """Translate what the Jobs API says; an unknown state counts as still going on."""
    match status.state:
        case JobState.SUCCEEDED:
            return JobOutcome(end=JobEnd.SUCCEEDED, job_run_id=job_run_id)
        case JobState.CANCELLED:
            return JobOutcome(
                end=JobEnd.CANCELLED,
                reason=status.message or "the job run was cancelled",
                job_run_id=job_run_id,
            )
        case JobState.FAILED | JobState.TIMED_OUT:
            return JobOutcome(
                end=JobEnd.FAILED,
                retryable=status.failure in {Failure.INFRASTRUCTURE, Failure.CAPACITY},
                capacity=status.failure is Failure.CAPACITY,
                error_code=status.code,
                reason=status.message,
                job_run_id=job_run_id,
            )
        case _:
            return JobOutcome(job_run_id=job_run_id)
