"""What needs somebody: late deliveries, runs that failed, rows that were refused, events that nobody could handle."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from landfall.landing.dead_letters import DeadLetter, LetterFilter, count_dead_letters, list_dead_letters
from landfall.landing.queries import count_files
from landfall.landing.sets import SetState
from landfall.metadata.alarms import Alarm, AlarmName, list_alarms
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import (
    data_products,
    landing_sets,
    product_leases,
    product_schedules,
    runs,
)
from landfall.runs.dataset_list import DatasetFilter, DatasetSummary, list_datasets
from landfall.runs.leases import Pause
from landfall.runs.queries import RunSummary, run_summaries, run_summary
from landfall.runs.states import FileState, RunState

SHOWN = 10
"""Entries of each kind that are read; ``more`` says that there are others."""

# The timer that takes up what is due comes once a minute.
_GRACE = timedelta(minutes=5)
# What failed longer ago and was not touched since needs nobody any more.
_LOOKED_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LateDelivery:
    """Files that should be complete by now, or a scheduled run that should have begun.

    Attributes:
        subject: The dataset with the set's key, or the schedule.
    """

    product: str
    subject: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class PausedProduct:
    product: str
    pause: Pause


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs somebody, of each kind the newest first (of what is late the longest overdue).

    Attributes:
        failed: Runs that failed and after which none of their product succeeded or repeats them.
        broken: Datasets with a rule that rows broke when it last looked.
        letters: Dead letters, and ``dead`` how many there are.
        files: How many files were rejected or unmatched in the last days, by state.
        alarms: Alarms of other kinds.
    """

    late: tuple[LateDelivery, ...]
    failed: tuple[RunSummary, ...]
    broken: tuple[DatasetSummary, ...]
    letters: tuple[DeadLetter, ...]
    dead: int
    files: dict[str, int]
    alarms: tuple[Alarm, ...]
    paused: tuple[PausedProduct, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing needs anybody."""
        return not any(
            (self.late, self.failed, self.broken, self.dead, self.alarms, self.paused, *self.files)
        )


def attention(connection: sa.Connection, *, scope: Scope = EVERYTHING, now: datetime) -> Attention:
    """Return what needs somebody, as far as ``scope`` sees it; what belongs to no product is for who sees all."""
    everything = scope.domains is None
    dead = LetterFilter()
    return Attention(
        late=_late(connection, scope, now),
        failed=_failed(connection, scope, now),
        broken=list_datasets(connection, DatasetFilter(broken=True), scope=scope, limit=SHOWN).items,
        letters=list_dead_letters(connection, dead, limit=SHOWN).items if everything else (),
        dead=count_dead_letters(connection, dead) if everything else 0,
        files=count_files(
            connection, (FileState.REJECTED, FileState.UNMATCHED), now - _LOOKED_BACK, scope=scope
        ),
        alarms=tuple(
            alarm
            for alarm in list_alarms(connection, scope=scope).items
            # What is late says the same.
            if alarm.name != AlarmName.SET_INCOMPLETE
        )[:SHOWN],
        paused=_paused(connection, scope),
    )


def _late(connection: sa.Connection, scope: Scope, now: datetime) -> tuple[LateDelivery, ...]:
    sets = connection.execute(
        sa.select(landing_sets, data_products.c.Domain, data_products.c.Name)
        .join_from(landing_sets, data_products)
        .where(landing_sets.c.State == SetState.OPEN, landing_sets.c.DeadlineAt <= now, scope.rows())
        .order_by(landing_sets.c.DeadlineAt, landing_sets.c.LandingSetID)
        .limit(SHOWN)
    )
    schedules = connection.execute(
        sa.select(product_schedules, data_products.c.Domain, data_products.c.Name)
        .join_from(product_schedules, data_products)
        .join(product_leases, product_leases.c.DataProductID == data_products.c.DataProductID)
        .where(
            product_schedules.c.NextDueAt <= now - _GRACE,
            # Whoever paused a product knows that it does not run.
            product_leases.c.PausedAt.is_(None),
            scope.rows(),
        )
        .order_by(product_schedules.c.NextDueAt, product_schedules.c.ProductScheduleID)
        .limit(SHOWN)
    )
    late = [
        LateDelivery(f"{row.Domain}/{row.Name}", f"{row.DataSetName} {row.SetKey}".rstrip(), row.DeadlineAt)
        for row in sets
    ]
    late += [
        LateDelivery(f"{row.Domain}/{row.Name}", f"schedule {row.Cron}", row.NextDueAt) for row in schedules
    ]
    return tuple(sorted(late, key=lambda item: (item.due_at, item.product, item.subject))[:SHOWN])


def _failed(connection: sa.Connection, scope: Scope, now: datetime) -> tuple[RunSummary, ...]:
    later, again = runs.alias("Later"), runs.alias("Again")
    mended = sa.exists().where(
        later.c.DataProductID == runs.c.DataProductID,
        later.c.CreatedAt > runs.c.CreatedAt,
        later.c.State == RunState.SUCCEEDED,
    )
    repeated = sa.exists().where(
        again.c.DataProductID == runs.c.DataProductID,
        again.c.CreatedAt > runs.c.CreatedAt,
        again.c.RerunOf == runs.c.RunID,
    )
    rows = connection.execute(
        run_summaries()
        .where(
            runs.c.State == RunState.FAILED,
            runs.c.CreatedAt >= now - _LOOKED_BACK,
            scope.rows(),
            ~mended,
            ~repeated,
        )
        .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
        .limit(SHOWN)
    )
    return tuple(run_summary(row) for row in rows)


def _paused(connection: sa.Connection, scope: Scope) -> tuple[PausedProduct, ...]:
    rows = connection.execute(
        sa.select(product_leases, data_products.c.Domain, data_products.c.Name)
        .join_from(product_leases, data_products)
        .where(product_leases.c.PausedAt.is_not(None), scope.rows())
        .order_by(product_leases.c.PausedAt.desc())
        .limit(SHOWN)
    )
    return tuple(
        PausedProduct(f"{row.Domain}/{row.Name}", Pause(row.PausedAt, row.PausedBy, row.PauseReason))
        for row in rows
    )
