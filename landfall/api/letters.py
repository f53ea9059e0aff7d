"""Dead letters and alarms over HTTP: what could not be handled, and what somebody has to know of."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from landfall.api.body import FLAG, SINCE, TEXT, BodyField, read_body, read_since
from landfall.api.reply import Acted, Reply, invalid, problem, problem_of
from landfall.landing.dead_letters import (
    MOST_LETTERS,
    ActedLetter,
    LetterChoice,
    LetterFilter,
    LetterSource,
    LetterState,
    UnknownDeadLetter,
    choose_letters,
    discard_dead_letters,
    ended_before,
    list_dead_letters,
)
from landfall.metadata.alarms import list_alarms
from landfall.metadata.engine import Database

_IDS = BodyField(
    f"a list of 1 to {MOST_LETTERS} ids",
    lambda v: isinstance(v, list) and 0 < len(v) <= MOST_LETTERS and all(type(i) is int for i in v),
)
_FIELDS = {
    "letter_ids": _IDS,
    "source": BodyField(f"one of {', '.join(LetterSource)}", lambda v: v in list(LetterSource)),
    "error_code": TEXT,
    "since": SINCE,
    "all": FLAG,
    "after": BodyField("the id of a letter", lambda v: type(v) is int),
    "dry_run": FLAG,
}


@dataclass(frozen=True, slots=True)
class ChosenLetters:
    """Letters to act on, and the id behind which there are more; ``None`` if there are none."""

    letter_ids: tuple[int, ...]
    following: int | None


def show_dead_letters(database: Database, state: str | None) -> Reply:
    """Answer ``GET /api/dead-letters?state=dead``; without a state, those that are dead."""
    if state is not None and state not in list(LetterState):
        detail = f"'state' must be one of {', '.join(LetterState)}."
        return problem(400, "LF6101", "InvalidQuery", detail)
    wanted = LetterState(state) if state else LetterState.DEAD
    letters = database.read(
        lambda connection: list_dead_letters(connection, LetterFilter(wanted), limit=MOST_LETTERS)
    ).items
    return Reply(200, [_plain(asdict(letter)) for letter in letters])


def show_alarms(database: Database, product: str | None, *, cleared: bool) -> Reply:
    """Answer ``GET /api/alarms``: those that last, with ``all=true`` also those whose cause is gone."""
    alarms = database.read(lambda connection: list_alarms(connection, product=product, cleared=cleared))
    return Reply(200, [_plain(asdict(alarm)) for alarm in alarms])


def choose(database: Database, body: bytes, *, now: datetime) -> ChosenLetters | Reply:
    """Return the letters that an act is about, or the answer if nothing is to be done.

    Args:
        body: JSON: ``letter_ids`` (a list), or one or more of ``source``, ``error_code`` and ``since`` (instant or
            age), or ``all`` (true); ``after`` (the ``following`` of a former answer), ``dry_run`` (true or false).
    """
    fields, faults = read_body(body, _FIELDS)
    filters = [key for key in ("source", "error_code", "since", "all") if fields.get(key)]
    if "letter_ids" in fields and (filters or "after" in fields):
        faults.append("'letter_ids' stands alone.")
    if not faults and "letter_ids" not in fields and not filters:
        faults = ["Say which letters: 'letter_ids', or 'source', 'error_code' or 'since', or 'all': true."]
    if faults:
        return invalid(faults).reply
    choice = LetterChoice(
        letter_ids=tuple(fields.get("letter_ids", ())),
        source=LetterSource(fields["source"]) if "source" in fields else None,
        error_code=fields.get("error_code"),
        since=read_since(fields.get("since"), now),
        after=fields.get("after"),
    )
    try:
        found, following = database.read(lambda connection: choose_letters(connection, choice))
    except UnknownDeadLetter as error:
        return problem_of(error, status=404)
    if fields.get("dry_run"):
        waiting = [
            ActedLetter(letter.letter_id, letter.state, letter.reason)
            if letter.state is LetterState.DEAD
            else ended_before(letter)
            for letter in found
        ]
        return acted_on(waiting, following, dry_run=True)
    return ChosenLetters(tuple(letter.letter_id for letter in found), following)


def acted_on(letters: Sequence[ActedLetter], following: int | None, *, dry_run: bool = False) -> Reply:
    """Return the answer to an act on letters."""
    shown = [asdict(letter) for letter in letters]
    return Reply(200, {"dry_run": dry_run, "letters": shown, "following": following})


def request_discard(database: Database, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/dead-letters/discard``; the body is that of ``choose``."""
    chosen = choose(database, body, now=now)
    if isinstance(chosen, Reply):
        return Acted(chosen)
    done = database.transact(
        lambda connection: discard_dead_letters(connection, chosen.letter_ids, actor=actor, now=now)
    )
    return Acted(acted_on(done, chosen.following))


def _plain(fields: dict[str, object]) -> dict[str, object]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}
