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


BANDS = """
    SELECT * FROM VALUES (0, 15, 'low'), (16, 25, 'middle'), (26, 99, 'high') AS t(id, upto, band)
"""
COUNTRIES = """
    SELECT * FROM VALUES ('nl', 'Netherlands'), ('fr', NULL), (NULL, 'Atlantis'), (NULL, 'Utopia') AS t(country, name)
"""


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("sales", SALES)
    bench.save("bands", BANDS)
    bench.save("countries", COUNTRIES)
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


def test_a_join_on_a_condition_names_the_other_side(shop: Workbench) -> None:
    # Both sides have an id: the bare one is the sale's.
    join = {
        "with": "bands",
        "condition": "points between bands.id and bands.upto and id < 9",
        "how": "left",
        "columns": ["band"],
    }

    rows = built(shop, {"join": join}, {"select": ["id", "band"]}, inputs=("sales", "bands"))

    assert rows == [(1, "low"), (2, "middle"), (3, "high"), (4, None)]


def test_a_join_on_keys_and_a_condition(shop: Workbench) -> None:
    join = {"with": "countries", "on": ["country"], "condition": "countries.name like 'N%' and points > 10"}

    rows = built(shop, {"join": join}, {"select": ["id", "name"]}, inputs=("sales", "countries"))

    assert rows == [(2, "Netherlands")]


def test_a_full_join_on_a_condition_keeps_both_sides(shop: Workbench) -> None:
    join = {"with": "bands", "condition": "points > bands.upto + 4", "how": "full", "columns": ["band"]}

    rows = built(shop, {"join": join}, {"select": ["id", "band"]}, inputs=("sales", "bands"))

    assert rows == sorted(
        [(1, None), (2, "low"), (3, "low"), (3, "middle"), (4, None), (None, "high")], key=str
    )


def test_an_anti_join_on_a_condition(shop: Workbench) -> None:
    join = {
        "with": "bands",
        "condition": "points between bands.id and bands.upto and bands.band <> 'low'",
        "how": "anti",
    }

    rows = built(shop, {"join": join}, {"select": ["id"]}, inputs=("sales", "bands"))

    assert rows == [(1,), (4,)]


def test_a_cross_join_pairs_all_rows(shop: Workbench) -> None:
    brought = {"join": {"with": "bands", "how": "cross", "columns": ["band"], "broadcast": True}}
    counted = {"join": {"with": "bands", "how": "cross", "columns": []}}

    assert len(built(shop, brought, inputs=("sales", "bands"))) == 12
    assert len(built(shop, counted, inputs=("sales", "bands"))) == 12


def test_a_unique_join_stops_before_rows_multiply(shop: Workbench) -> None:
    join = {"join": {"with": "sales", "on": ["country"], "columns": {"other": "id"}, "unique": True}}

    error = refusal(shop, join, inputs=("countries", "sales"))

    assert (error["code"], error["kind"]) == ("LF4515", "data")
    assert "step 1 (join): 'sales' has several rows with the same key (country)" in error["message"]
    assert "country=nl" in error["message"]


def test_keys_of_null_multiply_rows_only_if_they_meet(shop: Workbench) -> None:
    join = {"with": "countries", "on": ["country"], "unique": True, "how": "left"}

    rows = built(shop, {"join": join}, {"select": ["id", "name"]}, inputs=("sales", "countries"))
    error = refusal(shop, {"join": {**join, "null_safe": True}}, inputs=("sales", "countries"))

    assert rows == [(1, "Netherlands"), (2, "Netherlands"), (3, None), (4, None)]
    assert error["code"] == "LF4515"


def test_lookup_has_defaults_for_what_is_not_found_or_null(shop: Workbench) -> None:
    shop.save("wanted", "SELECT * FROM VALUES (1, 'nl'), (2, 'fr'), (3, 'de'), (4, NULL) AS t(id, code)")
    lookup = {
        "with": "countries",
        "on": {"code": "country"},
        "columns": {"country_name": "name"},
        "defaults": {"country_name": "?"},
    }

    rows = built(shop, {"lookup": lookup}, {"select": ["id", "country_name"]}, inputs=("wanted", "countries"))

    assert rows == [(1, "Netherlands"), (2, "?"), (3, "?"), (4, "?")]


def test_lookup_refuses_repeated_keys(shop: Workbench) -> None:
    lookup = {"with": "sales", "on": ["country"], "columns": {"sale": "id"}}

    assert refusal(shop, {"lookup": lookup}, inputs=("countries", "sales"))["code"] == "LF4515"


def test_intersect_and_except_take_each_row_once(shop: Workbench) -> None:
    shop.save(
        "one", "SELECT * FROM VALUES (1, 'a'), (1, 'a'), (2, NULL), (2, NULL), (3, 'c'), (3, 'c') AS t(id, k)"
    )
    shop.save("two", "SELECT k, id FROM VALUES (1, 'a'), (1, 'a'), (2, NULL), (4, 'd') AS t(id, k)")
    inputs = ("one", "two")

    assert built(shop, {"intersect": {"with": ["two"]}}, inputs=inputs) == [(1, "a"), (2, None)]
    assert built(shop, {"except": {"with": ["two"]}}, inputs=inputs) == [(3, "c")]
    assert built(shop, {"except": {"with": ["two", "one"]}}, inputs=inputs) == []


def test_rows_of_other_types_are_not_compared(shop: Workbench) -> None:
    shop.save("wide", "SELECT CAST(1 AS bigint) AS id")

    error = refusal(shop, {"select": ["id"]}, {"except": {"with": ["wide"]}}, inputs=("sales", "wide"))

    assert "column 'id' is int and in wide bigint" in error["message"]


def test_where_rows_landed_is_no_part_of_their_comparison(bench: Workbench) -> None:
    for name in ("old", "new"):
        bench.ingest("id int", bench.land(f"{name}.csv", b"id\n1\n"), dataset=name)

    assert built(bench, {"intersect": {"with": ["new"]}}, inputs=("old", "new")) == [(1,)]


def test_measures_with_filters(shop: Workbench) -> None:
    measures = {
        "n": "count(*)",
        "dear": {"expression": "count(*)", "filter": "price > 3"},
        "spent": {"expression": "sum(price)", "filter": "price > 3"},
        "days": {"expression": "count(distinct day)", "filter": "id < 4"},
    }

    rows = built(shop, {"aggregate": {"by": ["country"], "measures": measures}})

    assert rows == [("de", 1, 1, Decimal("4.00"), 0), ("nl", 2, 0, None, 1), (None, 1, 0, None, 0)]


@pytest.mark.parametrize(
    ("totals", "more"),
    [("rollup", [("nl", None, 2, 1), ("xx", None, 1, 1), (None, None, 3, 3)]),
     ("cube", [("nl", None, 2, 1), ("xx", None, 1, 1), (None, "a", 2, 2), (None, None, 1, 2), (None, None, 3, 3)])],
)  # fmt: skip
def test_totals_are_told_from_groups_of_null(
    shop: Workbench, totals: str, more: list[tuple[Any, ...]]
) -> None:
    shop.save("ks", "SELECT * FROM VALUES ('nl', 'a'), ('nl', NULL), ('xx', 'a') AS t(k, l)")
    config = {"by": ["k", "l"], "measures": {"n": "count(*)"}, "totals": totals, "level": "level"}

    rows = built(shop, {"aggregate": config}, inputs=("ks",))

    assert rows == sorted([("nl", "a", 1, 0), ("nl", None, 1, 0), ("xx", "a", 1, 0), *more], key=str)
