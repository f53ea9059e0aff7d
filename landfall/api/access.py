"""Whether a caller may see or change what an address names; what they may not see is not there."""

import asyncio
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from fastapi import Request

from landfall.api.auditing import concerns
from landfall.api.identity import Viewer, backend_of
from landfall.errors import LandfallError
from landfall.landing.queries import UnknownFile
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.whose import domain_of_backfill, domain_of_request, domain_of_run, domains_of_files
from landfall.roles import Role
from landfall.runs.backfill_acts import UnknownBackfill
from landfall.runs.closing import UnknownRun
from landfall.runs.requests import UnknownRequest


def of_product(viewer: Viewer, domain: str, product: str, role: Role = Role.READER) -> str:
    """Return ``domain/product`` if the caller has ``role`` for it.

    Raises:
        UnknownProduct: The caller may not even see it.
        RoleMissing: The caller may see it, but not do that.
    """
    if not viewer.scope.sees(domain):
        raise UnknownProduct(f"{domain}/{product}", ())
    viewer.require(role, domain)
    return f"{domain}/{product}"


def of_filter(viewer: Viewer, product: str | None) -> None:
    """Do nothing if a product that a list is narrowed to may be seen, or none is named.

    Raises:
        UnknownProduct: The caller may not see it.
    """
    if product is not None and not viewer.scope.sees(product.partition("/")[0]):
        raise UnknownProduct(product, ())


async def of_run(request: Request, viewer: Viewer, run_id: str, role: Role = Role.READER) -> str:
    """Return the id of a run if the caller has ``role`` for it.

    Raises:
        UnknownRun: There is none, or the caller may not see it.
        RoleMissing: The caller may see it, but not do that.
    """
    return await _of(request, viewer, domain_of_run, run_id, UnknownRun, role)


async def of_request(request: Request, viewer: Viewer, request_id: str) -> str:
    """Return the id of a request if the caller may see it.

    Raises:
        UnknownRequest: There is none, or the caller may not see it.
    """
    return await _of(request, viewer, domain_of_request, request_id, UnknownRequest, Role.READER)


async def of_backfill(request: Request, viewer: Viewer, backfill_id: str, role: Role = Role.READER) -> str:
    """Return the id of a backfill if the caller has ``role`` for it.

    Raises:
        UnknownBackfill: There is none, or the caller may not see it.
        RoleMissing: The caller may see it, but not do that.
    """
    return await _of(request, viewer, domain_of_backfill, backfill_id, UnknownBackfill, role)


async def of_files(
    request: Request, viewer: Viewer, file_ids: Sequence[int], role: Role = Role.READER
) -> None:
    """Do nothing if the caller has ``role`` for each of these files.

    Raises:
        UnknownFile: There is none with an id, or the caller may not see it.
        RoleMissing: The caller may see it, but not do that.
    """
    database = backend_of(request).database
    found = await asyncio.to_thread(database.read, lambda connection: domains_of_files(connection, file_ids))
    for file_id in file_ids:
        if file_id not in found or not viewer.scope.sees(found[file_id]):
            raise UnknownFile(str(file_id))
    for domain in found.values():
        viewer.require(role, domain)
    domains = set(found.values())
    concerns(request, domains.pop() if len(domains) == 1 else None)


async def of_named_files(request: Request, file_ids: Sequence[int]) -> None:
    """Note whose domain an act concerns that names its files by number, so that its people find it in the audit log."""
    if file_ids:
        database = backend_of(request).database
        found = await asyncio.to_thread(
            database.read, lambda connection: domains_of_files(connection, file_ids)
        )
        domains = set(found.values())
        concerns(request, domains.pop() if len(domains) == 1 else None)


async def _of(
    request: Request,
    viewer: Viewer,
    domain_of: Callable[[sa.Connection, str], str | None],
    text: str,
    unknown: Callable[[str], LandfallError],
    role: Role,
) -> str:
    database = backend_of(request).database
    domain = await asyncio.to_thread(database.read, lambda connection: domain_of(connection, text))
    if domain is None or not viewer.scope.sees(domain):
        raise unknown(text)
    viewer.require(role, domain)
    concerns(request, domain)
    return text
