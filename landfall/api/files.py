"""Landed files over HTTP: put them back to pending."""

from dataclasses import asdict
from datetime import datetime

from landfall.api.body import TEXT, BodyField, read_body
from landfall.api.reply import Acted, Reply, invalid, problem_of
from landfall.landing.queries import UnknownFile
from landfall.landing.replay import MOST_FILES, REPLAYABLE, FileChoice, NothingChosen, replay_files
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.runs.states import FileState

_REPLAY_FIELDS = {
    "file_ids": BodyField(
        f"a list of 1 to {MOST_FILES} file ids",
        lambda v: isinstance(v, list) and 0 < len(v) <= MOST_FILES and all(type(i) is int for i in v),
    ),
    "state": BodyField(f"one of {', '.join(sorted(REPLAYABLE))}", lambda v: v in REPLAYABLE),
    "product": TEXT,
}


def request_replay(database: Database, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/files/replay``.

    Args:
        body: JSON: ``file_ids`` (a list), or ``state`` (a state of files that have ended) and, with it if need
            be, ``product`` (``domain/name``).
    """
    fields, faults = read_body(body, _REPLAY_FIELDS)
    if "file_ids" in fields and len(fields) > 1:
        faults.append("'file_ids' stands alone.")
    if faults:
        return invalid(faults)
    choice = FileChoice(
        file_ids=tuple(fields.get("file_ids", ())),
        state=FileState(fields["state"]) if "state" in fields else None,
        product=fields.get("product"),
    )
    try:
        done = database.transact(lambda connection: replay_files(connection, choice, actor=actor, now=now))
    except NothingChosen as error:
        return Acted(problem_of(error, status=400))
    except (UnknownFile, UnknownProduct) as error:
        return Acted(problem_of(error, status=404))
    body_out = {
        "replayed": list(done.file_ids),
        "left": [asdict(file) for file in done.left],
        "more": done.more,
    }
    return Acted(Reply(200, body_out), start=done.start)
