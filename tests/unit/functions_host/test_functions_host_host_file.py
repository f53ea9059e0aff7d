"""What the host reads from host.json."""

from datetime import timedelta
from pathlib import Path

import pytest

from landfall.local.functions_host.errors import HostFileInvalid
from landfall.local.functions_host.host_file import HostSettings, time_span


def test_defaults(tmp_path: Path) -> None:
    settings = HostSettings.from_folder(tmp_path)

    assert (settings.route_prefix, settings.function_timeout, settings.hub.name) == (
        "api",
        None,
        "TestHubName",
    )


def test_values(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(
        '{"functionTimeout": "00:10:00", "extensions": {"http": {"routePrefix": ""}, "durableTask": {'
        '"hubName": "H", "maxConcurrentActivityFunctions": 7, "overridableExistingInstanceStates": "AnyState"}}}'
    )

    settings = HostSettings.from_folder(tmp_path)

    assert settings.route_prefix == ""
    assert settings.function_timeout == timedelta(minutes=10)
    assert (settings.hub.name, settings.hub.replaces_any_state, settings.max_activities) == ("H", True, 7)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"functionTimeout": "soon"}',
        '{"extensions": {"durableTask": {"maxConcurrentActivityFunctions": "x"}}}',
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text)

    with pytest.raises(HostFileInvalid, match=r"host\.json"):
        HostSettings.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("1.00:00:01", timedelta(days=1, seconds=1)),
        ("00:00:00.5", timedelta(milliseconds=500)),
    ],
)
def test_time_span(text: str, expected: timedelta) -> None:
    assert time_span(text) == expected
