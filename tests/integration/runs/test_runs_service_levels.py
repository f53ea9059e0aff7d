"""Service levels: measured when something may have changed, with an alarm for as long as one is missed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from landfall.metadata.alarms import AlarmName, list_alarms
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.service_levels import LevelState, wake_service_levels
from landfall.metadata.tables import published_data_sets, runs, service_levels
from landfall.runs.service_levels import LevelReport, check_service_levels, list_service_levels
from landfall.runs.states import RunState
from landfall.spec.model import DatasetName, Product, ServiceLevel
from tests.api_server import Api, ServerBackend
from tests.builders import a_product, a_transformation

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FRESH = ServiceLevel("fresh", 2 * 3600.0, dataset=DatasetName("orders"))
STEADY = ServiceLevel("steady", 24 * 3600.0, min_share=0.75)


def applied(database: Database, *levels: ServiceLevel, now: datetime = T0) -> Product:
    product = replace(a_product(a_transformation()), service_levels=levels)
    apply_products(database, [product], actor="ada", now=now)
    return product


def check(database: Database, now: datetime) -> list[tuple[str, LevelState]]:
    changes = database.transact(lambda connection: check_service_levels(connection, now=now))
    return [(change.name, change.after) for change in changes]


def report(database: Database, now: datetime = T0) -> LevelReport:
    (level,) = database.read(lambda connection: list_service_levels(connection, now=now))
    return level


def lasting(database: Database) -> list[tuple[str, str]]:
    return [(alarm.name, alarm.subject) for alarm in database.read(list_alarms).items]


def publish(database: Database, at: datetime) -> None:
    def write(connection: sa.Connection) -> None:
        connection.execute(sa.delete(published_data_sets))
        connection.execute(
            sa.insert(published_data_sets).values(
                DataProductID=1, DataSetName="orders", RunID="r", PublishedAt=at
            )
        )
        wake_service_levels(connection, 1, now=at)

    database.transact(write)


def end_runs(database: Database, states: Iterable[RunState], at: datetime) -> None:
    def write(connection: sa.Connection) -> None:
        for state in states:
            connection.execute(
                sa.insert(runs).values(
                    RunID=f"{connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one():032}",
                    DataProductID=1,
                    MetadataVersion=1,
                    Trigger="landing",
                    State=state,
                    NodeCount=1,
                    OpenNodes=0,
                    MaxParallelNodes=1,
                    Settings={},
                    CreatedAt=at,
                    FinishedAt=at,
                )
            )
        wake_service_levels(connection, 1, now=at)

    database.transact(write)


def test_a_dataset_is_fresh_until_its_age_reaches_the_limit(database: Database) -> None:
    applied(database, FRESH)
    publish(database, T0 + HOUR)

    assert check(database, T0 + HOUR) == [("fresh", LevelState.MET)]
    assert check(database, T0 + 3 * HOUR) == []
    assert check(database, T0 + 3 * HOUR + timedelta(seconds=1)) == [("fresh", LevelState.MISSED)]
    assert lasting(database) == [(AlarmName.FRESHNESS_MISSED, "sales/orders: fresh")]
    assert report(database, T0 + 4 * HOUR).age_s == 3 * 3600


def test_a_dataset_that_was_never_published_is_missed_once_it_had_its_time(database: Database) -> None:
    applied(database, FRESH)

    assert check(database, T0 + HOUR) == []
    assert report(database).state is LevelState.UNKNOWN
    assert check(database, T0 + 2 * HOUR + timedelta(seconds=1)) == [("fresh", LevelState.MISSED)]


def test_the_alarm_ends_with_its_cause(database: Database) -> None:
    applied(database, FRESH)
    check(database, T0 + 3 * HOUR)

    publish(database, T0 + 4 * HOUR)

    assert check(database, T0 + 4 * HOUR) == [("fresh", LevelState.MET)]
    assert lasting(database) == []


def test_nothing_is_measured_before_it_may_have_changed(database: Database) -> None:
    applied(database, FRESH)
    publish(database, T0)
    check(database, T0)

    check(database, T0 + HOUR)

    assert report(database).measured_at == T0


def test_enough_runs_have_to_succeed(database: Database) -> None:
    applied(database, STEADY)
    end_runs(database, [RunState.SUCCEEDED] * 3 + [RunState.FAILED, RunState.CANCELLED], T0)

    assert check(database, T0) == [("steady", LevelState.MET)]
    assert report(database).share == 0.75

    end_runs(database, [RunState.FAILED], T0 + HOUR)

    assert check(database, T0 + HOUR) == [("steady", LevelState.MISSED)]
    assert lasting(database) == [(AlarmName.SUCCESS_MISSED, "sales/orders: steady")]


def test_a_failed_run_is_forgotten_after_the_time_that_is_looked_back_on(database: Database) -> None:
    applied(database, STEADY)
    end_runs(database, [RunState.FAILED], T0)
    check(database, T0)

    assert check(database, T0 + 25 * HOUR) == [("steady", LevelState.UNKNOWN)]
    assert lasting(database) == []


def test_an_objective_that_goes_takes_its_alarm_along(database: Database) -> None:
    applied(database, FRESH, STEADY)
    check(database, T0 + 3 * HOUR)

    applied(database, STEADY, now=T0 + 4 * HOUR)

    assert lasting(database) == []
    assert report(database).name == "steady"


def test_a_changed_limit_counts_from_the_next_round_on(database: Database) -> None:
    applied(database, FRESH)
    publish(database, T0)
    check(database, T0)

    applied(database, replace(FRESH, window_s=1800.0), now=T0 + HOUR)

    assert check(database, T0 + HOUR) == [("fresh", LevelState.MISSED)]


def test_a_round_without_changes_reads_no_product(database: Database) -> None:
    applied(database, FRESH)
    publish(database, T0)
    check(database, T0)
    statements: list[str] = []
    sa.event.listen(
        database.engine, "before_cursor_execute", lambda *event: statements.append(str(event[2]).split()[0])
    )

    check(database, T0 + timedelta(minutes=1))

    assert [verb for verb in statements if verb in {"SELECT", "UPDATE", "INSERT"}] == ["SELECT"]


def test_the_end_of_a_run_has_every_objective_looked_at(database: Database) -> None:
    applied(database, STEADY)
    check(database, T0)
    due = sa.select(service_levels.c.NextDueAt)

    end_runs(database, [RunState.SUCCEEDED], T0 + timedelta(minutes=5))

    assert database.read(lambda connection: connection.execute(due).scalar_one()) == T0 + timedelta(minutes=5)


def test_the_api_shows_how_objectives_stand(database: Database) -> None:
    applied(database, FRESH, STEADY)
    end_runs(database, [RunState.SUCCEEDED] * 3, T0)
    check(database, T0)

    answer = Api(ServerBackend(database)).get("/api/service-levels?product=sales/orders")

    shown = {level["name"]: (level["state"], level["objective"], level["share"]) for level in answer.json}
    assert shown == {
        "fresh": ("unknown", "orders at most 2h old", None),
        "steady": ("met", "0.75 of runs succeed over 1d", 1.0),
    }
