"""How much waits where: files, requests, nodes and dead letters, counted by indexes alone."""

from collections.abc import Mapping

import sqlalchemy as sa

from landfall.landing.dead_letters import LetterState
from landfall.metadata.tables import dead_letters, landed_files, run_requests, runs
from landfall.runs.requests import RequestState
from landfall.runs.states import OPEN_RUN_STATES, FileState

# Of these there are few at any time: what has ended is not counted.
_WAITING_FILES = (FileState.WAITING, FileState.PENDING, FileState.CLAIMED, FileState.UNMATCHED)


def queue_depths(connection: sa.Connection) -> Mapping[str, int]:
    """Return how many files wait by state, how many requests, nodes without a place or at work, and dead letters."""
    files = {
        f"files_{row.State}": row.Files
        for row in connection.execute(
            sa.select(landed_files.c.State, sa.func.count().label("Files"))
            .where(landed_files.c.State.in_(_WAITING_FILES))
            .group_by(landed_files.c.State)
        )
    }
    nodes = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(runs.c.ReadyNodes), 0).label("Ready"),
            sa.func.coalesce(sa.func.sum(runs.c.ActiveNodes), 0).label("Active"),
        ).where(runs.c.State.in_(OPEN_RUN_STATES))
    ).one()
    return {
        **{f"files_{state}": 0 for state in _WAITING_FILES},
        **files,
        "requests": _count(connection, run_requests, run_requests.c.State == RequestState.PENDING),
        "nodes_ready": int(nodes.Ready),
        "nodes_active": int(nodes.Active),
        "dead_letters": _count(connection, dead_letters, dead_letters.c.State == LetterState.DEAD),
    }


def _count(connection: sa.Connection, table: sa.Table, chosen: sa.ColumnElement[bool]) -> int:
    count: int = connection.execute(sa.select(sa.func.count()).select_from(table).where(chosen)).scalar_one()
    return count
