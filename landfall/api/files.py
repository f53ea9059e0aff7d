"""Landed files over HTTP: put them back to pending."""

from dataclasses import asdict
from datetime import datetime
from functools import partial

from landfall.api.body import FLAG, SINCE, TEXT, BodyField, read_body, read_since
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
    "dataset": TEXT,
    "since": SINCE,
    "after": BodyField("the id of a file", lambda v: type(v) is int),
    "dry_run": FLAG,
}


def request_replay(database: Database, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/files/replay``.

    Args:
        body: JSON: ``file_ids`` (a list), or one or more of ``product`` (``domain/name``), ``dataset``, ``since``
            (instant or age, of landing) and ``state``, which without it is rejected or unmatched; ``after`` (the
            ``following`` of a former answer), ``dry_run`` (true or false).
    """
    fields, faults = read_body(body, _REPLAY_FIELDS)
    if "file_ids" in fields and fields.keys() - {"file_ids", "dry_run"}:
        faults.append("'file_ids' stands alone.")
    if faults:
        return invalid(faults)
    choice = FileChoice(
        file_ids=tuple(fields.get("file_ids", ())),
        state=FileState(fields["state"]) if "state" in fields else None,
        product=fields.get("product"),
        dataset=fields.get("dataset"),
        since=read_since(fields.get("since"), now),
        after=fields.get("after"),
    )
    dry_run = fields.get("dry_run", False)
    replay = partial(replay_files, choice=choice, actor=actor, now=now, dry_run=dry_run)
    try:
        done = database.read(replay) if dry_run else database.transact(replay)
    except NothingChosen as error:
        return Acted(problem_of(error, status=400))
    except (UnknownFile, UnknownProduct) as error:
        return Acted(problem_of(error, status=404))
    body_out = {
        "dry_run": dry_run,
        "replayed": list(done.file_ids),
        "left": [asdict(file) for file in done.left],
        "following": done.following,
    }
    return Acted(Reply(200, body_out), start=done.start)
