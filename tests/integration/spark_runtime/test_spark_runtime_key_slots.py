"""Integer keys in slots: a key is found in them exactly where it is, whatever its type and place."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession, functions

from spark_runtime import verdict
from spark_runtime.key_slots import in_slots, is_taken, lie_within, slots_to_join
from spark_runtime.lookups import Lookup, by_slots
from spark_runtime.rule_spec import Severity

LOWEST, HIGHEST = -(2**63), 2**63 - 1
NAMES = ("number", "taken")
KEYS = st.lists(
    st.builds(
        lambda start, step: start + step,
        st.sampled_from([LOWEST, -64, -1, 0, 63, 10**12, HIGHEST - 130]),
        st.integers(0, 130),
    ),
    max_size=40,
)


def _as_it_is(df: DataFrame) -> DataFrame:
    return df


def _rows(spark: SparkSession, keys: list[int | None], kind: str = "bigint") -> DataFrame:
    return spark.createDataFrame([(key,) for key in keys], f"id {kind}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=KEYS, sought=KEYS)
def test_a_row_is_found_where_its_key_is_and_only_once(
    spark: SparkSession, known: list[int], sought: list[int]
) -> None:
    slots = in_slots(_rows(spark, [*known, *known]), "id", NAMES)
    rows = _rows(spark, [*sought, *known, None])

    found = rows.join(slots, on=functions.expr(is_taken("id", NAMES)), how="left").collect()

    assert len(found) == rows.count()
    assert {row["id"] for row in found if row["number"] is not None} == set(known)
    assert {row["id"] for row in found if row["number"] is None} == {*sought, None} - set(known)


@pytest.mark.parametrize("kind", ["tinyint", "smallint", "int"])
def test_keys_of_every_integer_type_are_found(spark: SparkSession, kind: str) -> None:
    known = spark.createDataFrame([(key,) for key in (-128, -1, 0, 64, 127)], "key bigint")
    slots = in_slots(known, "key", NAMES)

    found = _rows(spark, [*range(-128, 128)], kind).join(
        slots, on=functions.expr(is_taken("id", NAMES)), how="left_semi"
    )

    assert sorted(row["id"] for row in found.collect()) == [-128, -1, 0, 64, 127]


def test_keys_that_lie_far_apart_are_not_put_in_slots(spark: SparkSession) -> None:
    close, far = _rows(spark, [0, 100, 8 * 64 + 63]), _rows(spark, [LOWEST, 0, HIGHEST])

    assert slots_to_join(close, "id", NAMES, _as_it_is) is not None
    assert slots_to_join(far, "id", NAMES, _as_it_is) is None
    assert slots_to_join(close.limit(0), "id", NAMES, _as_it_is) is None


@pytest.mark.parametrize(
    ("slots", "lowest", "highest", "within"),
    [
        (25, 0, 1599, True),
        (25, 0, 1664, False),
        (25, LOWEST, HIGHEST, False),
        (0, None, None, False),
        (1, None, None, False),
        (1, HIGHEST - 64, HIGHEST, True),
    ],
)
def test_integers_lie_within_slots(slots: int, lowest: int | None, highest: int | None, within: bool) -> None:
    assert lie_within(slots, lowest, highest) is within


@pytest.mark.parametrize("kinds", [("int", "bigint"), ("bigint", "smallint"), ("string", "string")])
def test_a_lookup_by_slots_finds_the_same_rows(spark: SparkSession, kinds: tuple[str, str]) -> None:
    own, theirs = kinds
    rows = spark.sql(f"SELECT CAST(nullif(id - 50, 7) AS {own}) AS raw FROM range(400)")  # noqa: S608 - fixed texts
    known = spark.sql(f"SELECT CAST(id * 3 AS {theirs}) AS k, true AS hit FROM range(70)")  # noqa: S608 - fixed texts
    test = verdict.Test("known", Severity.QUARANTINE, "(hit IS NULL)", "not known", None)
    lookup = Lookup(("id",), known, ("k",), "hit", "(raw) = k", test)

    by_slot = by_slots(lookup, {"id": "raw"}, {"id": own}, _as_it_is)

    assert (by_slot is lookup) == (own == "string")
    found = sorted(map(str, by_slot.find(rows).collect()))
    assert found == sorted(map(str, lookup.find(rows).collect()))
    assert sum("hit=True" in row for row in found) == 70
