"""Lineage over HTTP: the edges that lead to a dataset or column, or away from it."""

from landfall.api.reply import Reply, problem, problem_of
from landfall.metadata.catalog import AmbiguousDataset, DatasetNotApplied
from landfall.metadata.engine import Database
from landfall.metadata.lineage import Direction, UnknownColumn
from landfall.runs.provenance import provenance


def show_lineage(database: Database, subject: str | None, direction: str | None, depth: str | None) -> Reply:
    """Answer ``GET /api/lineage?of=DATASET[.COLUMN]&direction=upstream|downstream&depth=N``.

    Args:
        direction: ``upstream`` unless given.
        depth: Levels to follow as text, all of them unless given.
    """
    faults = [] if subject else ["of: is missing; name a dataset or a column of it."]
    if direction is not None and direction not in list(Direction):
        faults.append(f"direction: is none of {', '.join(Direction)}.")
    if depth is not None and not (depth.isascii() and depth.isdigit() and int(depth) > 0):
        faults.append("depth: is not a whole number above 0.")
    if subject is None or faults:
        return problem(400, "LF6104", "InvalidQuery", " ".join(faults), faults=faults)
    wanted = Direction(direction or Direction.UPSTREAM)
    levels = int(depth) if depth is not None else None
    try:
        found = database.read(lambda connection: provenance(connection, subject, wanted, depth=levels))
    except (DatasetNotApplied, UnknownColumn) as error:
        return problem_of(error, status=404)
    except AmbiguousDataset as error:
        return problem_of(error, status=409)
    return Reply(200, found.to_payload())
