"""Routes of the catalogue: products, datasets, versions, and what needs somebody."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from landfall.api import catalogue, versions
from landfall.api.access import of_filter, of_product
from landfall.api.answering import act_without_body, problems, read
from landfall.api.bodies import NoBody
from landfall.api.catalogue_answers import (
    AttentionAnswer,
    BuildPage,
    CheckPage,
    DatasetDetail,
    DatasetPage,
    FoundAnswer,
    ProductDetail,
    ProductPage,
    RolledBack,
    VersionDetail,
    VersionPage,
)
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.api.parameters import Cursor, Limit, Product
from landfall.roles import Role
from landfall.runs.dataset_list import DatasetFilter
from landfall.runs.product_list import ProductFilter, ProductOrder
from landfall.runs.states import RunState
from landfall.spec.model import Layer

router = APIRouter(tags=["catalogue"])

_Contains = Annotated[str | None, Query(max_length=200, description="Part of the name.")]


@router.get("/attention", response_model=AttentionAnswer, responses=problems())
async def show_attention(request: Request, caller: Caller) -> Response:
    """Say what needs somebody: late deliveries, failed runs, broken rules, dead letters, alarms, pauses."""
    return await read(request, catalogue.show_attention, scope=caller.scope, now=backend_of(request).now())


@router.get("/search", response_model=FoundAnswer, responses=problems())
async def show_found(
    request: Request,
    caller: Caller,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            description="Part of a product's or dataset's name, or how a run's id or a file's name begins.",
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=50, description="Of each kind.")] = 6,
) -> Response:
    """Find products, datasets, runs and files by what somebody types."""
    return await read(request, catalogue.show_found, q.strip(), scope=caller.scope, limit=limit)


@router.get("/products", response_model=ProductPage, responses=problems())
async def show_products(
    request: Request,
    caller: Caller,
    domain: Annotated[str | None, Query(max_length=128)] = None,
    contains: _Contains = None,
    last_state: RunState | None = None,
    paused: bool = False,
    order: ProductOrder = ProductOrder.NAME,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List products; those of other domains if they have a port, without their inner life."""
    wanted = ProductFilter(domain=domain, contains=contains, last_state=last_state, paused=paused)
    return await read(
        request,
        catalogue.show_products,
        wanted,
        scope=caller.scope,
        order=order,
        limit=limit,
        cursor=cursor,
    )


@router.get("/products/{domain}/{product}", response_model=ProductDetail, responses=problems(404))
async def show_product(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Show one product with its ports, who reads them, and how the rows of its runs fared."""
    return await read(request, catalogue.show_product, f"{domain}/{product}", scope=caller.scope)


@router.get("/datasets", response_model=DatasetPage, responses=problems(404))
async def show_datasets(
    request: Request,
    caller: Caller,
    product: Product = None,
    layer: Layer | None = None,
    contains: _Contains = None,
    broken: Annotated[bool, Query(description="Only those of which a rule was broken last.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List datasets with their freshness and what their rules found; those of other domains if they are ports."""
    wanted = DatasetFilter(product=product, layer=layer, contains=contains, broken=broken)
    return await read(
        request, catalogue.show_datasets, wanted, scope=caller.scope, limit=limit, cursor=cursor
    )


@router.get("/datasets/{domain}/{product}/{dataset}", response_model=DatasetDetail, responses=problems(404))
async def show_dataset(request: Request, caller: Caller, domain: str, product: str, dataset: str) -> Response:
    """Show what is declared of one dataset: its columns, rules and ports."""
    return await read(request, catalogue.show_dataset, f"{domain}/{product}", dataset, scope=caller.scope)


@router.get(
    "/datasets/{domain}/{product}/{dataset}/quality", response_model=CheckPage, responses=problems(404)
)
async def show_quality(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    dataset: str,
    limit: Limit = 40,
    cursor: Cursor = None,
) -> Response:
    """List what the rules of a dataset found whenever they looked, the newest first."""
    key = of_product(caller, domain, product)
    return await read(request, catalogue.show_quality, key, dataset, limit=limit, cursor=cursor)


@router.get(
    "/datasets/{domain}/{product}/{dataset}/builds", response_model=BuildPage, responses=problems(404)
)
async def show_builds(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    dataset: str,
    limit: Limit = 40,
    cursor: Cursor = None,
) -> Response:
    """List the node runs that built a dataset, or tried to, the newest first."""
    key = of_product(caller, domain, product)
    return await read(request, catalogue.show_builds, key, dataset, limit=limit, cursor=cursor)


@router.get("/versions", response_model=VersionPage, responses=problems(404))
async def show_versions(
    request: Request,
    caller: Caller,
    product: Product = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List what was applied, the newest first."""
    of_filter(caller, product)
    return await read(
        request, catalogue.show_versions, product, scope=caller.scope, limit=limit, cursor=cursor
    )


@router.get(
    "/products/{domain}/{product}/versions/{number}", response_model=VersionDetail, responses=problems(404)
)
async def show_version(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    number: Annotated[int, Path(ge=1, le=2**31 - 1)],
) -> Response:
    """Show a version of a product and what it changed."""
    return await read(request, catalogue.show_version, of_product(caller, domain, product), number)


@router.post(
    "/products/{domain}/{product}/rollback",
    response_model=RolledBack,
    responses=problems(404, 409),
    openapi_extra=takes(NoBody),
)
async def roll_back(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Restore the version before, as a new one; runs in flight keep the one they were opened with."""
    key = of_product(caller, domain, product, Role.OWNER)
    return await act_without_body(request, caller, versions.request_rollback, key)
