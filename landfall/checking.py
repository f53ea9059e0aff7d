"""Whether the services of a target answer and let us in, each with what to do where one does not."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from landfall.errors import LandfallError
from landfall.settings import Settings

# Somebody waits for the answer; what is down stays so for longer than this.
_PATIENCE_S = 5
_LONGEST_S = 60.0
# As the Azure libraries call it; which of them is met is the adapter's business.
_WITHOUT_TOKEN = frozenset({"ClientAuthenticationError", "CredentialUnavailableError"})


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    Attributes:
        check: What was looked at.
        ok: Whether it is as it must be.
        found: What was found.
        remedy: What to do; empty if nothing has to be done.
    """

    check: str
    ok: bool
    found: str
    remedy: str = ""


def check_services(settings: Settings, *, patience_s: float = _LONGEST_S) -> tuple[Finding, ...]:
    """Return how the services answer; all are asked side by side, and one that does not answer holds up no other one.

    Args:
        patience_s: Seconds after which a service that has not answered is told as such. What is asked of it then
            goes on until the process ends: clients try again for minutes where somebody listens and says nothing.
    """
    checks: tuple[tuple[str, Callable[[Settings], Finding], str], ...] = (
        ("database", _database, "check the network, and that your identity is a user of the database"),
        ("storage", _storage, "check the network, and your role Storage Blob Data Contributor"),
        ("databricks", _databricks, "check the workspace's URL and network, and CAN_MANAGE_RUN on the job"),
        ("function app", _functions, "check LANDFALL_FUNCTIONS_URL and the network, then its log"),
    )
    found: dict[str, Finding] = {}

    def ask(name: str, check: Callable[[Settings], Finding], remedy: str) -> None:
        found[name] = _asked(name, check, remedy, settings)

    threads = [Thread(target=ask, args=asked, daemon=True) for asked in checks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    silent = f"it has not answered within {patience_s:g} s"
    return tuple(found.get(name) or Finding(name, False, silent, remedy) for name, _, remedy in checks)


def _asked(name: str, check: Callable[[Settings], Finding], remedy: str, settings: Settings) -> Finding:
    try:
        return check(settings)
    except LandfallError as error:
        # Most of our errors say what to do; what goes for this service is said beside.
        signs_in = f"sign in, for example with `az login`, then {remedy}"
        return Finding(name, False, f"{error.code} {error}", signs_in if has_no_token(error) else remedy)
    except ValueError as error:
        # A library takes a setting for none, such as an address without encryption where one signs in.
        return Finding(name, False, str(error), "check what landfall.yml and the environment say of it")


def has_no_token(error: BaseException | None) -> bool:
    """Return whether something failed because no credential gave a token, whoever met that first."""
    while error is not None:
        if type(error).__name__ in _WITHOUT_TOKEN:
            return True
        error = error.__cause__
    return False


def _database(settings: Settings) -> Finding:
    from landfall.metadata.engine import Database
    from landfall.metadata.migrations import current_revision, head

    database = Database.connect(settings)
    try:
        revision = current_revision(database)
    finally:
        database.close()
    if revision != head():
        found = f"{database.name} is at revision {revision or 'none'}, not {head()}"
        return Finding("database", False, found, "run `landfall db upgrade`")
    return Finding("database", True, f"{database.name} at revision {revision}")


def _storage(settings: Settings) -> Finding:
    from landfall.addresses import CONTAINERS
    from landfall.lake import Lake

    lake = Lake.connect(settings)
    try:
        missing = lake.missing_containers()
    finally:
        lake.close()
    if missing:
        remedy = "on a laptop `landfall up` makes them; in Azure apply the Terraform of the platform"
        return Finding("storage", False, f"{settings.blob_endpoint} lacks {', '.join(missing)}", remedy)
    return Finding("storage", True, f"{settings.blob_endpoint} with {', '.join(CONTAINERS)}")


def _databricks(settings: Settings) -> Finding:
    from landfall.jobs.client import connect

    return Finding("databricks", True, connect(settings, patience_s=_PATIENCE_S).describe())


def _functions(settings: Settings) -> Finding:
    from landfall.client import FunctionsClient

    health = FunctionsClient.connect(settings).health()
    alarms = health.get("alarms") or {}
    told = ", ".join(f"{count} {name}" for name, count in alarms.items()) or "no alarms"
    return Finding("function app", True, f"{settings.functions_url} is {health.get('status')}, {told}")
