"""Activities that wait or run, and how their outcomes reach the orchestration."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from landfall.local.functions_host.clock import Clock
from landfall.local.functions_host.history import task_completed, task_failed
from landfall.local.functions_host.store import Store


@dataclass(frozen=True, slots=True)
class ActivityWork:
    """One execution of an activity.

    Attributes:
        seq: Place in the queue.
        instance_id: The orchestration that waits for it.
        execution_id: Its generation.
        task_id: The task that the outcome completes.
        name: The activity.
        stored_input: JSON text of an array of one.
        attempt: How often it has been leased, this time included.
    """

    seq: int
    instance_id: str
    execution_id: str
    task_id: int
    name: str
    stored_input: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ActivityOutcome:
    """How an activity ended: with ``result`` (JSON text), or with ``failure`` and ``details``."""

    result: str | None = None
    failure: str | None = None
    details: str | None = None


class ActivityQueue:
    """The activity side of a task hub. Every activity runs at least once and reports exactly once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def release_all(self) -> int:
        """Give up the leases of a host that is gone; return how many activities will run again."""
        with self._store.transaction() as transaction:
            return transaction.execute("update activities set leased = 0 where leased = 1").rowcount

    def count_waiting(self) -> int:
        """Return how many activities nobody has leased."""
        count: int = self._store.read("select count(*) from activities where leased = 0").fetchone()[0]
        return count

    def lease(self, limit: int) -> Sequence[ActivityWork]:
        """Lease up to ``limit`` waiting activities, oldest first, in one transaction."""
        rows = self._store.read(
            "select * from activities where leased = 0 order by seq limit ?", (limit,)
        ).fetchall()
        if not rows:
            return ()
        with self._store.transaction() as transaction:
            transaction.connection.executemany(
                "update activities set leased = 1, attempts = attempts + 1 where seq = ?",
                [(row["seq"],) for row in rows],
            )
        return tuple(
            ActivityWork(
                seq=row["seq"],
                instance_id=row["instance_id"],
                execution_id=row["execution_id"],
                task_id=row["task_id"],
                name=row["name"],
                stored_input=row["input"],
                attempt=row["attempts"] + 1,
            )
            for row in rows
        )

    def abandon(self, work: ActivityWork) -> None:
        """Return a lease, so that the activity runs again."""
        with self._store.transaction() as transaction:
            transaction.execute("update activities set leased = 0 where seq = ?", (work.seq,))
            transaction.new_activities += 1

    def complete(self, work: ActivityWork, outcome: ActivityOutcome) -> bool:
        """Report an outcome and forget the activity in one transaction; return ``False`` if that was done before."""
        now = self._clock.now()
        if outcome.failure is None:
            event = task_completed(now, work.task_id, outcome.result)
        else:
            event = task_failed(now, work.task_id, outcome.failure, outcome.details)
        with self._store.transaction() as transaction:
            deleted = transaction.execute("delete from activities where seq = ?", (work.seq,)).rowcount
            if not deleted:
                return False
            transaction.post(work.instance_id, event, now, work.execution_id)
        return True


def failure_of(function: str, error: BaseException) -> ActivityOutcome:
    """Return the outcome that the extension reports for an activity that raised ``error``."""
    text = f"{type(error).__name__}: {error}"
    details = {
        "$type": "System.Exception, System.Private.CoreLib",
        "ClassName": "System.Exception",
        "Message": f"Activity function '{function}' failed:  {text}",
        "Data": None,
        "InnerException": {
            "$type": "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script",
            "ClassName": "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException",
            "Message": f"Result: Failure\nException: {text}",
        },
    }
    return ActivityOutcome(
        failure=f"Activity function '{function}' failed:  {text}", details=json.dumps(details)
    )
