"""The audit log: who did what, when, to what and with which parameters."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from landfall.acts import ACTS, BY_NAME
from landfall.api.identity import Caller, backend_of
from landfall.console.address import Address, page, product_page
from landfall.console.choices import TIMES, chosen_since
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.metadata.audit import AuditedAct, AuditFilter, list_acts

router = APIRouter(route_class=PageRoute)

_LIVE_S = 10
# Pages of what acts are done to, by the first part of their names.
_SECTIONS = {"run": "runs", "backfill": "backfills", "files": "files", "letters": "dead-events"}


@router.get("/audit")
def show_audit(request: Request, caller: Caller) -> Response:
    """Show a page of what people did."""
    given = here(request).parameters
    backend = backend_of(request)
    wanted = AuditFilter(
        actor=given.get("actor"),
        act=given.get("act"),
        subject=given.get("subject"),
        since=chosen_since(given, backend.now()),
    )
    found = backend.database.read(
        lambda connection: list_acts(connection, wanted, scope=caller.scope, cursor=given.get("cursor"))
    )
    return render(
        request,
        caller,
        "audit/list.html",
        section="audit",
        live_s=_LIVE_S,
        acts=found,
        known=BY_NAME,
        subject_page=subject_page,
        said=said,
        options=(("", "any act"), *((act.name, act.name) for act in ACTS)),
        times=TIMES,
        filtered=any(given.get(name) for name in ("actor", "act", "subject", "since")),
    )


def subject_page(act: AuditedAct) -> Address | None:
    """Return the page of what an act was done to, ``None`` for what has none."""
    kind, subject = act.act.partition(".")[0], act.subject
    if subject is None:
        return None
    if "/" in subject:
        product, _, dataset = subject.partition(".")
        if dataset:
            return product_page("quarantine", product, dataset)
        return product_page("products", product)
    if kind == "config":
        return page("configuration", subject)
    return page(_SECTIONS[kind], subject) if kind in _SECTIONS else None


def said(parameters: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the parameters of an act that say something, as texts."""
    told = ((name, value) for name, value in parameters.items() if value not in (None, "", [], {}, False))
    return tuple(
        (name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)) for name, value in told
    )
