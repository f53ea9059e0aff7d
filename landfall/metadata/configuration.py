"""Effective-dated configuration: what a setting was, is and will be, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.tables import configuration_category, configuration_item, configuration_version


class UnknownSetting(LandfallError):
    """A setting that was never set, or not yet at the instant asked for."""

    code = "LF2201"

    def __init__(self, category: str, key: str, at: datetime) -> None:
        super().__init__(
            f"{category}.{key}: no value is in effect at {at.isoformat()}. "
            "`landfall config history` shows its values, `landfall config set` gives it one."
        )
        self.category = category
        self.key = key
        self.at = at


@dataclass(frozen=True, slots=True)
class SettingVersion:
    """One value of a setting.

    Attributes:
        version: Counted from 1 in the order in which the values were set, not that in which they take effect.
        effective_at: From when on, inclusive.
        expires_at: Until when, exclusive; ``None`` while nothing follows. Equal to ``effective_at`` for a
            value that another one for the same instant replaced.
        set_at: When it was set, where that was kept.
        set_by: Who set it, where that was kept.
    """

    version: int
    value: str | None
    effective_at: datetime
    expires_at: datetime | None
    set_at: datetime | None = None
    set_by: str | None = None


def find_setting(
    connection: sa.Connection, category: str, key: str, *, at: datetime
) -> SettingVersion | None:
    """Return the value of a setting in effect at an instant, ``None`` if there is none."""
    versions = configuration_version.c
    row = connection.execute(
        _versions_of(category, key).where(
            versions.EffectiveDate <= at,
            versions.ExpirationDate.is_(None) | (versions.ExpirationDate > at),
        )
    ).one_or_none()
    return None if row is None else _setting_version(row)


def get_setting(connection: sa.Connection, category: str, key: str, *, at: datetime) -> SettingVersion:
    """Return the value of a setting in effect at an instant.

    Raises:
        UnknownSetting: There is none.
    """
    version = find_setting(connection, category, key, at=at)
    if version is None:
        raise UnknownSetting(category, key, at)
    return version


def settings_at(connection: sa.Connection, *, at: datetime) -> dict[str, str | None]:
    """Return every value in effect at an instant by ``category.key``: what a run pins when it is opened."""
    rows = connection.execute(_select_in_effect(sa.true()), {"at": at})
    return {f"{row.CategoryName}.{row.ItemKey}": row.ItemValue for row in rows}


def select_in_effect(categories: Sequence[str]) -> sa.Select[Any]:
    """Return the query for the values of some categories ``at`` an instant: category, key and value of each."""
    return _select_in_effect(configuration_category.c.CategoryName.in_(categories))


def _select_in_effect(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    versions = configuration_version.c
    at: sa.BindParameter[Any] = sa.bindparam("at")
    return (
        sa.select(configuration_category.c.CategoryName, configuration_item.c.ItemKey, versions.ItemValue)
        .select_from(_JOINED)
        .where(
            condition,
            versions.EffectiveDate <= at,
            versions.ExpirationDate.is_(None) | (versions.ExpirationDate > at),
        )
    )


def history(connection: sa.Connection, category: str, key: str) -> tuple[SettingVersion, ...]:
    """Return all values of a setting in the order in which they take effect; empty if it was never set."""
    versions = configuration_version.c
    rows = connection.execute(
        _versions_of(category, key).order_by(versions.EffectiveDate, versions.VersionNumber)
    )
    return tuple(_setting_version(row) for row in rows)


def set_setting(
    connection: sa.Connection,
    category: str,
    key: str,
    value: str | None,
    *,
    effective_at: datetime,
    now: datetime,
    description: str | None = None,
    actor: str | None = None,
) -> SettingVersion:
    """Give a setting a value from an instant on, until the next one that is set already; return it.

    The value in effect at that instant ends there; values that take effect later stay. Setting the same value
    for the same instant again changes nothing.

    Args:
        value: The value; ``None`` takes the setting back to having none of its own.
        effective_at: Now or later, aware UTC: what runs have pinned does not change behind them.
        now: The current instant.
        description: What the setting is for; ``None`` leaves what is written.
        actor: Who sets it.

    Raises:
        ValueError: ``effective_at`` is before ``now``.
    """
    if effective_at < now:
        raise ValueError(
            f"{category}.{key}: a value cannot take effect in the past ({effective_at.isoformat()})"
        )
    item_id = _open_item(connection, category, key, description)
    before = find_setting(connection, category, key, at=effective_at)
    if before is not None and (before.effective_at, before.value) == (effective_at, value):
        return before
    known = history(connection, category, key)
    expires_at = min((v.effective_at for v in known if v.effective_at > effective_at), default=None)
    # Not their count: the oldest may have been purged.
    number = max((v.version for v in known), default=0) + 1
    version = SettingVersion(number, value, effective_at, expires_at, now, actor)
    if before is not None:
        connection.execute(
            sa.update(configuration_version)
            .where(
                configuration_version.c.ItemID == item_id,
                configuration_version.c.VersionNumber == before.version,
            )
            .values(ExpirationDate=effective_at)
        )
    connection.execute(
        sa.insert(configuration_version).values(
            ItemID=item_id,
            VersionNumber=version.version,
            ItemValue=version.value,
            SetAt=version.set_at,
            SetBy=version.set_by,
            EffectiveDate=version.effective_at,
            ExpirationDate=version.expires_at,
        )
    )
    # The item shows what is in effect now, for people who read the table; decisions ask for an instant.
    current = find_setting(connection, category, key, at=now)
    connection.execute(
        sa.update(configuration_item)
        .where(configuration_item.c.ItemID == item_id)
        .values(ItemValue=None if current is None else current.value)
    )
    return version


_JOINED = configuration_category.join(configuration_item).join(configuration_version)


def _versions_of(category: str, key: str) -> sa.Select[Any]:
    return (
        sa.select(configuration_version)
        .select_from(_JOINED)
        .where(configuration_category.c.CategoryName == category, configuration_item.c.ItemKey == key)
    )


def _setting_version(row: sa.Row[Any]) -> SettingVersion:
    return SettingVersion(
        row.VersionNumber, row.ItemValue, row.EffectiveDate, row.ExpirationDate, row.SetAt, row.SetBy
    )


def _open_item(connection: sa.Connection, category: str, key: str, description: str | None) -> int:
    """Return the id of a setting, which is written if it is new, and hold it until the transaction ends."""
    category_id: int | None = connection.execute(
        # HOLDLOCK: also where there is no row yet, so that two transactions do not both insert it.
        sa.select(configuration_category.c.CategoryID)
        .with_hint(configuration_category, "WITH (UPDLOCK, HOLDLOCK)", dialect_name="mssql")
        .where(configuration_category.c.CategoryName == category)
    ).scalar_one_or_none()
    if category_id is None:
        category_id = connection.execute(
            sa.insert(configuration_category)
            .values(CategoryName=category)
            .returning(configuration_category.c.CategoryID)
        ).scalar_one()
    item_id: int | None = connection.execute(
        sa.select(configuration_item.c.ItemID).where(
            configuration_item.c.CategoryID == category_id, configuration_item.c.ItemKey == key
        )
    ).scalar_one_or_none()
    if item_id is None:
        item_id = connection.execute(
            sa.insert(configuration_item)
            .values(CategoryID=category_id, ItemKey=key, Description=description)
            .returning(configuration_item.c.ItemID)
        ).scalar_one()
    elif description is not None:
        connection.execute(
            sa.update(configuration_item)
            .where(configuration_item.c.ItemID == item_id)
            .values(Description=description)
        )
    return item_id
