"""How an engine reads the SQL of a product: as Spark does, or rewritten so that it comes to the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark_runtime.casts import canonical_type
from spark_runtime.portable import Different, counts_like_spark, merged, portable
from spark_runtime.portable.scope import Ask


@dataclass(frozen=True, slots=True)
class Dialect:
    """An engine's way with SQL.

    Attributes:
        is_spark: Whether texts are taken as they are.
    """

    is_spark: bool = True

    @classmethod
    def of(cls, spark: SparkSession) -> "Dialect":
        """Find out by one query whether an engine counts as Spark does."""
        return cls(counts_like_spark(spark))

    def over(self, df: DataFrame, text: str) -> str:
        """Return an expression over the columns of a frame as the engine must read it.

        Raises:
            Different: The engine would come to another result, and it cannot be written away.
        """
        if self.is_spark:
            return text
        return portable(text, _types_of(df), _asking(df))

    def over_columns(self, types: Mapping[str, str | None], text: str) -> str:
        """Return an expression over columns of these types; see ``over``."""
        return text if self.is_spark else portable(text, types)

    def over_tables(self, tables: Mapping[str, DataFrame], text: str) -> str:
        """Return a query or condition over several frames by name; see ``over``."""
        if self.is_spark:
            return text
        types = {name: _types_of(df) for name, df in tables.items()}
        return portable(text, merged(list(types.values())), tables=types)


def _types_of(df: DataFrame) -> dict[str, str]:
    return {field.name: canonical_type(field.dataType.simpleString()) for field in df.schema.fields}


def _asking(df: DataFrame) -> Ask:
    def ask(texts: Sequence[str]) -> Sequence[str | None]:
        try:
            found = df.selectExpr(*(f"{text} AS _lf_{at}" for at, text in enumerate(texts)))
            return list(_types_of(found).values())
        except PySparkException:
            # An aggregate, or a fault that the engine will tell of when the text itself is run.
            return [None] * len(texts)

    return ask


__all__ = ["Dialect", "Different"]
