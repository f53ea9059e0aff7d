"""How `landfall test` shows rows that differ."""

import pytest

from landfall.cli.product_tests import _cell, _show_difference


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, "null"),
        (None, ""),
        (None, "-"),
        ("ann", "ann "),
        ("ann", "an\u200bn"),
        ("Jos\u00e9", "Jose\u0301"),
        ("a\nb", "a b"),
        (" ", ""),
    ],
)
def test_values_that_differ_look_different(one: str | None, other: str) -> None:
    assert _cell(one) != _cell(other)
    assert _cell(other).isprintable()


@pytest.mark.parametrize("value", ["ann", "Köln 😀", '{"a":1}', "-", "1.50"])
def test_a_plain_value_is_shown_as_it_is(value: str) -> None:
    assert _cell(value) == value


def test_of_many_rows_the_first_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _show_difference("rows", [], [{"id": str(number)} for number in range(1000)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "rows: 0 expected and not found, 1000 found and not expected"
    assert len(lines) == 23
    assert lines[-1].strip() == "20 of each are shown; --output json has all"
