"""Whether the app can do its work, for load balancers and for `landfall doctor`."""

from landfall.api.reply import Reply
from landfall.errors import LandfallError
from landfall.metadata.alarms import count_alarms
from landfall.metadata.engine import Database


def show_health(database: Database) -> Reply:
    """Answer ``GET /api/health``: 200, or 503 with the part that does not answer; nothing secret in either.

    Alarms that last are counted by name. They make nothing unhealthy: another instance of the app would have them too.
    """
    try:
        alarms = database.read(count_alarms)
    except LandfallError as error:
        return Reply(503, {"status": "unhealthy", "database": error.code})
    return Reply(200, {"status": "healthy", "database": "ok", "alarms": alarms})
