"""Dead letters and alarms over HTTP: what could not be handled, and what somebody has to know of."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from landfall.api.body import BodyField, read_body
from landfall.api.reply import Acted, Reply, invalid, problem, problem_of
from landfall.landing.dead_letters import (
    MOST_LETTERS,
    LetterState,
    UnknownDeadLetter,
    discard_dead_letters,
    list_dead_letters,
)
from landfall.metadata.alarms import list_alarms
from landfall.metadata.engine import Database

_IDS = BodyField(
    f"a list of 1 to {MOST_LETTERS} ids",
    lambda v: isinstance(v, list) and 0 < len(v) <= MOST_LETTERS and all(type(i) is int for i in v),
)


def show_dead_letters(database: Database, state: str | None) -> Reply:
    """Answer ``GET /api/dead-letters?state=dead``; without a state, those that are dead."""
    if state is not None and state not in list(LetterState):
        detail = f"'state' must be one of {', '.join(LetterState)}."
        return problem(400, "LF6101", "InvalidQuery", detail)
    wanted = LetterState(state) if state else LetterState.DEAD
    letters = database.read(
        lambda connection: list_dead_letters(connection, state=wanted, limit=MOST_LETTERS)
    )
    return Reply(200, [_plain(asdict(letter)) for letter in letters])


def show_alarms(database: Database, product: str | None, *, cleared: bool) -> Reply:
    """Answer ``GET /api/alarms``: those that last, with ``all=true`` also those whose cause is gone."""
    alarms = database.read(lambda connection: list_alarms(connection, product=product, cleared=cleared))
    return Reply(200, [_plain(asdict(alarm)) for alarm in alarms])


def letter_ids(body: bytes) -> tuple[Sequence[int], Reply | None]:
    """Return the ids that the body of a replay names, or the refusal of a wrong body."""
    fields, faults = read_body(body, {"letter_ids": _IDS})
    if not faults and "letter_ids" not in fields:
        faults = [f"'letter_ids' must be {_IDS.form}."]
    if faults:
        return (), invalid(faults).reply
    return fields["letter_ids"], None


def request_discard(database: Database, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/dead-letters/discard``."""
    ids, refusal = letter_ids(body)
    if refusal is not None:
        return Acted(refusal)
    try:
        done = database.transact(
            lambda connection: discard_dead_letters(connection, ids, actor=actor, now=now)
        )
        return Acted(Reply(200, {"discarded": list(done)}))
    except UnknownDeadLetter as error:
        return Acted(problem_of(error, status=404))


def _plain(fields: dict[str, object]) -> dict[str, object]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}
