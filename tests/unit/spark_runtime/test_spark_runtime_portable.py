"""SQL for an engine that counts in its own way; that the engine then agrees is tested in ``tests/contract/engines``."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_runtime.portable import Different, ascii_classes, portable
from spark_runtime.portable.parse import Unreadable, parse
from spark_runtime.portable.types import Digits, arithmetic, average, common, rounded
from tests.contract.engines.catalogue import load_cases

COLUMNS = {
    "a": "int",
    "b": "int",
    "c": "bigint",
    "d": "smallint",
    "p": "decimal(10,2)",
    "q": "decimal(10,2)",
    "x": "double",
    "xs": "array<int>",
    "s": "struct<a:int,t:string>",
    "day": "date",
    "t": "timestamp",
    "text": "string",
}

# A double where it is compared or tells rows apart.
X = "nanvl(x + CAST(0 AS double), CAST('NaN' AS double))"

# Where the engine takes for false what is null on Spark, and other rows meet the condition.
LOST_NULLS = [
    "SELECT a FROM t WHERE a = 1 OR b NOT IN (SELECT b FROM u)",
    "SELECT a FROM t WHERE a = 1 OR (NOT b IN (SELECT b FROM u) AND a = 2)",
    "SELECT a FROM t WHERE NOT (b IN (SELECT b FROM u) AND a = 1)",
    "SELECT a FROM t WHERE (b IN (SELECT b FROM u)) IS NULL",
    "SELECT a FROM t WHERE CASE WHEN b IN (SELECT b FROM u) THEN a = 1 ELSE true END",
    "SELECT a FROM t WHERE a IN (SELECT a FROM u WHERE coalesce(b IN (SELECT b FROM v), true))",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", "nullif(CAST((CAST(a AS bigint) + CAST(b AS bigint)) AS int), NULL)"),
        (
            "a + c AS z",
            "nullif(CAST((CAST(a AS decimal(20,0)) + CAST(c AS decimal(20,0))) AS bigint), NULL) AS z",
        ),
        ("d * d", "nullif(CAST((CAST(d AS bigint) * CAST(d AS bigint)) AS smallint), NULL)"),
        ("s.a - 1", "nullif(CAST((CAST(s.a AS bigint) - CAST(1 AS bigint)) AS int), NULL)"),
        ("t.a - 1", "nullif(CAST((CAST(t.a AS bigint) - CAST(1 AS bigint)) AS int), NULL)"),
        (
            "transform(xs, y -> y + a)",
            "CASE WHEN rand() >= 0 THEN "
            "transform(xs, y -> nullif(CAST((CAST(y AS bigint) + CAST(a AS bigint)) AS int), NULL)) END",
        ),
        (
            "NOT exists(xs, y -> exists(xs, z -> z < y))",
            "NOT CASE WHEN rand() >= 0 THEN exists(xs, y -> exists(xs, z -> z < y)) END",
        ),
        (
            "filter(xs, y -> abs(y - 1) > 0)",
            "CASE WHEN rand() >= 0 THEN "
            "filter(xs, y -> abs(nullif(CAST((CAST(y AS bigint) - CAST(1 AS bigint)) AS int), NULL)) > 0) END",
        ),
        ("EXISTS (SELECT 1 FROM t WHERE a > 1)", "EXISTS (SELECT 1 FROM t WHERE a > 1)"),
        (
            "sum(c) FILTER (WHERE a > 1)",
            "nullif(CAST(sum(CAST(c AS decimal(38,0))) FILTER (WHERE a > 1) AS bigint), NULL)",
        ),
        (
            "sum(c) OVER (ORDER BY a)",
            "nullif(CAST(sum(CAST(c AS decimal(38,0))) OVER (ORDER BY a) AS bigint), NULL)",
        ),
        ("sum(DISTINCT c)", "nullif(CAST(sum(DISTINCT CAST(c AS decimal(38,0))) AS bigint), NULL)"),
        ("p * 2", "CAST((p * CAST(2 AS decimal(1,0))) AS decimal(12,2))"),
        ("if(a > 0, a, c)", "if(a > 0, CAST(a AS bigint), c)"),
        (
            "CASE WHEN a > 0 THEN p ELSE 0 END",
            "CASE WHEN a > 0 THEN CAST(p AS decimal(12,2)) ELSE CAST(0 AS decimal(12,2)) END",
        ),
        ("x IN (2, 1.5)", f"{X} IN (CAST(2 AS double), CAST(1.5 AS double))"),
        (
            "x IN (-0D, a)",
            f"{X} IN (CAST(-0D AS double), CAST(a AS double), CAST('0.0' AS double), CAST('-0.0' AS double))",
        ),
        ("count(DISTINCT x)", f"count(DISTINCT {X})"),
        (
            "x > 2.5 AND x BETWEEN 0.5 AND p",
            f"{X} > CAST(2.5 AS double) AND {X} BETWEEN CAST(0.5 AS double) AND CAST(p AS double)",
        ),
        ("1.5 = x OR p = 1.5", f"CAST(1.5 AS double) = {X} OR p = 1.5"),
        (
            "rank() OVER (PARTITION BY a, x ORDER BY x DESC)",
            f"rank() OVER (PARTITION BY a, {X} ORDER BY {X} DESC)",
        ),
        (
            "x IS DISTINCT FROM p OR 1.5 IS NOT DISTINCT FROM x",
            f"{X} IS DISTINCT FROM CAST(p AS double) OR CAST(1.5 AS double) IS NOT DISTINCT FROM {X}",
        ),
        ("cast(p AS int) = 1", "nullif(cast(p AS int), NULL) = 1"),
        ("int(p) = a::smallint", "nullif(int(p), NULL) = nullif(a::smallint, NULL)"),
        ("to_date(t) > date '2024-01-01'", "nullif(to_date(t), NULL) > date '2024-01-01'"),
        (
            "cast(a AS float) > a",
            "CAST(nanvl(nullif(cast(a AS float), NULL) + CAST(0 AS float), CAST('NaN' AS float)) AS double) > "
            "CAST(a AS double)",
        ),
        ("x NOT BETWEEN 0 AND 1.5", f"{X} NOT BETWEEN 0 AND CAST(1.5 AS double)"),
        (
            "greatest(x, a)",
            f"greatest({X}, nanvl(CAST(a AS double) + CAST(0 AS double), CAST('NaN' AS double)))",
        ),
        ("floor(x) > 2", "nullif(floor(x), NULL) > 2"),
        (
            "cast(a AS float) IN (a, 1D)",
            "nanvl(nullif(cast(a AS float), NULL) + CAST(0 AS float), CAST('NaN' AS float)) IN "
            "(CAST(a AS double), CAST(1D AS double))",
        ),
        ("p div 2", "nullif(p div 2, NULL)"),
        (
            "p / 3",
            "nullif(CAST(CASE WHEN (CAST(p AS decimal(38,3))) IS NOT NULL THEN (CAST(p AS decimal(38,3))) / "
            "(CAST(3 AS decimal(1,0))) END AS decimal(14,6)), NULL)",
        ),
        ("cast(a AS bigint) = cast(p AS decimal(12,2))", "cast(a AS bigint) = cast(p AS decimal(12,2))"),
        ("nullif(x, 0)", "CASE WHEN (x) = (0) THEN CAST(NULL AS double) ELSE x END"),
        ("nvl2(a, c, b)", "CASE WHEN (a) IS NOT NULL THEN CAST(c AS bigint) ELSE CAST(b AS bigint) END"),
        ("pmod(p, 3)", "CAST(pmod(p, 3) AS decimal(3,2))"),
        ("datediff(day, day)", "CAST(datediff(day, day) AS int)"),
        ("datediff(MONTH, day, day)", "CAST(datediff(MONTH, day, day) AS bigint)"),
        ("(d * d) > 0", "(nullif(CAST((CAST(d AS bigint) * CAST(d AS bigint)) AS smallint), NULL)) > 0"),
        (
            "CASE d * d WHEN 1 THEN a END",
            "CASE nullif(CAST((CAST(d AS bigint) * CAST(d AS bigint)) AS smallint), NULL) WHEN 1 THEN a END",
        ),
        ("text RLIKE '^\\\\w+$'", "text RLIKE '^[A-Za-z0-9_]+$'"),
        ("weekday(day)", "((dayofweek(day) + 5) % 7)"),
        ("left(text, 2)", "substring(text, 1, 2)"),
        ("right(text, a)", "CAST(right(text, CASE WHEN (a) < 0 THEN 0 ELSE a END) AS string)"),
        ("substring(text, 2, -1)", "substring(text, 2, CASE WHEN (-1) < 0 THEN 0 ELSE -1 END)"),
        ("regexp_replace(text, '(.)b', '$1x')", "regexp_replace(text, '(.)b', '${1}x')"),
        ("slice(xs, 1, 2)", "slice(xs, 1, 2)"),
    ],
)
def test_arithmetic_says_what_spark_does(text: str, expected: str) -> None:
    assert portable(text, COLUMNS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x + 1",
        "day + 1",
        "t + interval 1 hour",
        "p",
        "count(*)",
        "t.*",
        "upper(text) || 'a + b'",
        "a > 0 AND b IS NOT NULL -- a + b",
        "`a + b` = 1",
        "a BETWEEN 1 AND 3",
        "SELECT * FROM t WHERE text LIKE 'x%'",
        "SELECT a FROM t WHERE b IN (SELECT b FROM u) AND t.c NOT IN (SELECT c FROM u WHERE a IN (SELECT a FROM v))",
        "SELECT a FROM t WHERE NOT b IN (SELECT b FROM u) AND NOT (a = 1)",
        "SELECT a FROM t WHERE a = 1 OR (b IN (SELECT b FROM u) AND b > 1)",
        "SELECT b FROM t JOIN u ON t.a = u.a AND u.b IN (SELECT b FROM v) GROUP BY b HAVING b IN (SELECT b FROM v)",
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND b NOT IN (SELECT b FROM v)) OR a = 1",
        "SELECT a AS n, text FROM t UNION ALL SELECT b, upper(text) FROM t UNION SELECT NULL, ''",
        "SELECT * FROM t UNION SELECT * FROM u",
    ],
)
def test_everything_else_stays_as_it_is_written(text: str) -> None:
    assert portable(text, COLUMNS) == text


def test_a_query_is_read_through_its_aliases() -> None:
    query = "WITH w AS (SELECT a * b AS v FROM t) SELECT v + 1 AS n FROM w"

    assert "nullif(CAST((CAST(v AS bigint) + CAST(1 AS bigint)) AS int), NULL) AS n" in portable(
        query, COLUMNS
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unheard_of(a) + 1", "the type of unheard_of(a) cannot be told"),
        ("cast(x AS string)", "writes double as text in another way"),
        ("initcap(text)", "initcap gives another result"),
        ("day - day", "use datediff"),
        ("from_json(text, 'n int')", "lets whole numbers overflow"),
        ("to_json(struct(p))", "cast them to string before"),
        ("regexp_replace(text, 'b', '\\\\$')", "put a dollar or a backslash in with replace"),
        ("regexp_replace(text, '(.)b', '$2')", "write $1 to $9 for a group"),
        ("regexp_replace(text, '', '-')", "give a pattern that is not empty"),
        ("text RLIKE '[[:alpha:]]'", "write the characters, such as [A-Za-z]"),
        ("CASE WHEN a > 0 THEN text ELSE a END", "cast one of them"),
        ("coalesce(text, p)", "cast one of them"),
        ("array(1, 'x')", "cast one of them"),
        ("nvl2(a, text, 1)", "cast one of them"),
        ("format_number(p, 1)", "write cast(round(x, n) as string)"),
        ("format_string('%5.2f', x)", "rounds fractions in a text otherwise"),
        ("timestampdiff(DAY, t, t)", "use datediff, months_between"),
        ("extract(isodow FROM day)", "use a field that Spark knows"),
        ("stack(2, a, c)", "bigint and int; cast them"),
        ("cast(a AS binary)", "Spark makes no bytes of int"),
        ("floor(x, 1)", "cast the double to decimal(p,s) before"),
        ("bround(a, -1)", "use round"),
        *((query, "write EXISTS (SELECT") for query in LOST_NULLS),
        ("SELECT a, b IN (SELECT b FROM u) AS found FROM t", "write EXISTS (SELECT"),
        (
            "WITH w AS (SELECT a FROM t UNION ALL SELECT c FROM t) SELECT * FROM w",
            "columns of int and bigint",
        ),
        ("SELECT a, p AS n FROM t EXCEPT SELECT a, 1.125 FROM t", "decimal(10,2) and decimal(4,3)"),
    ],
)
def test_what_cannot_be_written_away_is_refused(text: str, message: str) -> None:
    with pytest.raises(Different) as error:
        portable(text, COLUMNS)

    assert message in str(error.value)


def test_the_engine_is_asked_for_a_type_that_does_not_follow() -> None:
    assert portable("unheard_of(a) + 1.5D", COLUMNS, lambda _: ["double"]) == "unheard_of(a) + 1.5D"


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.id)
def test_every_expression_of_the_cases_can_be_read(case: object) -> None:
    document = case.document  # type: ignore[attr-defined]
    for node in document["nodes"]:
        for step in node["steps"]:
            for text in step.get("select", ()):
                parse(text)


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("+", Digits(10, 2), Digits(5, 4), Digits(13, 4)),
        ("*", Digits(38, 10), Digits(38, 10), Digits(38, 6)),
        ("/", Digits(10, 2), Digits(10, 2), Digits(23, 13)),
        ("%", Digits(10, 2), Digits(5, 4), Digits(5, 4)),
    ],
)
def test_decimals_have_the_digits_of_spark(
    operator: str, left: Digits, right: Digits, expected: Digits
) -> None:
    assert arithmetic(operator, left, right) == expected


def test_means_and_roundings_have_the_digits_of_spark() -> None:
    assert average(Digits(10, 2)) == Digits(14, 6)
    assert rounded(Digits(38, 10), 2) == Digits(31, 2)
    assert rounded(Digits(10, 2), -1) == Digits(9, 0)


def test_common_types() -> None:
    assert common(["int", "bigint", "void"]) == "bigint"
    assert common(["decimal(10,2)", "int"]) == "decimal(12,2)"
    assert common(["decimal(10,2)", "double"]) == "double"
    assert common(["int", None]) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\w+", "[A-Za-z0-9_]+"),
        (r"[\w-]", "[A-Za-z0-9_-]"),
        (r"\\w", r"\\w"),
        (r"\D", "[^0-9]"),
        (r"a\.b", r"a\.b"),
    ],
)
def test_character_classes_are_ascii(pattern: str, expected: str) -> None:
    assert ascii_classes(pattern) == expected


@given(st.text(alphabet="ab(),.+-*/' `\"\\[]caseendwhenthen1 \n", min_size=1, max_size=40))
def test_any_text_is_read_or_called_unreadable(text: str) -> None:
    try:
        parse(text)
    except Unreadable:
        return
    with contextlib.suppress(Different):
        assert portable(text, {"a": "double", "b": "double"})  # It has been read: no other error.


TABLES = {"sales": {"g": "string", "v": "int"}, "rates": {"v": "decimal(5,2)", "m": "map<string,int>"}}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            "WITH c AS (SELECT cast(v AS bigint) AS v FROM sales) SELECT sum(v) AS n FROM c",
            "sum(CAST(v AS decimal(38,0)))",
        ),
        (
            "SELECT t.v * 2 AS n FROM (SELECT v FROM rates) AS t",
            "CAST((t.v * CAST(2 AS decimal(1,0))) AS decimal(7,2))",
        ),
        (
            "SELECT s.v + r.v AS n FROM sales s JOIN rates r ON s.v = r.v",
            "CAST((s.v + r.v) AS decimal(13,2))",
        ),
        (
            "WITH c (n) AS (SELECT v FROM sales) SELECT n * n AS m FROM c",
            "CAST(n AS bigint) * CAST(n AS bigint)",
        ),
        (
            "SELECT w - 1 AS n FROM rates LATERAL VIEW OUTER explode(m) t AS k, w",
            "CAST(w AS bigint) - CAST(1 AS bigint)",
        ),
        ("SELECT * FROM rates LATERAL VIEW explode(m) t", "inline(map_entries(m)) t"),
        (
            "SELECT 1 AS n FROM sales WHERE v > (SELECT avg(v) FROM rates WHERE g = 'x' AND v > 1)",
            "(SELECT nullif(CAST((CAST(sum(v) AS decimal(38,3))",
        ),
    ],
)
def test_a_name_has_the_type_that_it_has_in_its_query(text: str, written: str) -> None:
    assert written in portable(text, {}, tables=TABLES)


def test_bare_names_of_a_condition_on_two_tables_are_those_of_the_running_frame() -> None:
    tables = {"this": TABLES["sales"], "rates": TABLES["rates"]}

    assert portable("v * 2 > rates.v", {}, tables=tables) == (
        "nullif(CAST((CAST(v AS bigint) * CAST(2 AS bigint)) AS int), NULL) > rates.v"
    )


def test_a_name_whose_table_is_not_known_has_no_type() -> None:
    with pytest.raises(Different, match="the type of v cannot be told"):
        portable("SELECT v + 1 AS n FROM sales JOIN inline(xs) t", {}, tables={"sales": {"g": "string"}})


def test_a_column_that_is_called_like_a_word_of_sql_has_its_type() -> None:
    assert portable("avg(rows)", {"rows": "int"}) == "avg(rows)"
