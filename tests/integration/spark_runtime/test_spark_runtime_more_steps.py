"""Steps beyond the basic ones on the real engine: results, nulls and edges."""

import hashlib
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


NESTED = """
    SELECT 1 AS id, array('a', NULL) AS xs, map('k', 1, 'l', NULL) AS m
    UNION ALL SELECT 2, array(), map() UNION ALL SELECT 3, NULL, NULL
"""


@pytest.mark.parametrize(
    ("keep_empty", "expected"),
    [(False, [(1, 1, "a"), (1, 2, None)]), (True, [(1, 1, "a"), (1, 2, None), (2, None, None), (3, None, None)])],
)  # fmt: skip
def test_explode_an_array(bench: Workbench, keep_empty: bool, expected: list[tuple[Any, ...]]) -> None:
    bench.save("nested", NESTED)
    config = {"column": "xs", "as": "x", "position": "n", "keep_empty": keep_empty}

    assert built(bench, {"drop": ["m"]}, {"explode": config}, inputs=("nested",)) == expected


def test_explode_a_map(bench: Workbench) -> None:
    bench.save("nested", NESTED)
    steps: list[dict[str, Any]] = [
        {"explode": {"column": "m", "as": "entry", "keep_empty": True}},
        {"select": ["id", "entry.key as k", "entry.value as v"]},
    ]

    assert built(bench, *steps, inputs=("nested",)) == [
        (1, "k", 1), (1, "l", None), (2, None, None), (3, None, None)
    ]  # fmt: skip


def test_flatten_takes_the_fields_of_a_struct_and_nulls_of_a_null(bench: Workbench) -> None:
    query = """
        SELECT 1 AS id, named_struct('a', 1, 'b c', named_struct('x', 'y')) AS s, 'z' AS last
        UNION ALL SELECT 2, NULL, 'z'
    """
    bench.save("nested", query)
    steps: list[dict[str, Any]] = [
        {"flatten": {"column": "S"}},
        {"flatten": {"column": "s_b c", "prefix": "inner_"}},
    ]

    assert built(bench, *steps, inputs=("nested",)) == [(1, 1, "y", "z"), (2, None, None, "z")]


def test_unpivot_keeps_nulls_and_takes_labels(shop: Workbench) -> None:
    steps: list[dict[str, Any]] = [
        {"select": ["id", "country", "points", "id * 2 as twice"]},
        {"filter": "id > 2"},
        {"unpivot": {"columns": {"it's points": "points", "twice": "twice"}, "name": "what", "value": "n"}},
    ]

    assert built(shop, *steps) == [
        (3, "de", "it's points", 30), (3, "de", "twice", 6), (4, None, "it's points", None), (4, None, "twice", 8)
    ]  # fmt: skip


def test_pivot_counts_nothing_as_nought_and_sums_it_as_null(shop: Workbench) -> None:
    config = {
        "by": ["day"],
        "column": "country",
        "values": {"nl": "nl", "elsewhere": "de"},
        "measures": {"n": "count(*)", "points": "sum(points)"},
    }

    rows = built(shop, {"derive": {"day": "month(day)"}}, {"pivot": config})

    assert rows == [(1, 2, 30, 0, None), (2, 0, None, 0, None), (None, 0, None, 1, 30)]


def test_pivot_by_numbers_with_one_measure(shop: Workbench) -> None:
    config = {"by": [], "column": "points", "values": {"ten": 10, "no": 11}, "measures": {"top": "max(id)"}}

    assert built(shop, {"pivot": config}) == [(1, None)]


def test_split_takes_the_separator_as_it_is(bench: Workbench) -> None:
    bench.save("names", "SELECT * FROM VALUES ('a.*b.*c.*d'), ('a'), (''), ('.*'), (NULL) AS t(s)")

    rows = built(
        bench, {"split": {"column": "s", "separator": ".*", "into": ["x", "y", "z"]}}, inputs=("names",)
    )

    assert rows == sorted(
        [("a.*b.*c.*d", "a", "b", "c.*d"), ("a", "a", None, None), ("", "", None, None), (".*", "", "", None),
         (None, None, None, None)],
        key=str,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["", "a b", "Straße"]),
        ({"case": "upper", "empty_as_null": True}, [None, "A B", "STRASSE"]),
        ({"trim": False}, [" ", " a b ", "Straße"]),
        ({"collapse": False, "case": "lower"}, ["", "a \t\n b", "straße"]),
    ],
)
def test_standardise(bench: Workbench, settings: dict[str, Any], expected: list[str | None]) -> None:
    texts = [(1, "\u00a0 \r\n"), (2, "\u3000a \t\n b "), (3, "Straße"), (4, None)]
    bench.spark.createDataFrame(texts, "id int, s string").write.format("delta").save(bench.table("texts"))

    rows = built(bench, {"standardise": {"columns": ["s"], **settings}}, inputs=("texts",))

    assert [row[1] for row in rows] == [*expected, None]


