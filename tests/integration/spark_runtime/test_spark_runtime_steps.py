"""Every step on the real engine."""

from decimal import Decimal
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts, rule_counts

ORDERS = """
    SELECT * FROM VALUES
        (1, 'nl', 'pen', 2.5D, '2024-01-05'), (2, 'de', 'cup', 4.0D, '2024-02-30'), (3, 'xx', NULL, 1.0D, '2024-03-01'),
        (4, NULL, 'pen', 9.0D, NULL)
    AS t(id, country, item, price, day)
"""
COUNTRIES = """
    SELECT * FROM VALUES ('nl', 'Netherlands', 1), ('de', 'Germany', 2), ('fr', 'France', 3) AS t(code, name, id)
"""


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("orders", ORDERS)
    bench.save("countries", COUNTRIES)
    return bench


def built(
    shop: Workbench, *steps: dict[str, Any], inputs: tuple[str, ...] = ("orders",)
) -> list[tuple[Any, ...]]:
    """Build a table from the steps and return its rows."""
    result = shop.transform(*steps, inputs=inputs)
    assert result["error"] is None
    assert counts(result) == (len(shop.rows("built")), len(shop.rows("built")), 0)
    return shop.rows("built")


def test_select_filter_and_sort(shop: Workbench) -> None:
    rows = built(
        shop,
        {"filter": "price < 5 and country is not null"},
        {"select": ["id", "upper(country) as country", "price * 2 as twice"]},
        {"sort": ["twice desc nulls last", "id"]},
    )

    assert rows == [(1, "NL", 5.0), (2, "DE", 8.0), (3, "XX", 2.0)]


def test_derive_sees_the_columns_as_they_were(shop: Workbench) -> None:
    rows = built(shop, {"derive": {"ID": "id + 1", "before": "id"}}, {"select": ["id", "before"]})

    assert rows == [(2, 1), (3, 2), (4, 3), (5, 4)]


def test_rename_can_swap_and_drop_leaves_out(shop: Workbench) -> None:
    rows = built(shop, {"rename": {"id": "price", "price": "id"}}, {"drop": ["COUNTRY", "item", "day"]})

    assert rows[0] == (1, 2.5)
    assert shop.rows("built", "price", "id")[0] == (1, 2.5)


def test_a_left_join_brings_the_right_columns_but_the_keys(shop: Workbench) -> None:
    join = {"with": "countries", "on": {"country": "code"}, "how": "left", "columns": ["name"]}

    rows = built(shop, {"join": join}, {"select": ["id", "name"]}, inputs=("orders", "countries"))

    assert rows == [(1, "Netherlands"), (2, "Germany"), (3, None), (4, None)]


def test_a_full_join_takes_the_key_from_whichever_side_has_it(shop: Workbench) -> None:
    join = {
        "with": "countries",
        "on": {"country": "code"},
        "how": "full",
        "columns": {"country_name": "name"},
    }

    rows = built(
        shop, {"join": join}, {"select": ["country", "country_name"]}, inputs=("orders", "countries")
    )

    assert rows == [("de", "Germany"), ("fr", "France"), ("nl", "Netherlands"), ("xx", None), (None, None)]


@pytest.mark.parametrize(("how", "ids"), [("inner", [1, 2]), ("semi", [1, 2]), ("anti", [3, 4])])
def test_joins_that_choose_rows(shop: Workbench, how: str, ids: list[int]) -> None:
    join = {"with": "countries", "on": {"country": "code"}, "how": how, "columns": []}

    rows = built(shop, {"join": join}, {"select": ["id"]}, inputs=("orders", "countries"))

    assert [row[0] for row in rows] == ids


def test_nulls_join_only_when_asked(shop: Workbench) -> None:
    shop.save("names", "SELECT * FROM VALUES (CAST(NULL AS string), 'nowhere') AS t(country, place)")
    join = {"with": "names", "on": ["country"], "null_safe": True}

    rows = built(shop, {"join": join}, {"select": ["id", "place"]}, inputs=("orders", "names"))

    assert rows == [(4, "nowhere")]


def test_one_input_can_be_joined_twice(shop: Workbench) -> None:
    shop.save("legs", "SELECT 'nl' AS origin, 'de' AS dest")
    joins = [
        {"join": {"with": "countries", "on": {key: "code"}, "columns": {f"{key}_name": "name"}}}
        for key in ("origin", "dest")
    ]

    assert built(shop, *joins, inputs=("legs", "countries")) == [("nl", "de", "Netherlands", "Germany")]


def test_aggregate(shop: Workbench) -> None:
    measures = {"orders": "count(*)", "spent": "sum(price)", "countries": "count(distinct country)"}

    assert built(shop, {"aggregate": {"by": ["item"], "measures": measures}}) == [
        ("cup", 1, 4.0, 1),
        ("pen", 2, 11.5, 1),
        (None, 1, 1.0, 1),
    ]


def test_union_by_name(shop: Workbench) -> None:
    shop.save("more", "SELECT 'late' AS note, 9 AS id")
    same: list[dict[str, Any]] = [
        {"select": ["id"]},
        {"union": {"with": ["more"], "allow_missing": True}},
        {"filter": "id in (1, 9)"},
    ]

    assert built(shop, *same, inputs=("orders", "more")) == [(1, None), (9, "late")]


