"""Routes of rows in quarantine: how many there are, the rows, judging them again and giving them up."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api import quarantine
from landfall.api.access import of_filter, of_product
from landfall.api.answering import act, problems, read
from landfall.api.answers import ChosenRows, RefusedRows, StartedRun
from landfall.api.bodies import ActOnQuarantine
from landfall.api.catalogue_answers import RefusedPage
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.api.parameters import Cursor, Limit, Product, Since, instant
from landfall.roles import Role
from landfall.runs.held_rows import HeldByRule, HeldState, RowOrder
from landfall.runs.quarantining import HeldAct, HeldRows

router = APIRouter(tags=["quarantine"])


@router.get("/quarantine", response_model=list[HeldByRule], responses=problems(404))
async def show_quarantine(
    request: Request, caller: Caller, product: str | None = None, dataset: str | None = None
) -> Response:
    """Count refused rows by product, dataset and rule; a row that several rules refused is in each."""
    of_filter(caller, product)
    settings = backend_of(request).settings
    return await read(request, quarantine.show_quarantine, settings, product, dataset, scope=caller.scope)


@router.get("/quarantine/datasets", response_model=RefusedPage, responses=problems(404))
async def show_refused(
    request: Request,
    caller: Caller,
    product: Product = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List datasets of which runs refused rows, those of which some were refused last first."""
    of_filter(caller, product)
    return await read(
        request,
        quarantine.show_refused,
        product,
        since=instant(since, backend_of(request).now(), "since"),
        scope=caller.scope,
        limit=limit,
        cursor=cursor,
    )


@router.get(
    "/products/{domain}/{product}/quarantine/{dataset}/rows",
    response_model=RefusedRows,
    responses=problems(404),
)
async def show_quarantined_rows(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    dataset: str,
    rule: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006 - the framework copies it
    run: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006
    file: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006
    state: HeldState | None = HeldState.HELD,
    order: RowOrder = RowOrder.OLDEST,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Show refused rows with their rules, reason, file and line, the oldest or the newest first."""
    return await read(
        request,
        quarantine.show_quarantined_rows,
        backend_of(request).settings,
        of_product(caller, domain, product),
        HeldRows(dataset, tuple(rule), tuple(run), tuple(file)),
        state=state,
        order=order,
        limit=limit,
        cursor=cursor,
    )


@router.post(
    "/products/{domain}/{product}/quarantine/{what}",
    status_code=202,
    response_model=StartedRun,
    responses={**problems(404, 409), 200: {"model": ChosenRows, "description": "What it would be about."}},
    openapi_extra=takes(ActOnQuarantine),
)
async def act_on_quarantine(
    request: Request, caller: Caller, domain: str, product: str, what: HeldAct
) -> Response:
    """Judge refused rows again and publish those that pass, or give them up with a reason."""
    return await act(
        request,
        caller,
        quarantine.act_on_quarantine,
        of_product(caller, domain, product, Role.OPERATOR),
        what,
        await request.body(),
        settings=backend_of(request).settings,
        at=str(request.url),
        request_id=backend_of(request).new_id(),
    )
