"""Integer keys that lie close together are looked through in groups, and no repeated one is missed."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from spark_runtime.repeated_keys import crowded_rows

LOWEST, HIGHEST = -(2**63), 2**63 - 1
STARTS = st.sampled_from([LOWEST, -64, -1, 0, 63, 10**12, HIGHEST - 300])
KEYS = st.builds(
    lambda start, steps: [start + step for step in steps],
    STARTS,
    st.lists(st.integers(0, 300), max_size=60),
)


def _as_it_is(df: DataFrame) -> DataFrame:
    return df


def _crowded(spark: SparkSession, keys: list[int]) -> list[int]:
    rows = spark.createDataFrame([(key,) for key in keys], "id bigint")
    return [row["id"] for row in crowded_rows(rows, "id", _as_it_is).collect()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=KEYS)
def test_every_row_of_a_repeated_key_is_crowded(spark: SparkSession, keys: list[int]) -> None:
    repeated = {key: count for key, count in Counter(keys).items() if count > 1}

    crowded = Counter(_crowded(spark, keys))

    assert {key: crowded[key] for key in repeated} == repeated
    assert not crowded - Counter(keys)


def test_keys_without_a_repeated_one_near_them_are_passed_over(spark: SparkSession) -> None:
    keys = [*range(-500, 1000), 640]

    assert sorted(_crowded(spark, keys)) == sorted([*range(640, 704), 640])


def test_keys_at_both_ends_of_a_bigint_do_not_overflow(spark: SparkSession) -> None:
    assert sorted(_crowded(spark, [LOWEST, HIGHEST, 0, 0])) == [0, 0]
