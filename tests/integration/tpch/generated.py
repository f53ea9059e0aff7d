"""TPC-H: its tables and queries as a product, and what DuckDB answers.

DuckDB brings the generator and the queries; from them comes a product with one landed dataset per table and one
transformation per query, so that what is compared is the way from a product file to a table.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_tpch
import sqlglot
from sqlglot import exp

from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import GraphNode, build_graph
from landfall.spec.load import load_products

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
_TYPES = {"INTEGER": "int", "BIGINT": "bigint", "VARCHAR": "string", "DATE": "date"}


@dataclass(frozen=True, slots=True)
class TpchNode:
    """A node of the product, and the definition that a plan pins of it."""

    node: GraphNode
    definition: Mapping[str, Any]


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
        if not self._database.execute("SHOW TABLES").fetchall():
            self._database.execute(f"CALL dbgen(sf = {scale})")
        for table in TABLES:
            if not self.file(table).exists():
                self._database.execute(f"COPY {table} TO '{self.file(table)}' (FORMAT parquet)")

    def file(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"

    def columns(self, table: str) -> dict[str, str]:
        described = self._database.execute(f"DESCRIBE {table}").fetchall()
        return {name: _TYPES.get(kind, kind.lower()) for name, kind, *_ in described}

    def queries(self) -> dict[str, str]:
        """Return the queries as DuckDB has them, by the name of their transformation."""
        rows = self._database.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY 1").fetchall()
        return {f"q{number:02}": query.strip().rstrip(";") for number, query in rows}

    def answer(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows that DuckDB itself finds."""
        return self._database.execute(self.queries()[query]).fetchall()

    def write_product(self, root: Path) -> list[TpchNode]:
        """Write a project with the product, load it as ``validate`` does, and return its nodes in order."""
        folder = root / "data_products" / "benchmarks" / "tpch"
        folder.mkdir(parents=True)
        (root / "landfall.yml").write_text("name: tpch\ndefault_target: laptop\ntargets: {laptop: {}}\n")
        # JSON is YAML.
        (folder / "product.yml").write_text(json.dumps(self._product(), indent=1))
        (product,) = load_products(root)
        definitions = NodeDefinitions(product, {})
        return [TpchNode(node, definitions.of(node)) for node in build_graph(product).nodes]

    def _product(self) -> dict[str, Any]:
        return {
            "api_version": "landfall/v1",
            "domain": "benchmarks",
            "name": "tpch",
            "owner": {"team": "landfall", "email": "landfall@example.com"},
            "description": "The tables and queries of TPC-H.",
            "sources": [{"name": "files", "type": "file", "format": "parquet"}],
            "datasets": [
                {
                    "name": table,
                    "source": "files",
                    "landing": {"path": f"{table}/*.parquet"},
                    "columns": [{"name": name, "type": kind} for name, kind in self.columns(table).items()],
                }
                for table in TABLES
            ],
            "transformations": [
                {
                    "name": name,
                    "inputs": _tables_of(query),
                    "steps": [{"sql": _as_spark(query)}],
                    "output": {"dataset": f"{name}_answer", "layer": "gold"},
                }
                for name, query in self.queries().items()
            ],
        }


def _as_spark(query: str) -> str:
    tree = sqlglot.parse_one(query, read="duckdb")
    assert isinstance(tree, exp.Query)
    for number, item in enumerate(tree.selects, 1):
        if not item.alias_or_name:
            # A column of a table needs a name.
            item.replace(exp.alias_(item.copy(), f"column_{number}"))
    return tree.sql("spark", pretty=True)


def _tables_of(query: str) -> list[str]:
    named = {table.name for table in sqlglot.parse_one(query, read="duckdb").find_all(exp.Table)}
    return [table for table in TABLES if table in named]
