"""What quality rules cost beside a plain write: ``python benchmarks/rules.py [--classic] [ROWS]``, else 5,000,000.

Twenty rules (18 on rows, one on keys, one against another table) on generated rows of 16 columns, 7 % of which are
refused. Beside it stand the same rows written as a node without rules writes them, and as the engine does by itself
with no option set. One JSON line per measurement with where its time went, then a table. Seconds are of the clock, and
of the engine's processors, which other programs on the machine disturb less. Memory is the most that a process held at
a time, on classic Spark that of its Java. There tables are Parquet files, because it has no Delta here.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, cast

from classic import PYTHON, ParquetTables, children, cpu_seconds, open_classic, peak_mb, run_within
from pyspark.sql import SparkSession

from spark_runtime.delta import DeltaTables
from spark_runtime.run import run_node
from spark_runtime.session import SETTINGS
from spark_runtime.spec import parse_node_spec
from spark_runtime.tables import Tables

REPEATS = 3
CUSTOMERS = 50_000

# One fault in so many rows, by the column that has it; no row has two of them.
_ROWS = """
    CASE WHEN id % 1000 < 10 AND id % 2 = 1 THEN id - 1 ELSE id END AS order_id,
    CAST(CASE WHEN id % 1000 BETWEEN 10 AND 19 THEN -1 - id % 7 ELSE id * 7919 % {customers} END AS int) AS customer_id,
    CASE WHEN id % 1000 BETWEEN 20 AND 29 THEN NULL ELSE concat('user', id * 31 % 900000, '@mail.example') END AS email,
    concat('Name ', id * 17 % 300000, ' of the family ', id * 13 % 70000) AS customer_name,
    CASE WHEN id % 1000 BETWEEN 30 AND 39 THEN 'XX'
         ELSE element_at(array('DE', 'FR', 'NL', 'GB', 'US'), CAST(id % 5 + 1 AS int)) END AS country,
    CASE WHEN id % 1000 BETWEEN 40 AND 44 THEN ' ' ELSE concat('Town ', id * 11 % 40000) END AS city,
    concat('Street of the ', id * 7 % 90000, 'th tree ', id % 200) AS street,
    lpad(CAST(id * 3 % 99999 AS string), 5, '0') AS postcode,
    CAST(id * 7919 % 1000000 / 100 - CASE WHEN id % 1000 BETWEEN 45 AND 54 THEN 20000 ELSE 0 END AS decimal(12,2))
        AS amount,
    CAST(id * 17 % 5000 / 100 AS decimal(12,2)) AS tax,
    CAST(id * 13 % 20 + CASE WHEN id % 1000 BETWEEN 55 AND 59 THEN 1000 ELSE 1 END AS int) AS quantity,
    CAST(id * 37 % 10007 AS double) / 7 AS weight,
    date_add(date'2020-01-01', CAST(id * 5 % 1500 AS int)) AS placed_on,
    date_add(date'2020-01-01', CAST(id * 5 % 1500 - CASE WHEN id % 1000 BETWEEN 60 AND 69 THEN 9 ELSE -3 END AS int))
        AS shipped_on,
    concat('SKU-', lpad(CAST(id * 41 % 1000000 AS string), 7, '0')) AS product,
    concat('note ', id * 31 % 2000000, ' about order ', id) AS note