KEYS = """
    SELECT * FROM VALUES (1, 'ab', 'c'), (2, 'a', 'bc'), (3, NULL, ''), (4, '', NULL), (5, NULL, NULL), (6, '-', '-'),
        (7, '1:a', ''), (8, 'ab', 'c') AS t(id, x, y)
"""


def test_surrogate_keys_differ_exactly_where_the_values_do(bench: Workbench) -> None:
    bench.save("ks", KEYS)

    rows = built(
        bench,
        {"surrogate_key": {"name": "key", "columns": ["x", "y"]}},
        {"select": ["id", "key"]},
        inputs=("ks",),
    )

    keys = dict(rows)
    assert keys[1] == keys[8]
    assert len(set(keys.values())) == 7
    # The key is stored and joined on: it may never change. SHA-256 of "2:ab1:c".
    assert keys[1] == hashlib.sha256(b"2:ab1:c").hexdigest()
    assert keys[5] == hashlib.sha256(b"--").hexdigest()


def test_surrogate_keys_are_the_documented_texts_for_every_type(bench: Workbench) -> None:
    query = """
        SELECT true AS a, CAST(-7 AS smallint) AS b, CAST(1.5 AS decimal(9,2)) AS c, DATE'1969-12-31' AS d,
            TIMESTAMP'2024-01-05 10:00:00.5' AS e, CAST('h\u00e9' AS binary) AS f, '\U0001f600' AS g,
            CAST(0 AS decimal(38,18)) AS h
    """
    bench.save("ks", query)

    rows = built(
        bench,
        {"surrogate_key": {"name": "key", "columns": list("abcdefgh")}},
        {"select": ["key"]},
        inputs=("ks",),
    )

    texts = ["true", "-7", "1.50", "-1", "1704448800500000", "68C3A9", "\U0001f600", "0.000000000000000000"]
    expected = "".join(f"{len(text)}:{text}" for text in texts)
    assert rows == [(hashlib.sha256(expected.encode()).hexdigest(),)]


def test_mask_shows_what_its_class_may_show(bench: Workbench) -> None:
    query = """
        SELECT * FROM VALUES
            (1, 'ann@example.com', 'Ann', '+31 20 1234567', 'NL91ABNA0417164300', '1234567812345678', '1012 AB',
                '10.1.2.3', 'anything', DATE'1987-06-05'),
            (2, 'no address', '', '12', 'NL', '1', '12', '10.1', '', DATE'2000-02-29'),
            (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        AS t(id, email, name, phone, iban, card, postcode, ip, text, birth_date)
    """
    bench.save("people", query)
    classes = ("email", "name", "phone", "iban", "card", "postcode", "ip", "text", "birth_date")

    rows = built(
        bench,
        {"mask": {**{name: name for name in classes}, "id": "hash"}},
        {"derive": {"birth_date": "cast(birth_date as string)"}},
        {"drop": ["id"]},
        inputs=("people",),
    )

    hidden = "***"
    assert rows == sorted(
        [
            ("a***@example.com", "A***", "***67", "NL***4300", "***5678", "10***", "10.1.2.0", hidden, "1987-01-01"),
            (hidden, hidden, hidden, hidden, hidden, hidden, hidden, hidden, "2000-01-01"),
            (None,) * 9,
        ],
        key=str,
    )  # fmt: skip


def test_a_hash_hides_a_value_and_keeps_it_joinable(shop: Workbench) -> None:
    rows = built(shop, {"mask": {"country": "hash"}}, {"select": ["country"]})

    assert [row[0] for row in rows].count(hashlib.sha256(b"2:nl").hexdigest()) == 2
    assert rows[-1] == (None,)


@pytest.mark.parametrize(("percent", "least", "most"), [(100, 2000, 2000), (10, 150, 250), (0.5, 2, 22)])
def test_sample_takes_about_its_share_of_keys(
    bench: Workbench, percent: float, least: int, most: int
) -> None:
    bench.save("many", "SELECT CAST(id % 2000 AS int) AS k, id FROM range(4000)")

    rows = built(bench, {"sample": {"keys": ["k"], "percent": percent}}, inputs=("many",))

    keys = [row[0] for row in rows]
    assert least <= len(set(keys)) <= most
    assert all(keys.count(key) == 2 for key in set(keys))


def test_a_sample_is_the_same_every_time_and_another_with_another_seed(bench: Workbench) -> None:
    bench.save("many", "SELECT CAST(id AS int) AS k FROM range(1000)")

    samples = [
        built(bench, {"sample": {"keys": ["k"], "percent": 10, "seed": seed}}, inputs=("many",))
        for seed in (0, 0, 1)
    ]

    def is_in(key: int) -> bool:
        return hashlib.sha256(f"0/{len(str(key))}:{key}".encode()).hexdigest() < f"{16**15 // 10:015x}"

    assert samples[0] == samples[1] != samples[2]
    assert sorted(row[0] for row in samples[0]) == [key for key in range(1000) if is_in(key)]
