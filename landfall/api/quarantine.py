"""Rows in quarantine over HTTP: how many there are, the rows, and acts on them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from landfall.api.bodies import ActOnQuarantine
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid
from landfall.api.runs import accepted
from landfall.lake import Lake
from landfall.metadata.engine import Database
from landfall.metadata.scope import Scope
from landfall.runs.held_rows import HeldState, RowOrder
from landfall.runs.ids import RequestID
from landfall.runs.quarantining import (
    HeldAct,
    HeldOrder,
    HeldRows,
    request_held,
)
from landfall.runs.refused_list import list_refused
from landfall.settings import Settings

# `landfall.quarantine` reads the lake with a large library, which must not hold up the start of the app: it is
# imported where it is needed.


def show_quarantine(
    database: Database, settings: Settings, product: str | None, dataset: str | None, *, scope: Scope
) -> Reply:
    """Answer ``GET /api/quarantine``: what lies in quarantine, by product, dataset and rule."""
    from landfall.quarantine import list_held

    lake = Lake.connect(settings)
    try:
        found = list_held(database, lake, settings, product=product, dataset=dataset, scope=scope)
    finally:
        lake.close()
    return Reply(200, [asdict(item) for item in found])


def show_refused(
    database: Database,
    product: str | None,
    *,
    since: datetime | None,
    scope: Scope,
    limit: int,
    cursor: str | None,
) -> Reply:
    """Answer ``GET /api/quarantine/datasets``: where rows were refused, from SQL alone."""
    page = database.read(
        lambda connection: list_refused(
            connection, product=product, since=since, scope=scope, limit=limit, cursor=cursor
        )
    )
    return Reply(200, {"datasets": [asdict(item) for item in page.items], "following": page.following})


def show_quarantined_rows(
    database: Database,
    settings: Settings,
    product: str,
    chosen: HeldRows,
    *,
    state: HeldState | None,
    order: RowOrder,
    limit: int,
    cursor: str | None,
) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}/quarantine/{dataset}/rows``."""
    from landfall.quarantine import read_rows

    found = read_rows(
        database, settings, product, chosen, state=state, order=order, limit=limit, cursor=cursor
    )
    return Reply(200, {"rows": [asdict(row) for row in found.items], "following": found.following})


def act_on_quarantine(
    database: Database,
    product: str,
    act: HeldAct,
    body: bytes | Mapping[str, Any],
    *,
    settings: Settings,
    at: str,
    actor: str,
    request_id: RequestID,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/quarantine/{act}``: 202 as for a start of a run.

    Args:
        body: Of an ``ActOnQuarantine``.
    """
    wanted, faults = read_body(ActOnQuarantine, body)
    if wanted is None:
        return invalid(faults)
    chosen = HeldRows(wanted.dataset, tuple(wanted.rules), tuple(wanted.runs), tuple(wanted.files))
    order = HeldOrder(act, chosen, wanted.reason)
    if wanted.dry_run:
        from landfall.quarantine import count_chosen

        counted = count_chosen(database, settings, product, chosen)
        return Acted(
            Reply(200, {"dry_run": True, "product": product, "dataset": chosen.dataset, **asdict(counted)})
        )
    requested = database.transact(
        lambda connection: request_held(
            connection,
            product,
            order,
            request_id=request_id,
            actor=actor,
            now=now,
            idempotency_key=wanted.idempotency_key,
        )
    )
    return accepted(requested, at)
