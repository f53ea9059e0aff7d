"""A refused row is the same JSON, whichever way it is written, and can be read again."""

from spark_runtime.portable.dialect import Dialect
from spark_runtime.row_json import row_as_json
from tests.integration.spark_runtime.workbench import Workbench

# Texts with and without signs that JSON escapes, in one column and in several; values that engines write differently.
ROWS = r"""
    SELECT id, texts.text, texts.other, CAST(id % 3 = 0 AS boolean) AS flag, CAST(id - 2 AS tinyint) AS small,
        CASE WHEN id <> 3 THEN CAST(id * 1.5 AS decimal(12,2)) END AS amount,
        CASE id WHEN 1 THEN CAST('NaN' AS double) WHEN 2 THEN 1e300D WHEN 3 THEN NULL ELSE id / 7D END AS weight,
        CASE WHEN id <> 4 THEN date_add(date'1969-12-30', CAST(id AS int)) END AS day,
        CASE WHEN id <> 5 THEN timestamp'2024-02-29 12:34:56.789' END AS moment,
        CASE WHEN id <> 6 THEN array(named_struct('a', concat('"', CAST(id AS string)), 'b', id)) END AS parts
    FROM range(10) JOIN (
        SELECT 0 AS at, 'plain' AS text, 'naïve 😀' AS other UNION ALL SELECT 1, 'quote " in it', 'x'
        UNION ALL SELECT 2, 'x', 'back \\ slash' UNION ALL SELECT 3, 'line\nfeed', 'tab\there'
        UNION ALL SELECT 4, NULL, '' UNION ALL SELECT 5, concat('bell ', char(7)), NULL UNION ALL SELECT 6, NULL, NULL
        UNION ALL SELECT 7, '{"a": [1]}', '/' UNION ALL SELECT 8, char(127), '}' UNION ALL SELECT 9, '}', '{'
    ) AS texts ON texts.at = id
"""
SAIL = Dialect(is_spark=False)
BY_ENGINE = """to_json(named_struct('id', id, 'text', text, 'other', other, 'flag', flag, 'small', small,
    'amount', CAST(amount AS string), 'weight', weight, 'day', day,
    'moment', concat(replace(CAST(moment AS string), ' ', 'T'), 'Z'), 'parts', parts))"""


def test_a_row_is_written_as_the_engine_would_write_it(bench: Workbench) -> None:
    rows = bench.spark.sql(ROWS)
    fields = [(field.name, field.name, field.dataType.simpleString()) for field in rows.schema.fields]

    written = rows.selectExpr(f"{row_as_json(fields, SAIL)} AS ours", f"{BY_ENGINE} AS theirs").collect()

    assert len(written) == 10
    assert [row["ours"] for row in written] == [row["theirs"] for row in written]


def test_a_row_without_values_is_an_object_without_fields(bench: Workbench) -> None:
    rows = bench.spark.sql(
        "SELECT CAST(NULL AS int) AS a, CAST(NULL AS string) AS b, CAST(NULL AS double) AS c"
    )

    fields = [("a", "a", "int"), ("b", "b", "string"), ("c", "c", "double")]
    written = rows.selectExpr(f"{row_as_json(fields, SAIL)} AS row")

    assert written.collect()[0]["row"] == "{}"


def test_numbers_of_every_size_are_the_same_text(bench: Workbench) -> None:
    numbers = bench.spark.sql("""
        SELECT d, CAST(d AS float) AS f FROM (
            SELECT CASE id % 7 WHEN 0 THEN CAST(id AS double) WHEN 1 THEN id / 7D WHEN 2 THEN id / 1000000D
                WHEN 3 THEN 1 / (id + 1D) WHEN 4 THEN id * 12345.678D WHEN 5 THEN -id * 0.1D
                ELSE (id - 3500) * 1e300D END AS d
            FROM range(7000)
            UNION ALL SELECT explode(array(0D, -0D, 0.001D, 0.00099999D, 9999999D, 9999999.999D, 1e7D, -1e7D, 5e-324D))
        )
    """)
    ours = row_as_json([("d", "d", "double"), ("f", "f", "float")], SAIL)
    theirs = "to_json(named_struct('d', d, 'f', CAST(f AS double)))"

    written = numbers.selectExpr(f"{ours} AS ours", f"{theirs} AS theirs").collect()

    assert len(written) == 7009
    assert [row for row in written if row["ours"] != row["theirs"]] == []
