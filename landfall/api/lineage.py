"""Lineage over HTTP: the edges that lead to a dataset or column, or away from it; the files behind a version."""

from dataclasses import asdict

from landfall.api.reply import Reply
from landfall.metadata.engine import Database
from landfall.metadata.lineage import Direction
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.runs.files_behind import files_behind
from landfall.runs.provenance import provenance


def show_lineage(
    database: Database,
    subject: str,
    direction: Direction = Direction.UPSTREAM,
    depth: int | None = None,
    *,
    scope: Scope = EVERYTHING,
) -> Reply:
    """Answer ``GET /api/lineage?of=DATASET[.COLUMN]&direction=upstream|downstream&depth=N``.

    Args:
        depth: Levels to follow, all of them unless given.
    """
    found = database.read(
        lambda connection: provenance(connection, subject, direction, depth=depth, scope=scope)
    )
    return Reply(200, found.to_payload())


def show_files_behind(
    database: Database, dataset: str, version: int | None = None, *, scope: Scope = EVERYTHING
) -> Reply:
    """Answer ``GET /api/lineage/files?of=DATASET&version=N``."""
    found = database.read(lambda connection: files_behind(connection, dataset, version=version, scope=scope))
    return Reply(200, {"dataset": dataset, "version": version, "files": [asdict(file) for file in found]})
