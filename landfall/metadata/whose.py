"""Whose a row is: the domain of what an id names, so that nobody is answered about what they may not see."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from landfall.addresses import parse_blob_url
from landfall.metadata.tables import backfills, data_products, landed_files, run_requests, runs

_IDS_IN_ONE = 500


def domain_of_run(connection: sa.Connection, run_id: str) -> str | None:
    """Return the domain of a run, ``None`` if there is no such run."""
    return _domain(connection, runs, runs.c.RunID, run_id)


def domain_of_request(connection: sa.Connection, request_id: str) -> str | None:
    """Return the domain of a request, ``None`` if there is no such request."""
    return _domain(connection, run_requests, run_requests.c.RequestID, request_id)


def domain_of_backfill(connection: sa.Connection, backfill_id: str) -> str | None:
    """Return the domain of a backfill, ``None`` if there is no such backfill."""
    return _domain(connection, backfills, backfills.c.BackfillID, backfill_id)


def domains_of_files(connection: sa.Connection, file_ids: Sequence[int]) -> dict[int, str | None]:
    """Return the domain of each of these files that there is: its product's, else that whose folder it is in."""
    found: dict[int, str | None] = {}
    for start in range(0, len(file_ids), _IDS_IN_ONE):
        query = sa.select(
            landed_files.c.LandedFileID, landed_files.c.Url, data_products.c.Domain
        ).select_from(
            landed_files.outerjoin(
                data_products, data_products.c.DataProductID == landed_files.c.DataProductID
            )
        )
        wanted = landed_files.c.LandedFileID.in_(file_ids[start : start + _IDS_IN_ONE])
        rows = connection.execute(query.where(wanted))
        found.update({row.LandedFileID: row.Domain or _domain_of_folder(row.Url) for row in rows})
    return found


def _domain_of_folder(url: str) -> str | None:
    """Return the first folder of a file's path below the landing zone, ``None`` for a file in none."""
    domain, slash, _ = parse_blob_url(url).path.partition("/")
    return domain if slash else None


def _domain(connection: sa.Connection, table: sa.Table, column: sa.Column[Any], value: str) -> str | None:
    query = (
        sa.select(data_products.c.Domain)
        .select_from(table.join(data_products, data_products.c.DataProductID == table.c.DataProductID))
        .where(column == value)
    )
    domain: str | None = connection.execute(query).scalar_one_or_none()
    return domain
