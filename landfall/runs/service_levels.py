"""Whether products keep their service levels: measured where something may have changed, shown for all.

An objective is looked at when it is due: a dataset's when its age reaches the limit, any at the end of a run of its
product. So a round of the timer costs what has changed, not what there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.known_settings import duration_text
from landfall.metadata.alarms import AlarmName, clear_alarm, raise_alarm
from landfall.metadata.catalog import named
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.service_levels import MILLION, LevelState, level_subject, overdue_before
from landfall.metadata.tables import data_products, published_data_sets, runs, service_levels
from landfall.runs.states import RunState
from landfall.wording import counted

# Runs leave the time that is looked back on without anything else happening.
_LOOK_AGAIN = timedelta(hours=1)
LEVELS_IN_ROUND = 500


@dataclass(frozen=True, slots=True)
class LevelChange:
    """An objective that is met or missed since now."""

    product: str
    name: str
    before: LevelState
    after: LevelState
    detail: str


@dataclass(frozen=True, slots=True)
class LevelReport:
    """How an objective stands.

    Attributes:
        product: ``domain/product``.
        dataset: Whose age it limits; ``None`` where it is about the success of runs.
        window_s: Longest age, or how far back runs are looked at, in seconds.
        min_share: Smallest share of the runs that ended which have to succeed, ``None`` for freshness.
        since: Since when the state is what it is.
        age_s: Age of the dataset now in seconds, ``None`` if it was never published or is not what this is about.
        share: Share of the runs that succeeded as it was measured last, ``None`` for freshness and without runs.
        measured_at: When the state was looked at last; ``None`` if it never was.
        owner_team: Who answers for it.
    """

    product: str
    name: str
    dataset: str | None
    window_s: int
    min_share: float | None
    state: LevelState
    since: datetime
    age_s: float | None
    share: float | None
    measured_at: datetime | None
    owner_team: str
    owner_email: str

    @property
    def objective(self) -> str:
        """What is promised, in words."""
        if self.dataset is not None:
            return f"{self.dataset} at most {duration_text(self.window_s)} old"
        return f"{self.min_share:.4g} of runs succeed over {duration_text(self.window_s)}"

    def to_payload(self) -> dict[str, Any]:
        """Return how it stands as API and command show it, who write instants each in their way."""
        return {
            "product": self.product,
            "name": self.name,
            "objective": self.objective,
            "dataset": self.dataset,
            "window_s": self.window_s,
            "min_share": self.min_share,
            "state": str(self.state),
            "since": self.since,
            "age_s": None if self.age_s is None else round(self.age_s, 1),
            "share": None if self.share is None else round(self.share, 6),
            "measured_at": self.measured_at,
            "owner_team": self.owner_team,
            "owner_email": self.owner_email,
        }


@dataclass(frozen=True, slots=True)
class _Measured:
    state: LevelState
    detail: str
    next_due_at: datetime
    ended: int | None = None
    succeeded: int | None = None


def check_service_levels(
    connection: sa.Connection, *, now: datetime, limit: int = LEVELS_IN_ROUND
) -> tuple[LevelChange, ...]:
    """Measure the objectives that are due, raise and clear their alarms, and return what has changed.

    Args:
        limit: Objectives of one round; further ones have their turn in the next.
    """
    due = _with_publications(
        connection, service_levels.c.NextDueAt <= now, service_levels.c.NextDueAt, limit=limit
    )
    ended = _ended_runs(connection, due, now)
    changes = []
    for row in due:
        measured = (
            _freshness(row, now)
            if row.DataSetName is not None
            else _success(row, ended[row.WindowS].get(row.DataProductID, {}), now)
        )
        change = _settle(connection, row, measured, now)
        if change is not None:
            changes.append(change)
    return tuple(changes)


def list_service_levels(
    connection: sa.Connection, *, product: str | None = None, scope: Scope = EVERYTHING, now: datetime
) -> tuple[LevelReport, ...]:
    """Return how every objective stands, or those of one product, by product and name."""
    chosen = sa.and_(scope.rows(), named(product) if product is not None else sa.true())
    return tuple(
        LevelReport(
            product=f"{row.Domain}/{row.ProductName}",
            name=row.Name,
            dataset=row.DataSetName,
            window_s=row.WindowS,
            min_share=None if row.MinSharePpm is None else row.MinSharePpm / MILLION,
            state=LevelState(row.State),
            since=row.StateSince,
            age_s=None if row.PublishedAt is None else max(0.0, (now - row.PublishedAt).total_seconds()),
            share=row.RunsSucceeded / row.RunsEnded if row.RunsEnded else None,
            measured_at=row.MeasuredAt,
            owner_team=row.OwnerTeam,
            owner_email=row.OwnerEmail,
        )
        for row in _with_publications(
            connection, chosen, data_products.c.Domain, data_products.c.Name, service_levels.c.Name
        )
    )


def _with_publications(
    connection: sa.Connection,
    chosen: sa.ColumnElement[bool],
    *order: sa.Column[Any],
    limit: int | None = None,
) -> Sequence[sa.Row[Any]]:
    """Return objectives with their products and the newest publication of their datasets."""
    published = published_data_sets
    return connection.execute(
        sa.select(
            service_levels,
            data_products.c.Domain,
            data_products.c.Name.label("ProductName"),
            data_products.c.OwnerTeam,
            data_products.c.OwnerEmail,
            published.c.PublishedAt,
        )
        .select_from(
            service_levels.join(
                data_products, data_products.c.DataProductID == service_levels.c.DataProductID
            ).outerjoin(
                published,
                (published.c.DataProductID == service_levels.c.DataProductID)
                & (published.c.DataSetName == service_levels.c.DataSetName),
            )
        )
        .where(chosen)
        .order_by(*order)
        .limit(limit)
    ).all()


def _ended_runs(
    connection: sa.Connection, due: Sequence[sa.Row[Any]], now: datetime
) -> Mapping[int, Mapping[int, Mapping[RunState, int]]]:
    """Return how many runs opened within each window have ended, by window in seconds, product and state."""
    found: dict[int, dict[int, dict[RunState, int]]] = {}
    for window_s in {row.WindowS for row in due if row.DataSetName is None}:
        products = [row.DataProductID for row in due if row.DataSetName is None and row.WindowS == window_s]
        counted = connection.execute(
            sa.select(runs.c.DataProductID, runs.c.State, sa.func.count().label("Runs"))
            .where(
                runs.c.DataProductID.in_(products),
                runs.c.CreatedAt >= now - timedelta(seconds=window_s),
                # A run that somebody cancelled neither succeeded nor failed.
                runs.c.State.in_([RunState.SUCCEEDED, RunState.FAILED]),
            )
            .group_by(runs.c.DataProductID, runs.c.State)
        )
        by_product = found.setdefault(window_s, {})
        for row in counted:
            by_product.setdefault(row.DataProductID, {})[RunState(row.State)] = row.Runs
    return found


def _freshness(row: sa.Row[Any], now: datetime) -> _Measured:
    until = overdue_before(row.PublishedAt, row.DeclaredAt, row.WindowS)
    limit = f"and may be {duration_text(row.WindowS)} old"
    if row.PublishedAt is None:
        detail = f"{row.DataSetName} was never published {limit}"
    else:
        detail = f"{row.DataSetName} was published last at {row.PublishedAt:%Y-%m-%d %H:%M:%S} UTC {limit}"
    if now > until:
        return _Measured(LevelState.MISSED, detail, now + _LOOK_AGAIN)
    state = LevelState.MET if row.PublishedAt is not None else LevelState.UNKNOWN
    return _Measured(state, detail, until + timedelta(seconds=1))


def _success(row: sa.Row[Any], counts: Mapping[RunState, int], now: datetime) -> _Measured:
    good, ended = counts.get(RunState.SUCCEEDED, 0), sum(counts.values())
    next_due_at = now + _LOOK_AGAIN
    if not ended:
        return _Measured(LevelState.UNKNOWN, "no run has ended", next_due_at, 0, 0)
    detail = (
        f"{good} of {counted(ended, 'run')} of the last {duration_text(row.WindowS)} succeeded, {good / ended:.1%}, "
        f"and {row.MinSharePpm / MILLION:.4%} have to"
    )
    # In whole numbers: a share that is met exactly is met.
    state = LevelState.MET if good * MILLION >= row.MinSharePpm * ended else LevelState.MISSED
    return _Measured(state, detail, next_due_at, ended, good)


def _settle(
    connection: sa.Connection, row: sa.Row[Any], measured: _Measured, now: datetime
) -> LevelChange | None:
    before = LevelState(row.State)
    changed = measured.state is not before
    values: dict[str, Any] = {
        "RunsEnded": measured.ended,
        "RunsSucceeded": measured.succeeded,
        "MeasuredAt": now,
        "NextDueAt": measured.next_due_at,
    }
    if changed:
        values |= {"State": measured.state, "StateSince": now}
    connection.execute(
        sa.update(service_levels).where(service_levels.c.ServiceLevelID == row.ServiceLevelID).values(values)
    )
    product = f"{row.Domain}/{row.ProductName}"
    subject = level_subject(product, row.Name)
    alarm = AlarmName.FRESHNESS_MISSED if row.DataSetName is not None else AlarmName.SUCCESS_MISSED
    if measured.state is LevelState.MISSED:
        raise_alarm(
            connection, alarm, product_id=row.DataProductID, subject=subject, detail=measured.detail, now=now
        )
    else:
        clear_alarm(connection, alarm, subject, now=now)
    return LevelChange(product, row.Name, before, measured.state, measured.detail) if changed else None
