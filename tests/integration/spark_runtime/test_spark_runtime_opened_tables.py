"""A table that was opened stays as it was, and a table that was given columns is asked for them again."""

from spark_runtime.delta import DeltaTables
from tests.integration.spark_runtime.workbench import Workbench

TYPES = {"id": "bigint"}


def test_rows_of_an_opened_table_stay_the_same_while_others_write(bench: Workbench) -> None:
    tables, uri = DeltaTables(bench.spark, is_sail=True), bench.table("opened")
    tables.overwrite(uri, bench.spark.range(3).toDF("id"), TYPES, key="first")
    opened = tables.open(uri, fixed=True)
    derived = opened.where("id > 0")

    tables.overwrite(uri, bench.spark.range(7).toDF("id"), TYPES, key="second")

    assert (opened.count(), derived.count()) == (3, 2)
    assert tables.open(uri, version=0).count() == 3
    assert tables.open(uri).count() == tables.read(uri).count() == 7


def test_columns_are_asked_for_again_once_they_have_changed(bench: Workbench) -> None:
    tables, uri = DeltaTables(bench.spark, is_sail=True), bench.table("wider")
    assert tables.types(uri) is None

    tables.create_if_missing(uri, TYPES)
    assert tables.types(uri) == TYPES
    tables.add_columns(uri, {"name": "string"})
    assert tables.types(uri) == {**TYPES, "name": "string"}
    rows = bench.spark.range(2).selectExpr("id", "'a' AS name")
    tables.replace_slice(uri, rows, "(name IS NOT NULL AND name = 'a')", key="k")
    assert tables.read(uri).count() == 2
    tables.overwrite(uri, bench.spark.range(1).toDF("number"), {"number": "bigint"}, key="last")
    assert tables.types(uri) == {"number": "bigint"}
