"""The audit log over HTTP."""

from dataclasses import asdict

from landfall.api.reply import Reply
from landfall.metadata.audit import AuditFilter, list_acts
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope


def show_acts(
    database: Database,
    wanted: AuditFilter,
    *,
    scope: Scope = EVERYTHING,
    limit: int,
    cursor: str | None = None,
) -> Reply:
    """Answer ``GET /api/audit``."""
    page = database.read(
        lambda connection: list_acts(connection, wanted, scope=scope, limit=limit, cursor=cursor)
    )
    return Reply(200, {"acts": [asdict(item) for item in page.items], "following": page.following})