@pytest.mark.parametrize(
    ("order", "keep", "expected"),
    [(["price desc"], "first", 4), (["price desc"], "last", 1), ([], "first", 1)],
)
def test_dedupe_is_deterministic(shop: Workbench, order: list[str], keep: str, expected: int) -> None:
    config = {"keys": ["item"], "order_by": order, "keep": keep}

    rows = built(shop, {"filter": "item = 'pen'"}, {"select": ["item", "id", "price"]}, {"dedupe": config})

    assert [row[1] for row in rows] == [expected]


def test_sql_sees_inputs_and_the_running_frame(shop: Workbench) -> None:
    query = """
        WITH known AS (SELECT code, name FROM countries) -- the inputs by their names
        SELECT this.id, known.name FROM this JOIN known ON this.country = known.code;
    """

    rows = built(shop, {"filter": "id < 3"}, {"sql": query}, inputs=("orders", "countries"))

    assert rows == [(1, "Netherlands"), (2, "Germany")]


def test_cast_sends_what_cannot_be_cast_to_quarantine(shop: Workbench) -> None:
    cast = {
        "cast": {"day": {"type": "date", "format": "yyyy-MM-dd"}, "price": "decimal(6,1)", "id": "bigint"}
    }

    result = shop.transform(cast, {"filter": "price < 9"}, {"select": ["id", "price", "day"]})

    assert counts(result) == (3, 2, 1)
    assert rule_counts(result) == {"cast:day": (4, 1)}
    assert [(row[0], row[1], str(row[2])) for row in shop.rows("built")] == [
        (1, Decimal("2.5"), "2024-01-05"),
        (3, Decimal("1.0"), "2024-03-01"),
    ]
    assert [(rules, reason) for rules, reason, _ in shop.quarantined("built")] == [
        (["cast:day"], "cast:day: day cannot be read as date")
    ]


def test_declared_columns_are_enforced(shop: Workbench) -> None:
    columns = "id int not null; country string not null; price int"

    result = shop.transform({"select": ["id", "country", "price"]}, columns=columns)

    # 2.5 is no whole number, and order 4 has no country.
    assert counts(result) == (4, 2, 2)
    assert rule_counts(result) == {"type:price": (4, 1), "not_null:country": (4, 1)}
    assert shop.rows("built") == [(2, "de", 4), (3, "xx", 1)]


def test_load_columns_stay_behind_unless_declared(bench: Workbench) -> None:
    bench.ingest("id int", bench.land("a.csv", b"id\n1\n"))

    bench.transform(dataset="plain")
    bench.transform(
        {"dedupe": {"keys": ["id"], "order_by": ["_ingested_at desc"]}},
        dataset="traced",
        columns="id int; _run_id string",
    )

    assert bench.rows("plain") == [(1,)]
    assert bench.rows("traced") == [(1, "r1")]


@pytest.mark.parametrize(
    ("steps", "part"),
    [
        ([{"filter": "id > 0"}, {"derive": {"x": "nosuch + 1"}}, {"drop": ["x"]}], "step 2 (derive)"),
        ([{"filter": "id >"}], "step 1 (filter)"),
        ([{"select": ["nosuch"]}], "step 1 (select)"),
        ([{"drop": ["nosuch"]}], "step 1 (drop): there is no column 'nosuch'; there are id, country"),
        ([{"join": {"with": "countries", "on": {"country": "code"}}}], "both sides have a column 'id'"),
        ([{"join": {"with": "nosuch", "on": ["id"]}}], "'nosuch' is no input"),
        ([{"select": ["name as id"]}, {"union": {"with": ["orders"]}}], "step 1"),
    ],
)
def test_a_faulty_step_is_named(shop: Workbench, steps: list[dict[str, Any]], part: str) -> None:
    result = shop.transform(*steps, inputs=("orders", "countries"))

    assert result["error"]["kind"] == "definition"
    assert part in result["error"]["message"]


def test_a_missing_table_is_named(shop: Workbench) -> None:
    result = shop.transform(inputs=("nosuch",))

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4502", "definition")
    assert "nosuch" in result["error"]["message"]


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("1", "date"),
        ("1", "binary"),
        ("date'2024-02-29'", "int"),
        ("date'2024-02-29'", "double"),
        ("timestamp'2024-02-29 10:00:00'", "boolean"),
    ],
)
def test_what_spark_does_not_cast_is_refused(bench: Workbench, value: str, target: str) -> None:
    bench.save("orders", f"SELECT {value} AS x")

    asked = bench.transform({"cast": {"x": target}})
    declared = bench.transform(columns=f"x {target}")

    assert [result["error"]["code"] for result in (asked, declared)] == ["LF4505", "LF4505"]


def test_a_part_that_cannot_be_cast_does_not_become_null(bench: Workbench) -> None:
    bench.save("orders", "SELECT array('1', 'one') AS xs")

    asked = bench.transform({"cast": {"xs": "array<int>"}})
    declared = bench.transform(columns="xs array<int>")

    assert [result["error"]["code"] for result in (asked, declared)] == ["LF4571", "LF4571"]
    assert asked["error"]["kind"] == "data"
