"""What a step may use besides the running frame."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from pyspark.sql import DataFrame, SparkSession

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame
from spark_runtime.portable.dialect import Dialect, Different


@dataclass(frozen=True, slots=True)
class StepContext:
    """What surrounds a step.

    Attributes:
        where: How messages name the step, for example ``step 2 (join)``.
        inputs: The node's inputs by name.
        views: Source of names for temporary views that no other job uses.
        dialect: How the engine reads SQL.
    """

    spark: SparkSession
    where: str
    inputs: Mapping[str, Frame]
    views: "ViewNames"
    dialect: Dialect = field(default_factory=Dialect)

    def sql(self, text: str, frame: Frame, others: Mapping[str, Frame] | None = None) -> str:
        """Return SQL of the product over the running frame, and others by name, as the engine must read it.

        Raises:
            StepRefused: The engine would come to another result than Spark, and it cannot be written away.
        """
        try:
            if others is not None:
                tables = {"this": frame.df} | {name: other.df for name, other in others.items()}
                return self.dialect.over_tables(tables, text)
            return self.dialect.over(frame.df, text)
        except Different as error:
            raise StepRefused(f"{self.where}: {error}") from error

    def input(self, name: str) -> Frame:
        """Return an input of the node.

        Raises:
            StepRefused: The node has no such input.
        """
        if name not in self.inputs:
            raise StepRefused(
                f"{self.where}: '{name}' is no input of this node; there are {', '.join(self.inputs)}"
            )
        return self.inputs[name]


class ViewNames:
    """Names of temporary views, unique per job: a view that is replaced changes frames built on it before."""

    def __init__(self, token: str) -> None:
        self._names: Iterator[str] = (f"lf_{token}_{number}" for number in count(1))

    def register(self, df: DataFrame) -> str:
        name = next(self._names)
        df.createOrReplaceTempView(name)
        return name

    def prefix(self) -> str:
        """Return a prefix for column names that no column of the product has."""
        return f"_{next(self._names)}_"
