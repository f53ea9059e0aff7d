"""Making the saved job on the laptop's jobs server, over plain HTTP.

`landfall.jobs.client` does the same in a workspace. Importing the Databricks SDK takes over two seconds of a
core, at every start of the stack and while everything else starts too; three requests on loopback take none.
"""

import http.client
import json
from typing import Any, Final
from urllib.parse import quote

from landfall.errors import ErrorKind, LandfallError
from landfall.jobs.profile import DEFAULT_PROFILE
from landfall.local.layout import LOOPBACK

_API: Final = "/api/2.2/jobs"
_TIMEOUT_S: Final = 10.0


class SavedJobNotMade(LandfallError):
    """The laptop's jobs server did not take the definition of the saved job."""

    code = "LF5007"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"The saved job could not be made on the laptop's jobs server: {reason}")


def ensure_saved_job(port: int, token: str) -> int:
    """Return the id of the saved job of the default compute profile, made or brought up to date.

    Args:
        port: Port of the jobs server on loopback.
        token: Its bearer token.

    Raises:
        SavedJobNotMade: The server does not answer, or refuses.
    """
    definition = DEFAULT_PROFILE.saved_job()
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT_S)
    try:
        found = _ask(connection, token, "GET", f"/list?name={quote(DEFAULT_PROFILE.name)}").get("jobs") or []
        if not found:
            return int(_ask(connection, token, "POST", "/create", definition)["job_id"])
        job_id = min(int(job["job_id"]) for job in found)
        _ask(connection, token, "POST", "/reset", {"job_id": job_id, "new_settings": definition})
        return job_id
    except (OSError, http.client.HTTPException) as error:
        raise SavedJobNotMade(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection, token: str, method: str, path: str, body: Any = None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, _API + path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read().decode(errors="replace")
    if answer.status != 200:
        raise SavedJobNotMade(f"{method} {_API}{path}: {answer.status} {content[:300]}")
    decoded: dict[str, Any] = json.loads(content or "{}")
    return decoded
