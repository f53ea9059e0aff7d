"""The audit log: each act with who, when, what and the parameters, written in the transaction that does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from landfall.concealing import without_secrets
from landfall.metadata.engine import Database
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import audit_log

_MOST_SUBJECT = 400


class Via(StrEnum):
    """Which way an act came."""

    API = "api"
    CONSOLE = "console"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class AuditedAct:
    """An act as it was written.

    Attributes:
        act: Its name, as ``landfall.acts`` lists it.
        domain: ``None`` for what concerns no domain, or several.
        subject: What it was done to: a product, a run, a setting.
        parameters: As they were sent, without secrets; long ones are cut.
    """

    audit_id: int
    occurred_at: datetime
    actor: str
    via: Via
    act: str
    domain: str | None
    subject: str | None
    parameters: Mapping[str, Any]


@dataclass(slots=True)
class Doing:
    """An act that is about to be done; what it concerns may be found out on the way."""

    actor: str
    via: Via
    act: str
    at: datetime
    domain: str | None = None
    subject: str | None = None
    parameters: Mapping[str, Any] | None = None

    def audited(self, database: Database) -> Database:
        """Return a database whose first transaction that commits writes this act down as well.

        What is refused, or only looked at, is not written. A bulk act is one row, with the filter it was given.
        """
        call_id = uuid4().hex
        return database.accompanied(lambda connection: self._write(connection, call_id))

    def _write(self, connection: sa.Connection, call_id: str) -> None:
        known = sa.select(audit_log.c.AuditID).where(audit_log.c.CallID == call_id)
        if connection.execute(known).first() is not None:
            return
        connection.execute(
            sa.insert(audit_log).values(
                CallID=call_id,
                OccurredAt=self.at,
                Actor=self.actor[:128],
                Via=self.via,
                Act=self.act,
                Domain=self.domain,
                Subject=self.subject[:_MOST_SUBJECT] if self.subject else None,
                Parameters=without_secrets(self.parameters or {}),
            )
        )


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which acts a list is about: those that meet every field given; ``act`` may be the beginning of a name."""

    actor: str | None = None
    act: str | None = None
    subject: str | None = None
    since: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if self.actor is not None:
            conditions.append(audit_log.c.Actor == self.actor)
        if self.act is not None:
            conditions.append(audit_log.c.Act.startswith(self.act, autoescape=True))
        if self.subject is not None:
            conditions.append(audit_log.c.Subject == self.subject)
        if self.since is not None:
            conditions.append(audit_log.c.OccurredAt >= self.since)
        return conditions


def list_acts(
    connection: sa.Connection,
    wanted: AuditFilter = AuditFilter(),
    *,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[AuditedAct]:
    """Return a page of acts, the newest first.

    Args:
        scope: Whose acts are seen; those of no domain by who sees everything.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = sa.select(audit_log).where(*wanted.conditions(), scope.rows(audit_log.c.Domain))
    order = [SortKey("audit_id", audit_log.c.AuditID, descending=True)]
    return read_page(connection, query, order, _act, limit=limit, cursor=cursor)


def _act(row: sa.Row[Any]) -> AuditedAct:
    return AuditedAct(
        audit_id=row.AuditID,
        occurred_at=row.OccurredAt,
        actor=row.Actor,
        via=Via(row.Via),
        act=row.Act,
        domain=row.Domain,
        subject=row.Subject,
        parameters=row.Parameters,
    )
