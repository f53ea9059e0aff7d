"""Which dataset a landed path belongs to."""

import pytest

from landfall.landing.matching import match_dataset, product_of
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
