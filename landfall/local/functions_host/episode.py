"""One episode of an orchestration: history and new messages in, new rows and decisions out. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from landfall.local.functions_host.decisions import (
    STATUS_NUMBERS,
    Decision,
    Ending,
    Status,
    fingerprint,
)
from landfall.local.functions_host.divergence import Finding, findings
from landfall.local.functions_host.history import PLAYED, Event, EventType, row
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.replay import (
    Catalogue,
    HistoryRow,
    Identity,
    NonDeterministic,
    Replay,
    unknown_function,
)
from landfall.local.functions_host.sdk import (
    ContextFields,
    Handle,
    Reply,
    context_text,
    replay_code,
)

CUSTOM_STATUS_LIMIT_BYTES = 16 * 1024


@dataclass(slots=True)
class History:
    """The rows of one execution, parsed and as text; it only ever grows."""

    rows: list[HistoryRow] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def extend(self, rows: "Sequence[NewRow]") -> None:
        """Append the rows of an episode as later episodes see them."""
        for new in rows:
            self.rows.append((new.event, new.fingerprint))
            self.texts.append(new.played_text)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that an episode appends.

    Attributes:
        event: The row.
        played_text: Its JSON as later episodes see it, with ``IsPlayed`` set where the extension sets it.
        fingerprint: Digest of the decision that it records, ``None`` for other rows.
    """

    event: Event
    played_text: str
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class EpisodeInput:
    """What an episode starts from.

    Attributes:
        identity: The execution.
        history: Its rows so far; empty before the first episode.
        messages: New events in the order of their arrival, ``ExecutionStarted`` first.
        at: Time of the episode; the orchestrator's ``current_utc_datetime``.
        parent_instance_id: Instance id of the parent orchestration, if any.
        raw_input: Stored input as JSON text.
        carried_status: Custom status that survives if this is the first episode after continue-as-new.
    """

    identity: Identity
    history: History
    messages: tuple[Event, ...]
    at: datetime
    parent_instance_id: str | None
    raw_input: str | None
    carried_status: str | None = None


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """What an episode decided.

    Attributes:
        rows: New history rows, in order.
        decisions: New work, by task id.
        ending: How the execution ended, ``None`` while it goes on.
        custom_status: New custom status as JSON text, ``None`` clears it.
        suspended: Whether the instance is suspended after this episode.
        carried_events: External events that go on to the next generation.
        found: What is worth telling the author.
    """

    rows: tuple[NewRow, ...]
    decisions: tuple[Decision, ...]
    ending: Ending | None
    custom_status: str | None
    suspended: bool
    carried_events: tuple[Event, ...]
    found: tuple[Finding, ...]


def run_episode(given: EpisodeInput, handle: Handle | None, catalogue: Catalogue) -> EpisodeResult:
    """Run the code over the history and decide what happens next.

    Args:
        given: History and messages.
        handle: The orchestrator, ``None`` if the app has none of that name (any more).
        catalogue: The names that the orchestrator may call.
    """
    new_events = (row(EventType.ORCHESTRATOR_STARTED, given.at), *given.messages)
    new_texts = [compact(event) for event in new_events]
    fields = ContextFields(given.identity.instance_id, given.parent_instance_id, given.raw_input)
    context = context_text(fields, [*given.history.texts, *new_texts])
    if handle is None:
        reply = Reply(crashed=unknown_function(given.identity.name, "orchestrator"))
    else:
        reply = replay_code(handle, context)

    replay = Replay(given.identity, reply, catalogue)
    ending: Ending | None
    decisions: tuple[Decision, ...]
    if reply.crashed is not None:
        ending, decisions = _failed(given.identity, reply.crashed), ()
    else:
        try:
            for event, recorded in given.history.rows:
                replay.process(event, recorded)
            for event in new_events:
                replay.process(event)
            ending = replay.ending
            decisions = tuple(replay.pending[task_id] for task_id in sorted(replay.pending))
        except NonDeterministic as error:
            ending, decisions = Ending(Status.FAILED, str(error)), ()
        if _too_large(reply.custom_status):
            ending, decisions = _failed(given.identity, _status_size_text(reply.custom_status)), ()
        if ending is not None and ending.status is Status.TERMINATED:
            decisions = ()

    found = tuple(findings(reply, replay, ending, len(context))) if reply.crashed is None else ()
    new_rows = [_played(event, text) for event, text in zip(new_events, new_texts, strict=True)]
    return EpisodeResult(
        rows=(*new_rows, *_closing_rows(given.at, replay.next_id, decisions, ending)),
        decisions=decisions,
        ending=ending,
        custom_status=_custom_status(given, reply),
        suspended=replay.suspended,
        carried_events=tuple(replay.carried_events),
        found=found,
    )


def _closing_rows(
    at: datetime, next_id: int, decisions: tuple[Decision, ...], ending: Ending | None
) -> list[NewRow]:
    rows = []
    for decision in decisions:
        event = decision.to_row(at)
        rows.append(NewRow(event, compact(event), fingerprint(decision)))
    closing: list[Event] = []
    if ending is not None and ending.status is Status.CONTINUED_AS_NEW:
        closing.append(row(EventType.CONTINUE_AS_NEW, at, next_id, Result=ending.result))
    elif ending is not None:
        closing.append(
            row(
                EventType.EXECUTION_COMPLETED,
                at,
                next_id,
                OrchestrationStatus=STATUS_NUMBERS[ending.status],
                Result=ending.result,
                FailureDetails=None,
            )
        )
    closing.append(row(EventType.ORCHESTRATOR_COMPLETED, at))
    rows.extend(NewRow(event, compact(event)) for event in closing)
    return rows


def _played(event: Event, text: str) -> NewRow:
    if event["EventType"] not in PLAYED:
        return NewRow(event, text)
    played = {**event, "IsPlayed": True}
    return NewRow(played, compact(played))


def _custom_status(given: EpisodeInput, reply: Reply) -> str | None:
    # A reply without a custom status clears the stored one, except right after continue-as-new.
    if reply.custom_status is None or _too_large(reply.custom_status):
        return given.carried_status
    return reply.custom_status


def _too_large(custom_status: str | None) -> bool:
    return custom_status is not None and len(custom_status.encode("utf-16-le")) > CUSTOM_STATUS_LIMIT_BYTES


def _status_size_text(custom_status: str | None) -> str:
    size_kb = len((custom_status or "").encode("utf-16-le")) // 1024
    return (
        f"The UTF-16 size of the JSON-serialized custom status must not exceed "
        f"{CUSTOM_STATUS_LIMIT_BYTES // 1024} KB. The current one has {size_kb} KB."
    )


def _failed(identity: Identity, message: str) -> Ending:
    return Ending(Status.FAILED, f"Orchestrator function '{identity.name}' failed: {message}")
