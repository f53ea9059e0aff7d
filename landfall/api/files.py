"""Landed files over HTTP: the ledger, what became of a file, and putting files back to pending."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from landfall.api.bodies import ReplayFiles
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid
from landfall.instants import read_since
from landfall.landing.queries import FileFilter, list_files
from landfall.landing.replay import FileChoice, replay_files
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.runs.file_history import file_history


def request_replay(
    database: Database,
    body: bytes | Mapping[str, Any],
    *,
    scope: Scope = EVERYTHING,
    actor: str,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/files/replay``.

    Args:
        body: Of a ``ReplayFiles``; without a state it takes files that were rejected or unmatched.
    """
    wanted, faults = read_body(ReplayFiles, body)
    if wanted is None:
        return invalid(faults)
    choice = FileChoice(
        file_ids=tuple(wanted.file_ids),
        state=wanted.state,
        product=wanted.product,
        dataset=wanted.dataset,
        since=read_since(wanted.since, now),
        after=wanted.after,
        scope=scope,
    )
    dry_run = wanted.dry_run
    replay = partial(replay_files, choice=choice, actor=actor, now=now, dry_run=dry_run)
    done = database.read(replay) if dry_run else database.transact(replay)
    body_out = {
        "dry_run": dry_run,
        "replayed": list(done.file_ids),
        "left": [asdict(file) for file in done.left],
        "following": done.following,
    }
    return Acted(Reply(200, body_out), start=done.start)


def show_files(
    database: Database,
    wanted: FileFilter,
    *,
    scope: Scope = EVERYTHING,
    oldest_first: bool,
    limit: int,
    cursor: str | None,
) -> Reply:
    """Answer ``GET /api/files``."""
    page = database.read(
        lambda connection: list_files(
            connection, wanted, scope=scope, oldest_first=oldest_first, limit=limit, cursor=cursor
        )
    )
    return Reply(200, {"files": [asdict(item) for item in page.items], "following": page.following})


def show_file(database: Database, file_id: int, *, scope: Scope = EVERYTHING) -> Reply:
    """Answer ``GET /api/files/{id}``: every version of its path, the runs that took them in, and acts on them."""
    found = database.read(lambda connection: file_history(connection, file_id, scope=scope))
    return Reply(200, {"versions": [asdict(item) for item in found]})
