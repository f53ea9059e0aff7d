"""Configuration over HTTP: settings in effect, their history, new values and the way back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from landfall.api.bodies import RollBackSetting, SetSetting
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid, problem
from landfall.metadata.configuration import SettingVersion
from landfall.metadata.effective import roll_back, set_value, settings_of, values_of
from landfall.metadata.engine import Database


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def show_settings(database: Database, product: str | None, at: str | None, *, now: datetime) -> Reply:
    """Answer ``GET /api/config?product=…&at=…``."""
    if at is not None and not _is_instant(at):
        fault = "'at' must be an instant with its zone, such as 2026-12-01T06:00:00Z."
        return problem(400, "LF6101", "InvalidQuery", fault, faults=[fault])
    instant = datetime.fromisoformat(at).astimezone(UTC) if at else now
    found = database.read(lambda connection: settings_of(connection, product, at=instant))
    settings = [
        {
            "name": item.setting.name,
            "value": item.text,
            "origin": item.origin,
            "default": item.setting.default,
            "takes": item.setting.form,
            "help": item.setting.help,
        }
        for item in found
    ]
    return Reply(200, {"settings": settings})


def show_history(database: Database, name: str, product: str | None) -> Reply:
    """Answer ``GET /api/config/{name}/history?product=…``."""
    found = database.read(lambda connection: values_of(connection, name, product=product))
    return Reply(200, {"name": name, "product": product, "versions": [_version(item) for item in found]})


def request_set(
    database: Database, name: str, body: Mapping[str, Any], *, actor: str, now: datetime
) -> Acted:
    """Answer ``POST /api/config/{name}``.

    Args:
        body: Of a ``SetSetting``.
    """
    wanted, faults = read_body(SetSetting, body)
    if wanted is None:
        return invalid(faults)
    effective = wanted.effective_at
    version = database.transact(
        lambda connection: set_value(
            connection,
            name,
            wanted.value,
            product=wanted.product,
            effective_at=datetime.fromisoformat(effective).astimezone(UTC) if effective else None,
            now=now,
            actor=actor,
        )
    )
    return Acted(Reply(200, {"name": name, "product": wanted.product, **_version(version)}))


def request_rollback(
    database: Database, name: str, body: Mapping[str, Any], *, actor: str, now: datetime
) -> Acted:
    """Answer ``POST /api/config/{name}/rollback``.

    Args:
        body: Of a ``RollBackSetting``.
    """
    wanted, faults = read_body(RollBackSetting, body)
    if wanted is None:
        return invalid(faults)
    product = wanted.product
    version = database.transact(
        lambda connection: roll_back(connection, name, product=product, now=now, actor=actor)
    )
    return Acted(Reply(200, {"name": name, "product": product, **_version(version)}))


def _version(version: SettingVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "value": version.value,
        "effective_at": version.effective_at.isoformat(),
        "expires_at": version.expires_at.isoformat() if version.expires_at else None,
        "set_at": version.set_at.isoformat() if version.set_at else None,
        "set_by": version.set_by,
    }
