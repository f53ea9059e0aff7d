"""A frame on its way through a node: a lazy DataFrame and the names of its columns, known without asking."""

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame

from spark_runtime.casts import canonical_type
from spark_runtime.errors import StepRefused
from spark_runtime.sql import comparable, quoted

# What the runtime adds to tables. Steps may use these columns, but they are not the product's: they do not
# come along from joined tables, and they are written only where the output declares them.
LOAD_COLUMNS = ("_source_file", "_ingested_at", "_run_id", "_warnings", "_corrections", "_rescued")


# Those of them that rules add: lists of texts, by the names of the columns.
MARKS = ("_warnings", "_corrections")


@dataclass(frozen=True, slots=True)
class Frame:
    """A DataFrame and its column names in order.

    Spark Connect asks the server each time for ``df.columns``, so a step that knows its result says it here.
    """

    df: DataFrame
    columns: tuple[str, ...]

    @classmethod
    def resolve(cls, df: DataFrame) -> "Frame":
        """Ask the engine for the columns; one round trip, and the place where a faulty step shows."""
        return cls(df, tuple(df.columns))

    def find(self, name: str, *, where: str) -> str:
        """Return the column that ``name`` means, whatever its case.

        Raises:
            StepRefused: There is none; the message names the columns there are.
        """
        found = find_name(name, self.columns)
        if found is None:
            raise StepRefused(f"{where}: there is no column '{name}'; there are {', '.join(self.columns)}")
        return found

    def types(self) -> dict[str, str]:
        """Ask the engine for the type of each column; one round trip."""
        return types_of(self.df)

    def with_plain_fractions(self, *, is_spark: bool) -> "Frame":
        """Return the rows with one zero and one NaN, where the engine would tell two of them apart."""
        types = {} if is_spark else self.types()
        if not {"float", "double"} & set(types.values()):
            return self
        values = (f"{comparable(quoted(name), types[name])} AS {quoted(name)}" for name in self.columns)
        return Frame(self.df.selectExpr(*values), self.columns)

    @property
    def product_columns(self) -> tuple[str, ...]:
        """The columns without those the runtime added."""
        return tuple(name for name in self.columns if name.casefold() not in LOAD_COLUMNS)


def types_of(df: DataFrame) -> dict[str, str]:
    """Return the Spark SQL type of each column in its one spelling; one round trip."""
    return {field.name: canonical_type(field.dataType.simpleString()) for field in df.schema.fields}


def find_name(name: str, names: Iterable[str]) -> str | None:
    wanted = name.casefold()
    return next((candidate for candidate in names if candidate.casefold() == wanted), None)
