"""Takes the waiting messages of an instance into an episode and commits what the episode decided."""

import json
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from landfall.local.functions_host import instances, log
from landfall.local.functions_host.clock import Clock, from_text, to_text
from landfall.local.functions_host.decisions import (
    CreateChild,
    CreateTimer,
    Decision,
    Ending,
    ScheduleActivity,
    SendEvent,
    Status,
)
from landfall.local.functions_host.episode import EpisodeInput, EpisodeResult, History
from landfall.local.functions_host.history import (
    Event,
    EventType,
    child_completed,
    child_failed,
    execution_started,
    parent_instance,
    timer_fired,
)
from landfall.local.functions_host.instances import Instance, StartRequest
from landfall.local.functions_host.replay import Identity
from landfall.local.functions_host.store import Store, Transaction

CACHED_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """An episode that has been taken and not committed.

    Attributes:
        instance: The instance as it was when the messages were taken.
        given: What the episode starts from.
        message_seqs: The messages that it consumes.
    """

    instance: Instance
    given: EpisodeInput
    message_seqs: tuple[int, ...]


class Episodes:
    """The orchestration side of a task hub. One episode per instance may be open at a time."""

    def __init__(
        self, store: Store, clock: Clock, *, default_version: str = "", max_actions: int = 100_000
    ) -> None:
        self._store = store
        self._clock = clock
        self._default_version = default_version
        self._max_actions = max_actions
        self._cache = _HistoryCache()

    def waiting(self) -> list[str]:
        """Return the instances that have messages they can see now, longest waiting first."""
        rows = self._store.read(
            "select instance_id from messages where visible_at <= ? group by instance_id order by min(visible_at)",
            (to_text(self._clock.now()),),
        )
        return [row["instance_id"] for row in rows]

    def next_visible_at(self) -> datetime | None:
        """Return when the next message that nobody can see yet becomes visible."""
        row = self._store.read(
            "select min(visible_at) as at from messages where visible_at > ?", (to_text(self._clock.now()),)
        ).fetchone()
        return None if row["at"] is None else from_text(row["at"])

    def take(self, instance_id: str) -> Ticket | None:
        """Take all messages that an instance can see now; return ``None`` if none of them is for it any more."""
        now = self._clock.now()
        rows = self._store.read(
            "select seq, execution_id, event from messages where instance_id = ? and visible_at <= ? "
            "order by visible_at, seq",
            (instance_id, to_text(now)),
        ).fetchall()
        if not rows:
            return None
        instance = instances.find(self._store, instance_id)
        admitted: list[tuple[int, Event]] = []
        dropped: list[int] = []
        for row in rows:
            event = json.loads(row["event"])
            if _is_for(instance, event, row["execution_id"]):
                admitted.append((row["seq"], event))
            else:
                dropped.append(row["seq"])
        if dropped:
            with self._store.transaction() as transaction:
                _delete_messages(transaction, dropped)
        if instance is None or not admitted:
            return None
        admitted.sort(key=lambda message: message[1]["EventType"] != EventType.EXECUTION_STARTED)
        given = EpisodeInput(
            identity=Identity(instance.name, instance.instance_id, instance.execution_id, self._max_actions),
            history=self._history(instance),
            messages=tuple(event for _, event in admitted),
            # A clock that steps back must not take the orchestrator's time with it.
            at=max(now, instance.updated_at),
            parent_instance_id=(
                instance.parent["OrchestrationInstance"]["InstanceId"] if instance.parent else None
            ),
            raw_input=instance.input,
            carried_status=(
                instance.custom_status if instance.generation and not instance.history_length else None
            ),
        )
        return Ticket(instance, given, tuple(seq for seq, _ in admitted))

    def commit(self, ticket: Ticket, result: EpisodeResult) -> bool:
        """Write an episode in one transaction; return whether its instance still was what it had been taken for."""
        instance, at = ticket.instance, ticket.given.at
        with self._store.transaction() as transaction:
            _delete_messages(transaction, ticket.message_seqs)
            row = transaction.execute(
                "select execution_id from instances where id = ?", (instance.instance_id,)
            ).fetchone()
            if row is None or row["execution_id"] != instance.execution_id:
                return False
            for decision in result.decisions:
                self._carry_out(transaction, instance, decision, at)
            ending = result.ending
            if ending is not None and ending.status is Status.CONTINUED_AS_NEW:
                _start_next_generation(transaction, instance, ending, result, at)
            else:
                _append(transaction, instance, result, at)
                if ending is not None:
                    _close(transaction, instance, ending, at)
        if result.ending is None:
            ticket.given.history.extend(result.rows)
            self._cache.keep(instance, ticket.given.history)
        else:
            self._cache.forget(instance.instance_id)
        return True

    def _history(self, instance: Instance) -> History:
        cached = self._cache.find(instance)
        if cached is not None:
            return cached
        history = History()
        rows = self._store.read(
            "select event, fingerprint from history where instance_id = ? order by seq",
            (instance.instance_id,),
        )
        for row in rows:
            history.rows.append((json.loads(row["event"]), row["fingerprint"]))
            history.texts.append(row["event"])
        return history

    def _carry_out(
        self, transaction: Transaction, instance: Instance, decision: Decision, at: datetime
    ) -> None:
        match decision:
            case ScheduleActivity():
                transaction.queue_activity(
                    instance.instance_id, instance.execution_id, decision.id, decision.name, decision.input
                )
            case CreateTimer():
                fire_at = from_text(decision.fire_at)
                fired = timer_fired(max(fire_at, at), decision.id, decision.fire_at)
                transaction.post(instance.instance_id, fired, fire_at, instance.execution_id)
            case CreateChild():
                self._start_child(transaction, instance, decision, at)
            case SendEvent():
                due = json.loads(decision.input).get("due")
                transaction.post_to_entity(
                    decision.instance_id, decision.input, from_text(due) if due is not None else at
                )

    def _start_child(
        self, transaction: Transaction, parent: Instance, decision: CreateChild, at: datetime
    ) -> None:
        existing = transaction.execute(
            "select status, parent from instances where id = ?", (decision.instance_id,)
        ).fetchone()
        me = parent_instance(parent.name, parent.instance_id, parent.execution_id, decision.id)
        if existing is not None and not Status(existing["status"]).is_terminal:
            # The start of a running instance is dropped, as in Azure; only its own parent hears of its end.
            log.event(
                "child_already_running",
                level=logging.WARNING,
                instance=decision.instance_id,
                parent=parent.instance_id,
                meaning="this parent waits for a child that reports to somebody else",
            )
            return
        version = self._default_version if decision.version is None else decision.version
        request = StartRequest(decision.name, decision.instance_id, decision.input, version, me)
        instances.create(transaction, request, at)


