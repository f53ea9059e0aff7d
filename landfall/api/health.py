"""Whether the app can do its work, for load balancers and for `landfall doctor`."""

from landfall.api.reply import Reply
from landfall.errors import LandfallError
from landfall.metadata.engine import Database


def show_health(database: Database) -> Reply:
    """Answer ``GET /api/health``: 200, or 503 with the part that does not answer; nothing secret in either."""
    try:
        database.ping()
    except LandfallError as error:
        return Reply(503, {"status": "unhealthy", "database": error.code})
    return Reply(200, {"status": "healthy", "database": "ok"})
