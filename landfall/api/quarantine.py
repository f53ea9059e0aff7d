"""Rows in quarantine over HTTP: how many there are, the rows, and acts on them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from landfall.api.body import FLAG, TEXT, BodyField, read_body
from landfall.api.reply import Acted, Reply, invalid, problem_of
from landfall.api.runs import accepted
from landfall.lake import Lake
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID
from landfall.runs.quarantining import (
    BuiltAsAWhole,
    HeldAct,
    HeldOrder,
    HeldRows,
    NothingIsRefused,
    ReasonNeeded,
    request_held,
)
from landfall.runs.requests import IdempotencyKeyReused, UnknownDataset
from landfall.settings import Settings

# `landfall.quarantine` reads the lake with a large library, which must not hold up the start of the app: it is
# imported where it is needed.
if TYPE_CHECKING:
    from landfall.quarantine import HeldState

_MOST_NAMES = 100
_NAMES = BodyField(
    f"a list of at most {_MOST_NAMES} texts",
    lambda v: isinstance(v, list) and len(v) <= _MOST_NAMES and all(isinstance(i, str) and i for i in v),
)
_FIELDS = {
    "dataset": TEXT,
    "rules": _NAMES,
    "runs": _NAMES,
    "files": _NAMES,
    "reason": BodyField("a text", lambda v: isinstance(v, str) and 0 < len(v) <= 2_000),
    "dry_run": FLAG,
    "idempotency_key": TEXT,
}


def show_quarantine(
    database: Database, settings: Settings, product: str | None, dataset: str | None
) -> Reply:
    """Answer ``GET /api/quarantine``: what lies in quarantine, by product, dataset and rule."""
    from landfall.quarantine import list_held

    lake = Lake.connect(settings)
    try:
        found = list_held(database, lake, settings, product=product, dataset=dataset)
    except UnknownProduct as error:
        return problem_of(error, status=404)
    finally:
        lake.close()
    return Reply(200, [_plain(asdict(item)) for item in found])


def show_quarantined_rows(
    database: Database,
    settings: Settings,
    product: str,
    chosen: HeldRows,
    *,
    state: "HeldState | None",
    limit: int,
    offset: int,
) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}/quarantine/{dataset}``: refused rows, the oldest first."""
    from landfall.quarantine import read_rows

    try:
        found = read_rows(database, settings, product, chosen, state=state, limit=limit, offset=offset)
    except UnknownProduct as error:
        return problem_of(error, status=404)
    following = offset + limit if len(found) == limit else None
    return Reply(200, {"rows": [_plain(asdict(row)) for row in found], "following": following})


def act_on_quarantine(
    database: Database,
    product: str,
    act: str,
    body: bytes,
    *,
    settings: Settings,
    at: str,
    actor: str,
    request_id: RequestID,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/quarantine/{act}``: 202 as for a start of a run.

    Args:
        act: ``replay`` or ``discard``.
        body: JSON: ``dataset``; ``rules``, ``runs``, ``files`` (lists), each of which narrows the rows down;
            ``reason`` (text, needed to discard); ``dry_run`` (true or false): only count them; ``idempotency_key``.
    """
    fields, faults = read_body(body, _FIELDS)
    if act not in list(HeldAct):
        faults.append(f"{act!r} is none of {', '.join(HeldAct)}.")
    if "dataset" not in fields and not faults:
        faults.append("'dataset' is missing.")
    if faults:
        return invalid(faults)
    chosen = HeldRows(
        fields["dataset"], *(tuple(fields.get(name, ())) for name in ("rules", "runs", "files"))
    )
    order = HeldOrder(HeldAct(act), chosen, fields.get("reason"))
    try:
        if fields.get("dry_run", False):
            from landfall.quarantine import count_chosen

            counted = count_chosen(database, settings, product, chosen)
            return Acted(
                Reply(
                    200, {"dry_run": True, "product": product, "dataset": chosen.dataset, **asdict(counted)}
                )
            )
        requested = database.transact(
            lambda connection: request_held(
                connection,
                product,
                order,
                request_id=request_id,
                actor=actor,
                now=now,
                idempotency_key=fields.get("idempotency_key"),
            )
        )
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    except (UnknownDataset, NothingIsRefused, BuiltAsAWhole, ReasonNeeded) as error:
        return Acted(problem_of(error, status=400))
    except IdempotencyKeyReused as error:
        return Acted(problem_of(error))
    return accepted(requested, at)


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with instants as text."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}
