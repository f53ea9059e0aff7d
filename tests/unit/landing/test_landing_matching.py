"""Which dataset a landed path belongs to."""

import pytest

from landfall.landing.matching import match_dataset, match_file, product_of
from tests.builders import a_landed_dataset, a_product


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("flights/*.csv.gz", "flights/2013.csv.gz", True),
        ("flights/*.csv.gz", "flights/2013.csv", False),
        ("flights/*.csv.gz", "flights/2013/01.csv.gz", False),
        ("flights/**/*.csv", "flights/2013/01/a.csv", True),
        ("flights/**/*.csv", "flights/a.csv", True),
        ("flights/**", "flights/2013/01/a.csv", True),
        ("flights/?.csv", "flights/1.csv", True),
        ("flights/?.csv", "flights/12.csv", False),
        ("flights/a+b.csv", "flights/a+b.csv", True),
        ("flights/a.b", "flights/axb", False),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    product = a_product(landed=[a_landed_dataset("flights", landing=pattern)])

    assert (match_dataset(product, path) is not None) == matches


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("sales/orders/2026/a.csv", ("sales/orders", "2026/a.csv")),
        ("sales/orders/a.csv", ("sales/orders", "a.csv")),
        ("sales/a.csv", None),
        ("a.csv", None),
        ("sales//a.csv", None),
        ("sales/orders/", None),
    ],
)
def test_the_product_of_a_path(path: str, expected: tuple[str, str] | None) -> None:
    assert product_of(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("flights/2013/01/a.csv.gz", {"year": 2013, "month": "01"}),
        ("flights/0013/jan/a.csv.gz", {"year": 13, "month": "jan"}),
        ("flights/two/01/a.csv.gz", None),
        ("flights/1234567890/01/a.csv.gz", None),
        ("flights/2013//a.csv.gz", None),
    ],
)
def test_values_are_taken_from_the_path(path: str, expected: dict[str, object] | None) -> None:
    landing = "flights/{year:int}/{month}/*.csv.gz"
    product = a_product(landed=[a_landed_dataset("flights", landing=landing)])

    found = match_file(product, path)

    assert (found and dict(found.captured)) == expected


def test_a_day_that_no_calendar_has_is_no_date() -> None:
    product = a_product(landed=[a_landed_dataset("orders", landing="{day:date}.csv")])

    assert match_file(product, "2026-02-28.csv") is not None
    assert match_file(product, "2026-02-29.csv") is None


def test_of_two_patterns_the_more_specific_one_takes_the_file() -> None:
    product = a_product(
        landed=[
            a_landed_dataset("anything", landing="**/*.csv"),
            a_landed_dataset("by_year", landing="orders/{year:int}/*.csv"),
            a_landed_dataset("of_2026", landing="orders/2026/*.csv"),
        ]
    )

    taken = [match_dataset(product, path) for path in ("x/a.csv", "orders/2025/a.csv", "orders/2026/a.csv")]

    assert [dataset and dataset.name for dataset in taken] == ["anything", "by_year", "of_2026"]
