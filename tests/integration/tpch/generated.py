"""TPC-H: the data, what DuckDB answers, and the nodes of the product in ``project`` beside this file.

DuckDB brings the generator and the benchmark's own text of the questions. The product asks them in its own words, in
steps where steps are enough, so that what is compared is the way from a product file to a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_tpch

from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import GraphNode, build_graph
from landfall.spec.load import load_products

PROJECT = Path(__file__).parent / "project"
QUESTIONS = tuple(f"q{number:02}" for number in range(1, 23))
_TYPES = {"INTEGER": "int", "BIGINT": "bigint", "VARCHAR": "string", "DATE": "date"}


@dataclass(frozen=True, slots=True)
class TpchNode:
    """A node of the product, and the definition that a plan pins of it."""

    node: GraphNode
    definition: Mapping[str, Any]

    @property
    def dataset(self) -> str:
        return str(self.definition["output"]["dataset"])


class Tpch:
    """The data of one scale.

    Args:
        scale: 1 is about 1 GB, with 6 million rows in the largest table.
        folder: Where Parquet files of an earlier run may lie.
    """

    def __init__(self, scale: float, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._database = duckdb.connect(str(folder / "tpch.duckdb"))
        extension = next(Path(duckdb_extension_tpch.__file__).parent.rglob("tpch.duckdb_extension"))
        self._database.load_extension(str(extension))
        if not self.tables():
            self._database.execute(f"CALL dbgen(sf = {scale})")
        for table in self.tables():
            if not self.file(table).exists():
                self._database.execute(f"COPY {table} TO '{self.file(table)}' (FORMAT parquet)")

    def tables(self) -> list[str]:
        return [name for (name,) in self._database.execute("SHOW TABLES").fetchall()]

    def file(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table as the generator makes them, and their Spark SQL types."""
        described = self._database.execute(f"DESCRIBE {table}").fetchall()
        return {name: _TYPES.get(kind, kind.lower()) for name, kind, *_ in described}

    def answer(self, question: str) -> list[tuple[Any, ...]]:
        """Return the rows that DuckDB itself finds; columns as the product has them, not always so called."""
        text = "SELECT query FROM tpch_queries() WHERE query_nr = ?"
        (row,) = self._database.execute(text, [int(question[1:])]).fetchall()
        return self._database.execute(row[0]).fetchall()


def load_nodes() -> list[TpchNode]:
    """Return the nodes of the product in order; every fault that ``validate`` finds would be raised here."""
    (product,) = load_products(PROJECT)
    definitions = NodeDefinitions(product, {})
    return [TpchNode(node, definitions.of(node)) for node in build_graph(product).nodes]
