"""Dead letters: messages that are no event of a finished file or could not be handled, kept with the reason."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.ledger import batches
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.tables import dead_letters

MOST_LETTERS = 200
"""Letters of one replay."""


class LetterSource(StrEnum):
    """What brought the message."""

    EVENT_GRID = "event_grid"
    QUEUE = "queue"
    POISON = "poison"


class LetterState(StrEnum):
    DEAD = "dead"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class UnknownDeadLetter(LandfallError):
    """No dead letter has that id."""

    code = "LF3121"

    def __init__(self, letter_id: int) -> None:
        super().__init__(
            f"There is no dead letter {letter_id}. `landfall dead-letters list` shows those there are."
        )
        self.letter_id = letter_id


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """The dead letters that an act is about: those named, or those that are dead and meet the other fields.

    Attributes:
        letter_ids: With any, the other fields are not looked at.
        since: Letters that came, or came again, from then on.
        after: Only letters with a larger id, to go on behind a former act.
    """

    letter_ids: tuple[int, ...] = ()
    source: LetterSource | None = None
    error_code: str | None = None
    since: datetime | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class ActedLetter:
    """What came of an act on a letter; ``reason`` is why it did not come to it."""

    letter_id: int
    state: LetterState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message and why nothing came of it.

    Attributes:
        payload: The message as it came.
        event_count: How often it came.
        ended_by: Who replayed or discarded it.
    """

    letter_id: int
    source: LetterSource
    payload: str
    error_code: str | None
    reason: str
    state: LetterState
    event_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    ended_by: str | None


def keep_dead_letter(
    connection: sa.Connection,
    payload: str,
    *,
    source: LetterSource,
    reason: str,
    error_code: str | None,
    now: datetime,
) -> None:
    """Keep a message; one that comes again counts once more, and one that had ended is dead again."""
    payload_hash = hashlib.sha256(payload.encode()).hexdigest()
    seen = {
        "Source": source,
        "Reason": reason,
        "ErrorCode": error_code,
        "State": LetterState.DEAD,
        "LastSeenAt": now,
        "EndedAt": None,
        "EndedBy": None,
    }
    known = connection.execute(
        sa.update(dead_letters)
        .where(dead_letters.c.PayloadHash == payload_hash)
        .values(EventCount=dead_letters.c.EventCount + 1, **seen)
    ).rowcount
    if not known:
        connection.execute(
            sa.insert(dead_letters).values(
                Payload=payload, PayloadHash=payload_hash, EventCount=1, FirstSeenAt=now, **seen
            )
        )


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters a list is about: those that meet every field given; ``state`` ``None`` takes those of any."""

    state: LetterState | None = LetterState.DEAD
    source: LetterSource | None = None
    error_code: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        given = (
            (dead_letters.c.State, self.state),
            (dead_letters.c.Source, self.source),
            (dead_letters.c.ErrorCode, self.error_code),
        )
        return [column == value for column, value in given if value is not None]


def list_dead_letters(
    connection: sa.Connection,
    wanted: LetterFilter = LetterFilter(),
    *,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[DeadLetter]:
    """Return a page of letters, the newest first.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = sa.select(dead_letters).where(*wanted.conditions())
    order = [SortKey("letter_id", dead_letters.c.DeadLetterID, descending=True)]
    return read_page(connection, query, order, _letter, limit=limit, cursor=cursor)


def count_dead_letters(connection: sa.Connection, wanted: LetterFilter) -> int:
    """Return how many letters meet a filter."""
    query = sa.select(sa.func.count()).select_from(dead_letters).where(*wanted.conditions())
    return int(connection.execute(query).scalar_one())


def get_dead_letters(connection: sa.Connection, letter_ids: Sequence[int]) -> tuple[DeadLetter, ...]:
    """Return the letters with these ids, in the order of their ids.

    Raises:
        UnknownDeadLetter: There is none with one of them.
    """
    rows = [
        row
        for batch in batches(sorted(set(letter_ids)))
        for row in connection.execute(
            sa.select(dead_letters)
            .where(dead_letters.c.DeadLetterID.in_(batch))
            .order_by(dead_letters.c.DeadLetterID)
        )
    ]
    known = {row.DeadLetterID for row in rows}
    for letter_id in sorted(letter_ids):
        if letter_id not in known:
            raise UnknownDeadLetter(letter_id)
    return tuple(_letter(row) for row in rows)


def choose_letters(
    connection: sa.Connection, choice: LetterChoice
) -> tuple[tuple[DeadLetter, ...], int | None]:
    """Return the letters that are meant, as many as one act takes, and the last id if there are more.

    Raises:
        UnknownDeadLetter: There is none with one of the ids.
    """
    if choice.letter_ids:
        return get_dead_letters(connection, choice.letter_ids), None
    query = sa.select(dead_letters).where(dead_letters.c.State == LetterState.DEAD)
    if choice.source is not None:
        query = query.where(dead_letters.c.Source == choice.source)
    if choice.error_code is not None:
        query = query.where(dead_letters.c.ErrorCode == choice.error_code)
    if choice.since is not None:
        query = query.where(dead_letters.c.LastSeenAt >= choice.since)
    if choice.after is not None:
        query = query.where(dead_letters.c.DeadLetterID > choice.after)
    found = [
        _letter(row)
        for row in connection.execute(query.order_by(dead_letters.c.DeadLetterID).limit(MOST_LETTERS + 1))
    ]
    following = found[MOST_LETTERS - 1].letter_id if len(found) > MOST_LETTERS else None
    return tuple(found[:MOST_LETTERS]), following


def ended_before(letter: DeadLetter) -> ActedLetter:
    """Return a letter on which nothing can be done any more, with the reason."""
    return ActedLetter(letter.letter_id, letter.state, f"it was {letter.state} by {letter.ended_by} before")


def discard_dead_letters(
    connection: sa.Connection, letter_ids: Sequence[int], *, actor: str, now: datetime
) -> tuple[ActedLetter, ...]:
    """Give letters up; those that have ended before stay as they are.

    Raises:
        UnknownDeadLetter: There is none with one of the ids.
    """
    return tuple(
        ActedLetter(letter.letter_id, LetterState.DISCARDED)
        if end_dead_letter(connection, letter.letter_id, LetterState.DISCARDED, actor=actor, now=now)
        else ended_before(letter)
        for letter in get_dead_letters(connection, letter_ids)
    )


def end_dead_letter(
    connection: sa.Connection, letter_id: int, state: LetterState, *, actor: str, now: datetime
) -> bool:
    """Note that a dead letter was replayed or discarded, and return whether it still was dead."""
    return bool(
        connection.execute(
            sa.update(dead_letters)
            .where(dead_letters.c.DeadLetterID == letter_id, dead_letters.c.State == LetterState.DEAD)
            .values(State=state, EndedAt=now, EndedBy=actor)
        ).rowcount
    )


def _letter(row: sa.Row[tuple[object, ...]]) -> DeadLetter:
    return DeadLetter(
        letter_id=row.DeadLetterID,
        source=LetterSource(row.Source),
        payload=row.Payload,
        error_code=row.ErrorCode,
        reason=row.Reason,
        state=LetterState(row.State),
        event_count=row.EventCount,
        first_seen_at=row.FirstSeenAt,
        last_seen_at=row.LastSeenAt,
        ended_at=row.EndedAt,
        ended_by=row.EndedBy,
    )
