"""Dead letters and alarms over HTTP: what could not be handled, and what somebody has to know of."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from landfall.api.backend import Backend
from landfall.api.bodies import ActOnLetters
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid
from landfall.instants import read_since
from landfall.landing.dead_letters import (
    ActedLetter,
    LetterChoice,
    LetterFilter,
    LetterState,
    choose_letters,
    discard_dead_letters,
    ended_before,
    get_dead_letters,
    list_dead_letters,
)
from landfall.metadata.alarms import list_alarms
from landfall.metadata.engine import Database
from landfall.metadata.paging import PAGE_ROWS
from landfall.metadata.scope import EVERYTHING, Scope


@dataclass(frozen=True, slots=True)
class ChosenLetters:
    """Letters to act on, and the id behind which there are more; ``None`` if there are none."""

    letter_ids: tuple[int, ...]
    following: int | None


def show_dead_letters(
    database: Database, wanted: LetterFilter, *, limit: int = PAGE_ROWS, cursor: str | None = None
) -> Reply:
    """Answer ``GET /api/dead-letters``."""
    page = database.read(lambda connection: list_dead_letters(connection, wanted, limit=limit, cursor=cursor))
    return Reply(200, {"letters": [asdict(item) for item in page.items], "following": page.following})


def show_dead_letter(database: Database, letter_id: int) -> Reply:
    """Answer ``GET /api/dead-letters/{id}``."""
    (found,) = database.read(lambda connection: get_dead_letters(connection, [letter_id]))
    return Reply(200, asdict(found))


def show_alarms(
    database: Database,
    product: str | None,
    *,
    cleared: bool,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Reply:
    """Answer ``GET /api/alarms``: those that last, with ``all=true`` also those whose cause is gone."""
    page = database.read(
        lambda connection: list_alarms(
            connection, product=product, cleared=cleared, scope=scope, limit=limit, cursor=cursor
        )
    )
    return Reply(200, {"alarms": [asdict(item) for item in page.items], "following": page.following})


def choose(database: Database, body: bytes | Mapping[str, Any], *, now: datetime) -> ChosenLetters | Reply:
    """Return the letters that an act is about, or the answer if nothing is to be done.

    Args:
        body: Of an ``ActOnLetters``.
    """
    wanted, faults = read_body(ActOnLetters, body)
    if wanted is None:
        return invalid(faults).reply
    choice = LetterChoice(
        letter_ids=tuple(wanted.letter_ids),
        source=wanted.source,
        error_code=wanted.error_code,
        since=read_since(wanted.since, now),
        after=wanted.after,
    )
    found, following = database.read(lambda connection: choose_letters(connection, choice))
    if wanted.dry_run:
        waiting = [
            ActedLetter(letter.letter_id, letter.state, letter.reason)
            if letter.state is LetterState.DEAD
            else ended_before(letter)
            for letter in found
        ]
        return acted_on(waiting, following, dry_run=True)
    return ChosenLetters(tuple(letter.letter_id for letter in found), following)


async def replay(backend: Backend, letter_ids: Sequence[int], *, actor: str) -> tuple[ActedLetter, ...]:
    """Handle dead letters again, and have the act written down behind them.

    Each letter is handled in transactions of its own, as an event is, so there is none to write the act in.
    """
    replayed = await backend.replay_letters(letter_ids, actor=actor)
    await asyncio.to_thread(backend.database.transact, lambda _: None)
    return replayed


def acted_on(letters: Sequence[ActedLetter], following: int | None, *, dry_run: bool = False) -> Reply:
    """Return the answer to an act on letters."""
    shown = [asdict(letter) for letter in letters]
    return Reply(200, {"dry_run": dry_run, "letters": shown, "following": following})


def request_discard(
    database: Database, body: bytes | Mapping[str, Any], *, actor: str, now: datetime
) -> Acted:
    """Answer ``POST /api/dead-letters/discard``; the body is that of ``choose``."""
    chosen = choose(database, body, now=now)
    if isinstance(chosen, Reply):
        return Acted(chosen)
    done = database.transact(
        lambda connection: discard_dead_letters(connection, chosen.letter_ids, actor=actor, now=now)
    )
    return Acted(acted_on(done, chosen.following))
