"""The settings in effect: a product's own value, its file's, the installation's, or the default, in this order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.known_settings import SETTINGS, Setting, SettingOfInstallation, Value, find
from landfall.metadata.catalog import CurrentProduct, get_current_product
from landfall.metadata.configuration import (
    SettingVersion,
    find_setting,
    history,
    set_setting,
    settings_at,
)
from landfall.spec.model import RunSettings


class SettingInThePast(LandfallError):
    """A value was to take effect before now, behind runs that have pinned what was in effect then."""

    code = "LF2205"

    def __init__(self, name: str, effective_at: datetime) -> None:
        super().__init__(
            f"{name}: a value cannot take effect in the past ({effective_at:%Y-%m-%d %H:%M:%S} UTC); "
            "leave the instant out for now, or give a later one"
        )
        self.name = name


class NothingBefore(LandfallError):
    """A setting was to be rolled back that has had one value or none."""

    code = "LF2206"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has no earlier value to go back to; `landfall config history {name}` shows all"
        )
        self.name = name


class Origin(StrEnum):
    """Who says what a setting is; the first that says anything counts."""

    PRODUCT = "product"
    FILE = "product file"
    INSTALLATION = "installation"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """A setting with the value in effect; ``value`` of a duration is in seconds."""

    setting: Setting
    value: Value
    text: str
    origin: Origin


def effective_settings(
    connection: sa.Connection, current: CurrentProduct | None, *, at: datetime
) -> dict[str, EffectiveSetting]:
    """Return every known setting as it is in effect at an instant, for one product or the installation.

    Args:
        current: The product; ``None`` for what holds where no product says anything.
    """
    stored = settings_at(connection, at=at)
    return {name: _effective(setting, current, stored) for name, setting in SETTINGS.items()}


def settings_of(
    connection: sa.Connection, product: str | None, *, at: datetime
) -> tuple[EffectiveSetting, ...]:
    """Return every known setting as it is in effect for ``domain/product``, or the installation if ``None``.

    Raises:
        UnknownProduct: The product was never applied.
    """
    current = get_current_product(connection, product) if product is not None else None
    return tuple(effective_settings(connection, current, at=at).values())


def configured_run(
    connection: sa.Connection, current: CurrentProduct, *, at: datetime
) -> tuple[RunSettings, dict[str, Value]]:
    """Return how a product runs at an instant, and every setting that says so, for the run to pin."""
    found = effective_settings(connection, current, at=at)
    changes = {
        item.setting.field: _for_field(item, current.product.run)
        for item in found.values()
        if item.setting.field is not None
    }
    return replace(current.product.run, **changes), {name: item.value for name, item in found.items()}


def set_value(
    connection: sa.Connection,
    name: str,
    text: str | None,
    *,
    product: str | None = None,
    effective_at: datetime | None = None,
    now: datetime,
    actor: str,
) -> SettingVersion:
    """Give a setting a value of its own from an instant on.

    Args:
        text: The value; ``None`` takes the own value away, so that the next one in order counts.
        product: ``domain/product``; ``None`` for the whole installation.
        effective_at: ``None`` means now.

    Raises:
        UnknownSettingName: There is no such setting.
        SettingRefused: It cannot have that value.
        SettingOfInstallation: No product may have a value of its own.
        SettingInThePast: The instant has passed.
        UnknownProduct: The product was never applied.
    """
    setting = find(name)
    if text is not None:
        setting.parse(text)
    key = _item_key(connection, setting, product)
    if effective_at is not None and effective_at < now:
        raise SettingInThePast(name, effective_at)
    whose = f" Value of {product}." if product else ""
    return set_setting(
        connection,
        setting.category,
        key,
        text,
        effective_at=effective_at or now,
        now=now,
        description=setting.help + whose,
        actor=actor,
    )


def roll_back(
    connection: sa.Connection, name: str, *, product: str | None = None, now: datetime, actor: str
) -> SettingVersion:
    """Give a setting the value that was in effect before the current one, from now on, as a new version.

    Raises:
        UnknownSettingName: There is no such setting.
        NothingBefore: It has had no earlier value.
        UnknownProduct: The product was never applied.
    """
    before = value_before(connection, name, product=product, now=now)
    if before is None:
        raise NothingBefore(name)
    setting = find(name)
    key = _item_key(connection, setting, product)
    return set_setting(
        connection, setting.category, key, before.value, effective_at=now, now=now, actor=actor
    )


def value_before(
    connection: sa.Connection, name: str, *, product: str | None = None, now: datetime
) -> SettingVersion | None:
    """Return what ``roll_back`` would give a setting again, ``None`` if it has had no earlier value.

    Raises:
        UnknownSettingName: There is no such setting.
        UnknownProduct: The product was never applied.
    """
    setting = find(name)
    key = _item_key(connection, setting, product)
    current = find_setting(connection, setting.category, key, at=now)
    before = [
        version
        for version in history(connection, setting.category, key)
        if current is not None and version.expires_at == current.effective_at != version.effective_at
    ]
    return before[-1] if before else None


def values_of(
    connection: sa.Connection, name: str, *, product: str | None = None
) -> tuple[SettingVersion, ...]:
    """Return every value a setting was given for a product or the installation, as they take effect.

    Raises:
        UnknownSettingName: There is no such setting.
        UnknownProduct: The product was never applied.
    """
    setting = find(name)
    return history(connection, setting.category, _item_key(connection, setting, product))


def _item_key(connection: sa.Connection, setting: Setting, product: str | None) -> str:
    if product is None:
        return setting.key
    if not setting.per_product:
        raise SettingOfInstallation(setting.name)
    return key_of_product(setting, get_current_product(connection, product).product_id)


def key_of_product(setting: Setting, product_id: int) -> str:
    """Return the key under which the value of one product is kept."""
    return f"{setting.key}@{product_id}"


def _effective(
    setting: Setting, current: CurrentProduct | None, stored: Mapping[str, str | None]
) -> EffectiveSetting:
    if current is not None:
        own = stored.get(f"{setting.category}.{key_of_product(setting, current.product_id)}")
        if own is not None:
            return EffectiveSetting(setting, setting.parse(own), own, Origin.PRODUCT)
        if setting.field is not None and setting.field in current.product.run.stated:
            value: Any = getattr(current.product.run, setting.field)
            return EffectiveSetting(setting, value, setting.text(value), Origin.FILE)
    everywhere = stored.get(setting.name)
    if everywhere is not None:
        return EffectiveSetting(setting, setting.parse(everywhere), everywhere, Origin.INSTALLATION)
    return EffectiveSetting(setting, setting.parse(setting.default), setting.default, Origin.DEFAULT)


def _for_field(item: EffectiveSetting, run: RunSettings) -> Any:
    """Return a value as the type that its field of ``RunSettings`` has."""
    if item.origin is Origin.DEFAULT:
        # The field's own default, which a test holds equal to the setting's.
        return getattr(run, item.setting.field or "")
    before = getattr(run, item.setting.field or "")
    return type(before)(item.value)
