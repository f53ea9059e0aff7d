"""Requests for a run: by a person, a pipeline or a schedule; a coordinator answers them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.awaited import awaited_files
from landfall.metadata.catalog import get_current_product
from landfall.metadata.tables import data_products, run_requests, runs
from landfall.runs.ids import QUARANTINE, REPLAY, RequestID, RunID
from landfall.runs.leases import LeaseState, lock_lease, set_lease
from landfall.runs.states import FINAL_RUN_STATES, FileState, RunState
from landfall.spec.model import OnFailure, Product


class Trigger(StrEnum):
    LANDING = "landing"
    HTTP = "http"
    ADF = "adf"
    SCHEDULE = "schedule"
    UPSTREAM = "upstream"
    RERUN = "rerun"
    REPLAY = REPLAY
    BACKFILL = "backfill"
    QUARANTINE = QUARANTINE


class RequestState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"


class UnknownDataset(LandfallError):
    """A request names a dataset that the product does not have."""

    code = "LF3201"

    def __init__(self, product: str, names: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            f"{product} has no dataset {', '.join(map(repr, names))}. Its datasets are {', '.join(known)}."
        )
        self.names = tuple(names)


class UnknownRequest(LandfallError):
    """No run was asked for under that id."""

    code = "LF3202"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"There is no run request {request_id!r}.")


class IdempotencyKeyReused(LandfallError):
    """A key that stands for another request of the same product."""

    code = "LF3212"

    def __init__(self, product: str, key: str, request_id: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} of {product} stands for request {request_id}, which asked for something "
            "else. Send the same body again to get that run, or another key to start a new one."
        )
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What somebody asked for.

    Attributes:
        datasets: Start downstream of these; empty together with ``full`` false means: of what has landed.
        full: Build every transformation again.
        on_failure: What the run does after a failed node; ``None`` leaves that to the product's settings.
        idempotency_key: The same key for the same product is the same request.
        files: Paths in the landing container of files that were written before: the run waits for their events,
            and whoever waits for it learns what became of them.
    """

    product: str
    trigger: Trigger
    requested_by: str
    datasets: tuple[str, ...] = ()
    full: bool = False
    parameters: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    on_failure: OnFailure | None = None
    files: tuple[str, ...] = ()

    @property
    def asked(self) -> dict[str, Any]:
        """What is asked for, as it is stored, whoever asks and whenever."""
        return {
            "Trigger": str(self.trigger),
            "DataSets": list(self.datasets),
            # The caller's own parameters never say what the request itself says.
            "Parameters": {
                **(self.parameters or {}),
                "full": self.full,
                "on_failure": str(self.on_failure) if self.on_failure is not None else None,
                **({"files": list(self.files)} if self.files else {}),
            },
        }


@dataclass(frozen=True, slots=True)
class Requested:
    """The request as stored, and whether its product's coordinator has to be started.

    Attributes:
        waits: The product is paused, so the request waits until it is resumed.
    """

    request_id: RequestID
    product: Product
    start_coordinator: bool
    waits: bool = False


