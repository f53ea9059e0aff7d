"""Routes for consumers: the contracts of ports, and some rows of a table."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from landfall.api import publishing
from landfall.api.answering import problems, read
from landfall.api.catalogue_answers import ContractList, PreviewAnswer
from landfall.api.identity import Caller, backend_of

router = APIRouter(tags=["catalogue"])


@router.get("/products/{domain}/{product}/contracts", response_model=ContractList, responses=problems(404))
async def show_contracts(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Show what the ports of a product promise: columns, key, and the rules that keep rows out."""
    return await read(request, publishing.show_contracts, f"{domain}/{product}", scope=caller.scope)


@router.get(
    "/products/{domain}/{product}/contracts/{dataset}/{number}",
    response_model=dict[str, Any],
    responses=problems(404),
)
async def show_contract(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    dataset: str,
    number: Annotated[int, Path(ge=1, le=2**31 - 1, description="Version of the port.")],
) -> Response:
    """Show the contract of a port as a document of the Open Data Contract Standard."""
    key = f"{domain}/{product}"
    return await read(request, publishing.show_contract, key, dataset, number, scope=caller.scope)


@router.get(
    "/datasets/{domain}/{product}/{dataset}/preview",
    response_model=PreviewAnswer,
    responses=problems(404, 409),
)
async def show_preview(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    dataset: str,
    columns: Annotated[
        str, Query(max_length=4_000, description="Only these, parted by commas; without it, all.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="Rows to show.")] = 10,
) -> Response:
    """Show some rows of a table, straight from the lake; of another domain, of a port."""
    return await read(
        request,
        publishing.show_preview,
        backend_of(request).settings,
        f"{domain}/{product}",
        dataset,
        columns=tuple(name.strip() for name in columns.split(",") if name.strip()),
        limit=limit,
        scope=caller.scope,
    )
