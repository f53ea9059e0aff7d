"""Effective-dated configuration: one value at every instant, and a history that only grows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landfall.metadata.configuration import (
    SettingVersion,
    UnknownSetting,
    find_setting,
    get_setting,
    history,
    set_setting,
    settings_at,
)
from landfall.metadata.engine import Database
from tests.databases import a_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def set_retries(database: Database, value: str | None, *, on: int, today: int = 0) -> SettingVersion:
    return database.transact(
        lambda connection: set_setting(
            connection, "runs", "retries", value, effective_at=day(on), now=day(today)
        )
    )


def retries(database: Database, *, on: int) -> str | None:
    return database.read(lambda connection: get_setting(connection, "runs", "retries", at=day(on))).value


def test_a_value_counts_from_its_day_until_the_next_one(database: Database) -> None:
    set_retries(database, "2", on=0)
    set_retries(database, "3", on=10)

    assert [retries(database, on=number) for number in (0, 9, 10, 99)] == ["2", "2", "3", "3"]


def test_a_value_between_two_others_leaves_the_later_one(database: Database) -> None:
    set_retries(database, "2", on=0)
    set_retries(database, "3", on=10)

    between = set_retries(database, "9", on=5)

    assert between == SettingVersion(3, "9", day(5), day(10), set_at=NOW)
    assert [retries(database, on=number) for number in (4, 5, 10)] == ["2", "9", "3"]


def test_another_value_for_the_same_instant_replaces_and_keeps_it(database: Database) -> None:
    set_retries(database, "2", on=5)
    set_retries(database, "3", on=5)

    assert retries(database, on=5) == "3"
    versions = database.read(lambda connection: history(connection, "runs", "retries"))
    assert versions == (
        SettingVersion(1, "2", day(5), day(5), NOW),
        SettingVersion(2, "3", day(5), None, NOW),
    )


def test_setting_the_same_again_changes_nothing(database: Database) -> None:
    first = set_retries(database, "2", on=0)

    assert set_retries(database, "2", on=0) == first
    assert len(database.read(lambda connection: history(connection, "runs", "retries"))) == 1


def test_a_value_set_for_a_later_day_outlives_a_change_before_it(database: Database) -> None:
    set_retries(database, "2", on=0)
    set_retries(database, "2", on=5)

    set_retries(database, "9", on=0)

    assert [retries(database, on=number) for number in (0, 4, 5)] == ["9", "9", "2"]


def test_before_the_first_value_there_is_none(database: Database) -> None:
    set_retries(database, "2", on=5)

    assert database.read(lambda connection: find_setting(connection, "runs", "retries", at=day(4))) is None
    with pytest.raises(UnknownSetting, match=r"runs\.retries: no value is in effect at 2026-01-05"):
        retries(database, on=4)


def test_the_past_does_not_change(database: Database) -> None:
    with pytest.raises(ValueError, match="in the past"):
        set_retries(database, "2", on=0, today=1)


def test_a_run_pins_all_that_is_in_effect(database: Database) -> None:
    set_retries(database, "2", on=0)
    set_retries(database, "3", on=5)
    database.transact(
        lambda connection: set_setting(
            connection, "alerts", "email", "ops@x.example", effective_at=NOW, now=NOW
        )
    )

    pinned = database.read(lambda connection: settings_at(connection, at=day(1)))

    assert pinned == {"alerts.email": "ops@x.example", "runs.retries": "2"}


@settings(max_examples=40)
@given(
    changes=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", None])), min_size=1, max_size=8)
)
def test_periods_never_overlap_and_leave_no_gap(changes: list[tuple[int, str | None]]) -> None:
    expected: dict[int, str | None] = {}
    with TemporaryDirectory() as folder:
        database = a_database(Path(folder))
        for on, value in changes:
            set_retries(database, value, on=on)
            expected[on] = value

        versions = [
            version
            for version in database.read(lambda connection: history(connection, "runs", "retries"))
            if version.expires_at != version.effective_at
        ]
        found = [
            database.read(lambda connection, on=on: find_setting(connection, "runs", "retries", at=day(on)))  # type: ignore[misc]
            for on in range(8)
        ]
        database.close()

    assert all(one.expires_at == other.effective_at for one, other in pairwise(versions))
    assert versions[-1].expires_at is None
    in_effect = [[value for start, value in sorted(expected.items()) if start <= on] for on in range(8)]
    assert [version and version.value for version in found] == [
        values[-1] if values else None for values in in_effect
    ]
