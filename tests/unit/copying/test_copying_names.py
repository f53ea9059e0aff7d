"""Names of copied files say which rows they have, and are read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.addresses import blob_url
from landfall.copying.names import UPTO, Increment, increment_name, is_copy_key, is_value, parse_increment
from landfall.spec.copying import WatermarkKind
from landfall.spec.landing_patterns import match_path

INSTANTS = ("2026-01-31 12:00:00", "2026-01-31T12:00:00.1234567", "2026-01-31 12:00:00.123456+00")


@given(number=st.integers(1, 99_999_999), upto=st.from_regex(r"[0-9A-Za-z.:+ -]{1,40}", fullmatch=True))
def test_a_name_is_read_back(number: int, upto: str) -> None:
    name = increment_name(number, upto, "parquet")

    assert parse_increment(f"d/p/x/{name}") == Increment(number, upto)
    assert parse_increment(
        blob_url("https://a.blob.core.windows.net", "landing", f"d/p/x/{name}")
    ) == Increment(number, upto)
    assert match_path("x/*.parquet", f"x/{name}") is not None
    assert ":" not in name


def test_what_is_no_increment_is_not_taken_for_one() -> None:
    assert parse_increment("orders/20260131T120000Z.parquet") is None
    assert parse_increment("orders/7_upto.parquet") is None
    assert UPTO in increment_name(7, UPTO, "parquet")


@pytest.mark.parametrize("text", INSTANTS)
def test_values_of_a_watermark_are_told_from_anything_else(text: str) -> None:
    assert is_value(text, WatermarkKind.INSTANT)
    assert not is_value(f"{text}'; DROP TABLE x--", WatermarkKind.INSTANT)
    assert is_value("-12.50", WatermarkKind.NUMBER)
    assert not is_value("1 OR 1=1", WatermarkKind.NUMBER)
    assert is_value("0x00000000000007D1", WatermarkKind.ROWVERSION)
    assert not is_value("2026-01-31", WatermarkKind.ROWVERSION)


def test_a_copy_is_named_by_letters_digits_and_hyphens() -> None:
    assert is_copy_key("3f2c9a80-1f9a-4a53-9a54-0a0c1e0b7a11")
    assert not any(map(is_copy_key, ("", "a/b", "a b", "-a", "x" * 65)))
