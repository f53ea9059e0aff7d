"""The registry of settings: what they take, what they refuse, and that its defaults are those of a product."""

import pytest

from landfall.known_settings import (
    SETTINGS,
    Kind,
    Setting,
    SettingRefused,
    UnknownSettingName,
    duration_text,
    find,
)
from landfall.spec.model import RunSettings


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.name)
def test_a_default_is_a_value_of_its_setting(setting: Setting) -> None:
    value = setting.parse(setting.default)

    assert setting.text(value) == setting.default
    assert setting.help.endswith(".")
    if setting.field is not None:
        assert getattr(RunSettings(), setting.field) == value


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(UnknownSettingName, match=r"'runs\.retrys'; did you mean 'runs\.retries'\?"):
        find("runs.retrys")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("runs.retries", "eleven"),
        ("runs.retries", "11"),
        ("runs.retries", "1.5"),
        ("runs.timeout", "0s"),
        ("runs.timeout", "60"),
        ("runs.on_failure", "stop"),
        ("jobs.submissions_per_second", "nan"),
        ("retention.files", "29d"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_fits(name: str, text: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        SETTINGS[name].parse(text)

    assert SETTINGS[name].form in str(refused.value)


def test_durations_are_read_in_seconds_and_shown_as_written() -> None:
    timeout = SETTINGS["runs.timeout"]

    assert [timeout.parse(text) for text in ("90s", "2h", "1d")] == [90, 7200, 86400]
    assert [duration_text(value) for value in (0.1, 90, 7200, 86400)] == ["100ms", "90s", "2h", "1d"]
    assert timeout.kind is Kind.DURATION
