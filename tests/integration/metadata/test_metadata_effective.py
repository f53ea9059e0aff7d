"""The settings in effect: who says what first, when it counts, and how it is taken back."""

from datetime import UTC, datetime, timedelta

import pytest

from landfall.known_settings import SettingOfInstallation, SettingRefused, UnknownSettingName
from landfall.metadata.apply import apply_products
from landfall.metadata.catalog import UnknownProduct, get_current_product
from landfall.metadata.effective import (
    EffectiveSetting,
    NothingBefore,
    Origin,
    SettingInThePast,
    configured_run,
    effective_settings,
    roll_back,
    set_value,
    values_of,
)
from landfall.metadata.engine import Database
from landfall.spec.model import OnFailure, RunSettings
from tests.builders import a_product, a_transformation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCT = "sales/orders"


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def put(
    database: Database,
    name: str,
    text: str | None,
    *,
    product: str | None = None,
    effective_at: datetime | None = None,
    now: datetime = NOW,
) -> None:
    database.transact(
        lambda c: set_value(c, name, text, product=product, effective_at=effective_at, now=now, actor="ada")
    )


def found(
    database: Database, name: str, *, when: datetime = NOW, product: str | None = PRODUCT
) -> EffectiveSetting:
    return database.read(
        lambda c: effective_settings(c, get_current_product(c, product) if product else None, at=when)
    )[name]


def apply(database: Database, run: RunSettings) -> None:
    apply_products(database, [a_product(a_transformation(), run=run)], actor="ada", now=NOW)


def test_a_product_comes_before_its_file_and_the_file_before_the_installation(database: Database) -> None:
    apply(database, RunSettings(retries=3, stated=("retries",)))
    assert (found(database, "runs.retries").value, found(database, "runs.retries").origin) == (3, Origin.FILE)
    assert found(database, "runs.timeout").origin is Origin.DEFAULT

    put(database, "runs.retries", "5")
    put(database, "runs.timeout", "2h")

    assert found(database, "runs.retries").origin is Origin.FILE
    assert found(database, "runs.timeout").value == 7200
    assert found(database, "runs.retries", product=None).value == 5

    put(database, "runs.retries", "1", product=PRODUCT)

    assert (found(database, "runs.retries").value, found(database, "runs.retries").origin) == (
        1,
        Origin.PRODUCT,
    )


def test_a_value_counts_from_its_instant_and_is_taken_away_again(database: Database) -> None:
    apply(database, RunSettings())

    put(database, "runs.on_failure", "fail_fast", product=PRODUCT, effective_at=at(6))
    put(database, "runs.on_failure", None, product=PRODUCT, effective_at=at(8), now=at(1))

    texts = [found(database, "runs.on_failure", when=at(hours)).text for hours in (5.9, 6, 7.9, 8)]
    assert texts == ["continue", "fail_fast", "fail_fast", "continue"]
    run, pinned = database.read(lambda c: configured_run(c, get_current_product(c, PRODUCT), at=at(7)))
    assert run.on_failure is OnFailure.FAIL_FAST
    assert pinned["runs.on_failure"] == "fail_fast"


def test_a_rollback_brings_the_value_of_before_back_as_a_new_version(database: Database) -> None:
    put(database, "limits.nodes", "100")
    put(database, "limits.nodes", "50", now=at(1))

    database.transact(lambda c: roll_back(c, "limits.nodes", now=at(2), actor="grace"))

    versions = database.read(lambda c: values_of(c, "limits.nodes"))
    assert [(version.value, version.set_by) for version in versions] == [
        ("100", "ada"),
        ("50", "ada"),
        ("100", "grace"),
    ]
    assert found(database, "limits.nodes", when=at(2), product=None).value == 100


def test_a_setting_without_an_earlier_value_is_not_rolled_back(database: Database) -> None:
    put(database, "limits.nodes", "100")

    with pytest.raises(NothingBefore):
        database.transact(lambda c: roll_back(c, "limits.nodes", now=at(1), actor="grace"))


def test_what_cannot_be_is_refused(database: Database) -> None:
    apply(database, RunSettings())

    with pytest.raises(UnknownSettingName):
        put(database, "run.retries", "1")
    with pytest.raises(SettingRefused):
        put(database, "runs.retries", "many")
    with pytest.raises(SettingOfInstallation):
        put(database, "limits.nodes", "5", product=PRODUCT)
    with pytest.raises(UnknownProduct):
        put(database, "runs.retries", "5", product="sales/order")
    with pytest.raises(SettingInThePast):
        put(database, "runs.retries", "5", effective_at=at(-1))