"""


def rule(name: str, check: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "check": check, "severity": "quarantine", "config": config, "filter": None}


RULES = [
    rule("has_number", "not_null", columns=["order_id"]),
    rule("has_customer", "not_null", columns=["customer_id"]),
    rule("has_email", "not_null", columns=["email"]),
    rule("has_date", "not_null", columns=["placed_on"]),
    rule("amount_plausible", "range", column="amount", min=0, max=100000),
    rule("tax_plausible", "range", column="tax", min=0, max=100),
    rule("quantity_plausible", "range", column="quantity", min=1, max=500),
    rule("weight_plausible", "range", column="weight", min=0, max=2000),
    rule("since_opening", "range", column="placed_on", min="2020-01-01", max="2030-01-01"),
    rule("country_known", "accepted_values", column="country", values=["DE", "FR", "NL", "GB", "US"]),
    rule("no_test_town", "forbidden_values", column="city", values=["Test", "Nowhere"]),
    rule("email_fits", "length", column="email", min=6, max=80),
    rule("note_fits", "length", column="note", max=200),
    rule("postcode_fits", "length", column="postcode", min=5, max=5),
    rule("city_not_blank", "not_empty", columns=["city"]),
    rule("product_form", "regex", column="product", pattern="SKU-[0-9]{7}"),
    rule("shipped_after_placed", "expression", expression="shipped_on >= placed_on"),
    rule("tax_below_amount", "expression", expression="tax <= 100 OR amount > tax"),
    rule("one_row_per_order", "unique", columns=["order_id"]),
    rule("customer_exists", "foreign_key", columns=["customer_id"], references="customers"),
]


class TimedTables:
    """Tables that note what each kind of write costs; what is left of a node is its look at the rows.

    Attributes:
        spent: Seconds of the clock and of the engine's processors since ``spent`` was cleared, by kind of write.
    """

    def __init__(self, tables: Tables, engine: list[int]) -> None:
        self._tables = tables
        self._engine = engine
        self.spent: dict[str, tuple[float, float]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def overwrite(self, *arguments: Any, **named: Any) -> None:
        self._note("publish", lambda: self._tables.overwrite(*arguments, **named))

    def replace_slice(self, *arguments: Any, **named: Any) -> None:
        self._note("quarantine", lambda: self._tables.replace_slice(*arguments, **named))

    def _note(self, kind: str, write: Callable[[], None]) -> None:
        self.spent[kind] = _timed(write, self._engine)[:2]


def main() -> None:
    counts = [int(word) for word in sys.argv[1:] if word.isdigit()]
    rows = counts[0] if counts else 5_000_000
    if "--classic" in sys.argv and Path(sys.executable) != PYTHON:
        run_within(Path(__file__), "--classic", str(rows))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "--classic" in sys.argv:
            spark = open_classic(folder)
            measure(spark, ParquetTables(spark), folder, rows, own_format="parquet")
            spark.stop()
            return
        from landfall.local.spark_engine import spark_engine

        with spark_engine() as address:
            spark = SparkSession.builder.remote(address).create()
            for key, value in SETTINGS.items():
                spark.conf.set(key, value)
            measure(spark, DeltaTables(spark, is_sail=True), folder, rows, own_format="delta")
            spark.stop()


def measure(spark: SparkSession, tables: Tables, folder: Path, rows: int, *, own_format: str) -> None:
    """Write the rows, then measure all ways in turns, so that a busy machine slows all of them."""
    # All but this process: the engine, or the Java beside which this process is next to nothing.
    engine = children(os.getpid())
    orders = spark.sql(f"SELECT {_ROWS.format(customers=CUSTOMERS)} FROM range({rows})")
    customers = spark.range(CUSTOMERS).selectExpr("CAST(id AS int) AS customer_id")
    for name, frame in (("orders", orders), ("customers", customers)):
        types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
        tables.overwrite(str(folder / name), frame, types, key="given")
    seconds: dict[str, list[tuple[float, float]]] = {"engine": [], "plain": [], "rules": []}
    parts: dict[str, list[tuple[float, float]]] = {"look": [], "quarantine": [], "publish": []}
    timed = TimedTables(tables, engine)
    found: Mapping[str, Any] = {}
    given = tables.read(str(folder / "orders")).write.format(own_format)
    for number in range(REPEATS):
        own = str(folder / f"engine{number}")
        seconds["engine"].append(_timed(lambda own=own: given.save(own), engine)[:2])  # type: ignore[misc]
        for name, rules in (("plain", []), ("rules", RULES)):
            spec = parse_node_spec(_spec(folder, f"{name}{number}", rules))
            timed.spent.clear()
            took = _timed(lambda spec=spec: run_node(spark, spec, cast("Tables", timed)), engine)  # type: ignore[misc]
            result = json.loads(took[2].to_json())
            if result["error"] is not None:
                raise SystemExit(f"the node failed: {result['error']['message']}")
            seconds[name].append(took[:2])
            line = {"what": name, "seconds": round(took[0], 2), "engine_cpu_seconds": round(took[1], 2)}
            spent = {"look": _less(took[:2], timed.spent.values()), **timed.spent}
            rounded = {kind: [round(value, 2) for value in both] for kind, both in spent.items()}
            print(json.dumps(line | {"timings_s": result["timings_s"], "spent": rounded}), flush=True)
            if rules:
                found = result
                for kind, both in spent.items():
                    parts[kind].append(both)
    _show(seconds, parts, found, rows, engine)


def _timed(work: Callable[[], Any], engine: list[int]) -> tuple[float, float, Any]:
    clock, cpu = time.perf_counter(), cpu_seconds(engine)
    result = work()
    return time.perf_counter() - clock, cpu_seconds(engine) - cpu, result


def _less(total: tuple[float, float], parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    clock, cpu = total
    for part in parts:
        clock, cpu = clock - part[0], cpu - part[1]
    return clock, cpu


def _middle(measured: Mapping[str, list[tuple[float, float]]]) -> dict[str, tuple[float, ...]]:
    return {
        name: tuple(median(values) for values in zip(*all_, strict=True)) for name, all_ in measured.items()
    }


def _show(
    seconds: Mapping[str, list[tuple[float, float]]],
    parts: Mapping[str, list[tuple[float, float]]],
    found: Mapping[str, Any],
    rows: int,
    engine: list[int],
) -> None:
    middle, spent = _middle(seconds), _middle(parts)
    own, plain, rules = middle["engine"], middle["plain"], middle["rules"]
    summary = {
        "rows": rows,
        "rules": len(RULES),
        "refused_share": round(found["rows_quarantined"] / found["rows_read"], 4),
        "ratio": round(rules[0] / plain[0], 2),
        "cpu_ratio": round(rules[1] / plain[1], 2),
        "ratio_to_engine": round(rules[0] / own[0], 2),
        "cpu_ratio_to_engine": round(rules[1] / own[1], 2),
        "engine_peak_mb": round(max(map(peak_mb, engine))),
        "driver_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(summary))
    print(f"\n{'':12}{'seconds':>10}{'cpu':>10}")
    for name, values in [*middle.items(), *((f"  {kind}", values) for kind, values in spent.items())]:
        print(f"{name:12}{values[0]:>10.2f}{values[1]:>10.2f}")
    print(f"{'ratio':12}{summary['ratio']:>10.2f}{summary['cpu_ratio']:>10.2f}")
    print(f"{'to engine':12}{summary['ratio_to_engine']:>10.2f}{summary['cpu_ratio_to_engine']:>10.2f}")
    print(
        f"{'most memory':12}{summary['engine_peak_mb']:>10,} MB engine, {summary['driver_peak_mb']:,} MB driver"
    )
    for item in found["rules"]:
        if item["rows_failed"]:
            print(f"  {item['name']:24}{item['rows_failed']:>10,} of {item['rows_checked']:,}")


def _spec(folder: Path, name: str, rules: list[dict[str, Any]]) -> str:
    tables = ("orders", "customers") if rules else ("orders",)
    return json.dumps(
        {
            "schema_version": 1,
            "run_id": name,
            "product": "bench/rules",
            "node": "build",
            "attempt": 1,
            "kind": "transform",
            "inputs": [{"kind": "table", "name": table, "uri": str(folder / table)} for table in tables],
            "steps": [],
            "rules": rules,
            "output": {
                "name": name,
                "uri": str(folder / name),
                "quarantine_uri": str(folder / f"{name}_refused"),
                "columns": [],
                "write": {"mode": "overwrite", "keys": []},
            },
            "result_uri": str(folder / "result"),
        }
    )


if __name__ == "__main__":
    main()
