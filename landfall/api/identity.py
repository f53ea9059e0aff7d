"""Who calls, and what they may do: from App Service's principal, or the laptop's explicit identity."""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from landfall.api.auditing import audit
from landfall.api.backend import Backend
from landfall.api.bridge import BACKEND
from landfall.api.errors import NotSignedIn, RoleMissing, WrongHost
from landfall.metadata.owners import domains_owned_by
from landfall.metadata.scope import Scope
from landfall.roles import Grant, Role, domains_of
from landfall.settings import IdentitySettings

# Set by App Service once it has checked the caller; it takes away what a caller sends under these names.
PRINCIPAL = "x-ms-client-principal"
PRINCIPAL_NAME = "x-ms-client-principal-name"
# Who acts on a laptop, where everybody may say so.
ACTOR = "x-landfall-actor"

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_ROLE_CLAIMS = ("roles", "role", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
# Names that only the directory's administrators give; an address a user may choose would let them choose a domain.
_SIGN_IN_CLAIMS = ("preferred_username", "upn", f"{_CLAIMS}upn")
_NAME_CLAIMS = (*_SIGN_IN_CLAIMS, "name", f"{_CLAIMS}name", "app_displayname", "azp", "appid", "oid")
_OWNERS_KEPT = timedelta(seconds=60)
_MOST_NAME = 128


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who calls.

    Attributes:
        name: For the record: a sign-in name, or the id of an application.
    """

    name: str
    grants: frozenset[Grant]

    @property
    def scope(self) -> Scope:
        """Whose rows this viewer sees."""
        return Scope(self.domains(Role.READER))

    def domains(self, role: Role) -> frozenset[str] | None:
        """Return the domains in which the viewer has ``role`` or more; ``None`` means everywhere."""
        return domains_of(self.grants, role)

    def may(self, role: Role, domain: str | None) -> bool:
        """Return whether the viewer has ``role`` or more for ``domain``, or with ``None`` for everything."""
        return Scope(self.domains(role)).sees(domain)

    def require(self, role: Role, domain: str | None) -> None:
        """Do nothing if the viewer may.

        Raises:
            RoleMissing: The viewer may not.
        """
        if not self.may(role, domain):
            raise RoleMissing(self.name, role, domain)


class Owners:
    """The domains that people own, as products say; looked up once a minute for each of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[datetime, frozenset[str]]] = {}

    def domains_of(self, backend: Backend, email: str) -> frozenset[str]:
        """Return the domains that the owner of this address has."""
        now = backend.now()
        with self._lock:
            self._known = {key: item for key, item in self._known.items() if now - item[0] < _OWNERS_KEPT}
            if email in self._known:
                return self._known[email][1]
        found = backend.database.read(lambda connection: domains_owned_by(connection, email))
        with self._lock:
            self._known[email] = (now, found)
        return found


def backend_of(request: Request) -> Backend:
    """Return what this request is answered with."""
    found: Backend = request.scope[BACKEND]
    return found


async def viewer(request: Request) -> Viewer:
    """Return who calls, and have the act that they ask for written down once it is done.

    Raises:
        NotSignedIn: The app cannot know.
        WrongHost: The laptop's app is called by a foreign name, as a web page would that has its name point here.
    """
    found = await _identified(request, request.app.state.identity)
    await audit(request, found.name)
    return found


async def _identified(request: Request, settings: IdentitySettings) -> Viewer:
    if settings.signed_in_by_app_service:
        claims = read_principal(request.headers.get(PRINCIPAL, ""))
        return await run_in_threadpool(_signed_in, request, claims)
    if settings.insecure_local is None:
        raise NotSignedIn
    host = request.headers.get("host", "")
    if host.rpartition(":")[0].lower() not in _LOOPBACK and host.lower() not in _LOOPBACK:
        raise WrongHost(host)
    name = request.headers.get(ACTOR) or settings.insecure_local
    return Viewer(name[:_MOST_NAME], frozenset({Grant(Role.ADMIN)}))


Caller = Annotated[Viewer, Depends(viewer)]


def require(role: Role, domain: str | None = None) -> Callable[[Viewer], Viewer]:
    """Return a dependency that lets only those pass who have ``role`` for a domain, or with ``None`` for everything."""

    def check(caller: Caller) -> Viewer:
        caller.require(role, domain)
        return caller

    return check


def read_principal(header: str) -> Mapping[str, tuple[str, ...]]:
    """Return the claims of App Service's principal by type.

    Raises:
        NotSignedIn: There is none, or it is not of App Service's form.

    Source:
        Microsoft Learn, "Work with user identities in Azure App Service authentication".
    """
    try:
        content: Any = json.loads(base64.b64decode(header, validate=True))
        claims: dict[str, tuple[str, ...]] = {}
        for claim in content["claims"]:
            kind = "roles" if claim["typ"] == content.get("role_typ") else str(claim["typ"])
            claims[kind] = (*claims.get(kind, ()), str(claim["val"]))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotSignedIn from error
    return claims


def _signed_in(request: Request, claims: Mapping[str, tuple[str, ...]]) -> Viewer:
    name = _first(claims, _NAME_CLAIMS) or request.headers.get(PRINCIPAL_NAME)
    if not name:
        raise NotSignedIn
    grants = {
        grant
        for kind in _ROLE_CLAIMS
        for text in claims.get(kind, ())
        if (grant := Grant.parse(text)) is not None
    }
    sign_in = _first(claims, _SIGN_IN_CLAIMS)
    if sign_in is not None:
        owners: Owners = request.app.state.owners
        grants |= {Grant(Role.OWNER, domain) for domain in owners.domains_of(backend_of(request), sign_in)}
    return Viewer(name[:_MOST_NAME], frozenset(grants))


def _first(claims: Mapping[str, tuple[str, ...]], kinds: Iterable[str]) -> str | None:
    return next((claims[kind][0] for kind in kinds if claims.get(kind)), None)