def _is_for(instance: Instance | None, event: Event, execution_id: str | None) -> bool:
    if instance is None or instance.status.is_terminal:
        return False
    if execution_id is not None and execution_id != instance.execution_id:
        return False
    is_start = event["EventType"] == EventType.EXECUTION_STARTED
    return not (is_start and instance.history_length)


def _append(transaction: Transaction, instance: Instance, result: EpisodeResult, at: datetime) -> None:
    first = instance.history_length
    transaction.connection.executemany(
        "insert into history (instance_id, seq, event, fingerprint) values (?, ?, ?, ?)",
        [
            (instance.instance_id, first + offset, new.played_text, new.fingerprint)
            for offset, new in enumerate(result.rows)
        ],
    )
    ending = result.ending
    going_on = Status.SUSPENDED if result.suspended else Status.RUNNING
    transaction.execute(
        "update instances set status = ?, output = ?, custom_status = ?, updated_at = ?, history_length = ? "
        "where id = ?",
        (
            going_on if ending is None else ending.status,
            None if ending is None else ending.result,
            result.custom_status,
            to_text(at),
            first + len(result.rows),
            instance.instance_id,
        ),
    )


def _close(transaction: Transaction, instance: Instance, ending: Ending, at: datetime) -> None:
    # Timers and results that are still to come would be dropped one by one.
    transaction.execute("delete from messages where instance_id = ?", (instance.instance_id,))
    if instance.parent is None:
        return
    task_id = instance.parent["TaskScheduleId"]
    if ending.status is Status.COMPLETED:
        report = child_completed(at, task_id, ending.result)
    else:
        report = child_failed(at, task_id, ending.result, None)
    addressee = instance.parent["OrchestrationInstance"]
    transaction.post(addressee["InstanceId"], report, at, addressee["ExecutionId"])


def _start_next_generation(
    transaction: Transaction, instance: Instance, ending: Ending, result: EpisodeResult, at: datetime
) -> None:
    execution_id = instances.new_id()
    transaction.execute("delete from history where instance_id = ?", (instance.instance_id,))
    transaction.execute(
        "delete from messages where instance_id = ? and execution_id = ?",
        (instance.instance_id, instance.execution_id),
    )
    transaction.execute(
        "update instances set execution_id = ?, status = ?, input = ?, custom_status = ?, updated_at = ?, "
        "generation = generation + 1, history_length = 0 where id = ?",
        (
            execution_id,
            Status.RUNNING,
            ending.result,
            result.custom_status,
            to_text(at),
            instance.instance_id,
        ),
    )
    started = execution_started(
        at,
        name=instance.name,
        instance_id=instance.instance_id,
        execution_id=execution_id,
        raw_input=ending.result,
        version=instance.version,
        parent=instance.parent,
        generation=instance.generation + 1,
    )
    transaction.post(instance.instance_id, started, at, execution_id)
    for event in result.carried_events:
        transaction.post(instance.instance_id, {**event, "IsPlayed": False}, at)


def _delete_messages(transaction: Transaction, seqs: "tuple[int, ...] | list[int]") -> None:
    transaction.connection.executemany("delete from messages where seq = ?", [(seq,) for seq in seqs])


class _HistoryCache:
    """Parsed histories of running instances; valid only for the execution and length that the store tells."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[str, History, int]] = OrderedDict()
        self._rows = 0

    def find(self, instance: Instance) -> History | None:
        entry = self._entries.get(instance.instance_id)
        if entry is None:
            return None
        execution_id, history, _ = entry
        if execution_id != instance.execution_id or len(history.rows) != instance.history_length:
            self.forget(instance.instance_id)
            return None
        return history

    def keep(self, instance: Instance, history: History) -> None:
        self.forget(instance.instance_id)
        self._entries[instance.instance_id] = (instance.execution_id, history, len(history.rows))
        self._rows += len(history.rows)
        while self._rows > CACHED_ROWS and len(self._entries) > 1:
            self.forget(next(iter(self._entries)))

    def forget(self, instance_id: str) -> None:
        entry = self._entries.pop(instance_id, None)
        if entry is not None:
            self._rows -= entry[2]
