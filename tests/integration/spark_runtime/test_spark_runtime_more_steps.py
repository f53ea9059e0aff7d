"""Steps beyond the basic ones on the real engine: results, nulls and edges."""

from decimal import Decimal
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench

SALES = """
    SELECT * FROM VALUES
        (1, 'nl', 10, CAST(2.50 AS decimal(6,2)), DATE'2024-01-05'),
        (2, 'nl', 20, NULL, DATE'2024-01-05'),
        (3, 'de', 30, CAST(4.00 AS decimal(6,2)), NULL),
        (4, NULL, NULL, CAST(-1.00 AS decimal(6,2)), DATE'2024-02-29')
    AS t(id, country, points, price, day)
"""


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("sales", SALES)
    return bench


def built(
    bench: Workbench, *steps: dict[str, Any], inputs: tuple[str, ...] = ("sales",)
) -> list[tuple[Any, ...]]:
    """Build a table from the steps and return its rows."""
    result = bench.transform(*steps, inputs=inputs)
    assert result["error"] is None
    return bench.rows("built")


def refusal(bench: Workbench, *steps: dict[str, Any], inputs: tuple[str, ...] = ("sales",)) -> dict[str, Any]:
    """Return the error of a node that must fail."""
    error: dict[str, Any] = bench.transform(*steps, inputs=inputs)["error"]
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("order_by", "ids"),
    [(["price desc nulls last"], [1, 3]), (["price"], [2, 4]), (["country"], [3, 4]), ([], [1, 2])],
)
def test_limit_keeps_the_first_rows(shop: Workbench, order_by: list[str], ids: list[int]) -> None:
    rows = built(shop, {"limit": {"rows": 2, "order_by": order_by}}, {"select": ["id"]})

    assert [row[0] for row in rows] == ids


def test_limit_above_the_number_of_rows_keeps_all(shop: Workbench) -> None:
    assert len(built(shop, {"limit": {"rows": 100}})) == 4


def test_fill_nulls_keeps_the_types(shop: Workbench) -> None:
    filled = {"country": "it's", "POINTS": 0, "price": 0.5, "day": "2000-01-01"}

    rows = built(
        shop,
        {"fill_nulls": filled},
        {"select": ["id", "country", "points", "price", "cast(day as string) as day"]},
    )

    assert rows == [
        (1, "nl", 10, Decimal("2.50"), "2024-01-05"),
        (2, "nl", 20, Decimal("0.50"), "2024-01-05"),
        (3, "de", 30, Decimal("4.00"), "2000-01-01"),
        (4, "it's", 0, Decimal("-1.00"), "2024-02-29"),
    ]


def test_a_value_that_would_have_to_change_to_fit_is_refused(shop: Workbench) -> None:
    error = refusal(shop, {"fill_nulls": {"points": 2.5}})

    assert error["kind"] == "definition"
    assert "column 'points': 2.5 is no value of type int" in error["message"]


def test_replace_values(shop: Workbench) -> None:
    replaced = {
        "country": {"values": {"nl": "NL", "xx": "XX"}, "to_null": ["de"]},
        "price": {"values": {"4": 5}, "to_null": [-1]},
        "day": {"values": {"2024-02-29": "2024-03-01"}},
    }

    rows = built(
        shop,
        {"replace_values": replaced},
        {"select": ["id", "country", "price", "cast(day as string) as day"]},
    )

    assert rows == [
        (1, "NL", Decimal("2.50"), "2024-01-05"),
        (2, "NL", None, "2024-01-05"),
        (3, None, Decimal("5.00"), None),
        (4, None, None, "2024-03-01"),
    ]


def test_window_by_position_and_by_peers(shop: Workbench) -> None:
    config = {
        "order_by": ["day nulls last"],
        "measures": {
            "number": "row_number()",
            "place": "rank()",
            "before": "lag(id)",
            "so_far": "sum(points)",
        },
    }

    rows = built(shop, {"window": config}, {"select": ["id", "number", "place", "before", "so_far"]})

    # Sales 1 and 2 are of one day: their place is one, their numbers are told apart by the other columns.
    assert rows == [(1, 1, 1, None, 30), (2, 2, 1, 1, 30), (3, 4, 4, 4, 60), (4, 3, 3, 2, 30)]


def test_window_over_rows(shop: Workbench) -> None:
    config = {
        "order_by": ["id"],
        "rows": [-1, 0],
        "measures": {"two": "sum(points)", "first_of_two": "first_value(id)", "number": "row_number()"},
    }

    rows = built(shop, {"window": config}, {"select": ["id", "two", "first_of_two", "number"]})

    assert rows == [(1, 10, 1, 1), (2, 30, 1, 2), (3, 50, 2, 3), (4, 30, 3, 4)]


def test_window_over_partitions_of_which_null_is_one(shop: Workbench) -> None:
    config = {
        "partition_by": ["country"],
        "order_by": ["id"],
        "rows": ["first", "last"],
        "measures": {"n": "count(*)", "known": "last_value(price) ignore nulls"},
    }

    rows = built(shop, {"window": config}, {"select": ["id", "n", "known"]})

    assert rows == [
        (1, 2, Decimal("2.50")),
        (2, 2, Decimal("2.50")),
        (3, 1, Decimal("4.00")),
        (4, 1, Decimal("-1.00")),
    ]
