"""The route of the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api.answering import problems, read
from landfall.api.answers import ActPage
from landfall.api.audit import show_acts
from landfall.api.identity import Caller, backend_of
from landfall.api.parameters import Cursor, Limit, Since, instant
from landfall.metadata.audit import AuditFilter

router = APIRouter(tags=["audit"])

_Text = Annotated[str | None, Query(max_length=400)]


@router.get("/audit", response_model=ActPage, responses=problems())
async def list_acts(
    request: Request,
    caller: Caller,
    actor: _Text = None,
    act: Annotated[
        str | None, Query(max_length=64, description="Beginning of the act's name, such as run.")
    ] = None,
    subject: _Text = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Say who did what, when and with which parameters, the newest first; acts on no domain to who sees all."""
    wanted = AuditFilter(
        actor=actor, act=act, subject=subject, since=instant(since, backend_of(request).now(), "since")
    )
    return await read(request, show_acts, wanted, scope=caller.scope, limit=limit, cursor=cursor)