def request_run(
    connection: sa.Connection, request: RunRequest, *, request_id: RequestID, now: datetime
) -> Requested:
    """Write a request and take the product's lease if it is idle; one of a paused product waits.

    Raises:
        UnknownProduct: No such product has been applied.
        UnknownDataset: A dataset is not the product's.
        IdempotencyKeyReused: The key stands for a request of something else.
    """
    current = get_current_product(connection, request.product)
    known = [dataset.name for dataset in current.product.datasets]
    unknown = sorted(set(request.datasets) - set(known))
    if unknown:
        raise UnknownDataset(request.product, unknown, known)
    lease = lock_lease(connection, current.product_id, now)
    if request.idempotency_key is not None:
        earlier = connection.execute(
            sa.select(run_requests).where(
                run_requests.c.DataProductID == current.product_id,
                run_requests.c.IdempotencyKey == request.idempotency_key,
            )
        ).one_or_none()
        if earlier is not None:
            if any(getattr(earlier, column) != value for column, value in request.asked.items()):
                raise IdempotencyKeyReused(request.product, request.idempotency_key, earlier.RequestID)
            return Requested(RequestID(earlier.RequestID), current.product, start_coordinator=False)
    stored = connection.execute(
        sa.select(run_requests.c.RequestID).where(run_requests.c.RequestID == request_id)
    ).first()
    if stored is not None:
        # The transaction was committed and its answer lost; what it left to start, the timer starts.
        return Requested(request_id, current.product, start_coordinator=False, waits=lease.pause is not None)
    connection.execute(
        sa.insert(run_requests).values(
            RequestID=request_id,
            DataProductID=current.product_id,
            **request.asked,
            IdempotencyKey=request.idempotency_key,
            State=RequestState.PENDING,
            RequestedAt=now,
            RequestedBy=request.requested_by,
        )
    )
    if lease.wants_coordinator:
        set_lease(connection, current.product_id, LeaseState.ACTIVE, now)
    return Requested(
        request_id,
        current.product,
        start_coordinator=lease.wants_coordinator,
        waits=lease.pause is not None,
    )


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """Where a request stands: waiting, in a run, or over.

    Attributes:
        run_state: ``None`` before a run took the request up, and where nothing had to be run.
        reason: Why nothing had to be run, or why the run did not succeed.
        file_faults: What became of the files it waited for, of those that were not taken in.
    """

    request_id: RequestID
    product: str
    run_id: RunID | None
    run_state: RunState | None
    reason: str | None
    ended: bool
    file_faults: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the request has ended, and well; nothing to run is well."""
        return self.ended and self.run_state in {None, RunState.SUCCEEDED} and not self.file_faults

    def to_payload(self) -> dict[str, Any]:
        """Return the status as callers get it, whether they ask for it or are called back."""
        return {
            "request_id": self.request_id,
            "product": self.product,
            "run_id": self.run_id,
            "state": self.run_state or ("done" if self.ended else "pending"),
            "reason": self.reason,
        }

    def failure(self) -> str:
        """Return in a sentence how the run ended that did not succeed."""
        if self.file_faults:
            return " ".join(f"{fault}." for fault in self.file_faults)
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"Run {self.run_id} ended as {self.run_state}{why}. `landfall runs show {self.run_id}` says more."
        )


WITH_PRODUCT_AND_RUN = run_requests.join(
    data_products, data_products.c.DataProductID == run_requests.c.DataProductID
).outerjoin(runs, runs.c.RunID == run_requests.c.RunID)
"""Requests with their products, and with the run that took each up where there is one."""


def request_status(connection: sa.Connection, request_id: str) -> RequestStatus:
    """Return where a request stands.

    Raises:
        UnknownRequest: There is none with that id.
    """
    row = None
    if re.fullmatch(r"[0-9a-z-]{1,32}", request_id):
        row = connection.execute(
            sa.select(
                run_requests.c.State,
                run_requests.c.Reason,
                run_requests.c.RunID,
                run_requests.c.DataProductID,
                run_requests.c.RequestedAt,
                run_requests.c.Parameters,
                runs.c.State.label("RunState"),
                runs.c.Reason.label("RunReason"),
                data_products.c.Domain,
                data_products.c.Name,
            )
            .select_from(WITH_PRODUCT_AND_RUN)
            .where(run_requests.c.RequestID == request_id)
        ).one_or_none()
    if row is None:
        raise UnknownRequest(request_id)
    run_state = RunState(row.RunState) if row.RunState else None
    ended = row.State == RequestState.DONE or run_state in FINAL_RUN_STATES
    going, faults = False, tuple[str, ...]()
    if ended and row.Parameters.get("files"):
        going, faults = _fate_of_files(
            connection, row.DataProductID, row.Parameters["files"], row.RequestedAt
        )
    return RequestStatus(
        request_id=RequestID(request_id),
        product=f"{row.Domain}/{row.Name}",
        run_id=RunID(row.RunID) if row.RunID else None,
        run_state=run_state,
        reason=row.Reason or row.RunReason,
        ended=ended and not going,
        file_faults=faults,
    )


def _fate_of_files(
    connection: sa.Connection, product_id: int, paths: Sequence[str], asked_at: datetime
) -> tuple[bool, tuple[str, ...]]:
    """Return whether a run has one of the files still, and what keeps any of them from being taken in."""
    found = awaited_files(connection, product_id, paths, asked_at=asked_at)
    faults = [f"{path} has not landed" for path in paths if path not in found]
    faults += [
        f"{path} is {file.state}{f': {file.reason}' if file.reason else ''}"
        for path, file in found.items()
        if file.state is not FileState.DONE
    ]
    return any(not file.ended for file in found.values()), tuple(faults)
