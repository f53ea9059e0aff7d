"""One large file, from landing to a table of tested rows: ``python benchmarks/large_file.py [ROWS]``, else 1,000,000.

Starts an engine of its own, takes one plain CSV of ten columns in, then takes the rows through ten steps and twenty
rules (18 on rows, one on keys, one against another table), as two jobs do, each in a process of its own. Prints rows
a second, the peak of resident memory of each process and of all together, and what the nodes cost beside plain writes
of the same rows.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from landfall.local.spark_engine import spark_engine

COLUMNS = {
    "order_id": "bigint",
    "customer": "string",
    "placed_on": "date",
    "placed_at": "timestamp",
    "amount": "decimal(10,2)",
    "quantity": "int",
    "share": "double",
    "country": "string",
    "paid": "boolean",
    "note": "string",
}


def rule(name: str, check: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "check": check, "severity": "quarantine", "config": config, "filter": None}


STEPS: list[dict[str, Any]] = [
    {"filter": "order_id is not null"},
    {"rename": {"placed_on": "day", "placed_at": "moment"}},
    {"derive": {"month": "date_trunc('month', day)", "net": "cast(amount / 1.19 as decimal(10,2))"}},
    {"standardise": {"columns": ["customer"], "trim": True, "case": "upper"}},
    {"fill_nulls": {"note": "none"}},
    {"replace_values": {"country": {"values": {"FR": "FX"}}}},
    {"lookup": {"with": "countries", "on": ["country"], "columns": ["area"], "defaults": {"area": "other"}}},
    {"cast": {"share": "decimal(20,6)"}},
    {"surrogate_key": {"name": "order_key", "columns": ["order_id", "country"]}},
    {"drop": ["paid"]},
]
RULES = [
    rule("has_order", "not_null", columns=["order_id"]),
    rule("has_customer", "not_null", columns=["customer"]),
    rule("has_day", "not_null", columns=["day"]),
    rule("amount_plausible", "range", column="amount", min=0, max=990),
    rule("net_plausible", "range", column="net", min=0, max=900),
    rule("quantity_plausible", "range", column="quantity", min=0, max=94),
    rule("share_plausible", "range", column="share", min=0),
    rule("this_year", "range", column="day", min="2024-01-01", max="2024-12-31"),
    rule("month_plausible", "range", column="month", min="2024-01-01"),
    rule("country_known", "accepted_values", column="country", values=["NL", "DE", "BE", "FX"]),
    rule("no_test_customer", "forbidden_values", column="customer", values=["TEST", "NOBODY"]),
    rule("customer_fits", "length", column="customer", min=4, max=40),
    rule("note_fits", "length", column="note", max=60),
    rule("key_fits", "length", column="order_key", min=64, max=64),
    rule("note_not_blank", "not_empty", columns=["note"]),
    rule("customer_form", "regex", column="customer", pattern="CUSTOMER [0-9]+"),
    rule("net_below_gross", "expression", expression="net <= amount"),
    rule("moment_there", "expression", expression="moment >= timestamp'2024-01-01 00:00:00'"),
    rule("one_row_per_order", "unique", columns=["order_id"]),
    rule("country_exists", "foreign_key", columns=["country"], references="countries"),
]
MIB = 1 << 20
# What a job is: a process that runs the entry point, here one that tells its peak afterwards.
JOB = """
import resource
from spark_runtime.main import run
run()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def write_file(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write(",".join(COLUMNS) + "\n")
        for start in range(0, rows, 10_000):
            file.writelines(map(line, range(start, min(start + 10_000, rows))))


def line(n: int) -> str:
    moment = f"2024-01-01 {n % 24:02}:{n % 60:02}:00"
    numbers = f"{n % 100_000 / 100:.2f},{n % 100},{n / 7:.6f}"
    country, paid = ("NL", "DE", "BE", "FR")[n % 4], "true" if n % 3 else "false"
    day = f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}"
    return f'{n},customer {n % 99_991},{day},{moment},{numbers},{country},{paid},"a note, of order {n}"\n'


def ingest_spec(folder: Path, file: Path) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    source = {"kind": "files", "name": "orders", "format": "csv", "options": {}, "columns": columns}
    source["files"] = [{"uri": f"file://{file}", "etag": "1", "size_bytes": file.stat().st_size}]
    return spec(folder, "orders", "ingest", inputs=[source], columns=columns, mode="append")


def transform_spec(folder: Path, name: str, steps: list[dict[str, Any]], rules: list[Any]) -> dict[str, Any]:
    tables = ("orders", "countries") if steps else ("orders",)
    inputs = [{"kind": "table", "name": table, "uri": str(folder / "lake" / table)} for table in tables]
    listed = [{"type": kind, "config": config} for step in steps for kind, config in step.items()]
    return spec(folder, name, "transform", inputs=inputs, steps=listed, rules=rules)


def spec(
    folder: Path,
    name: str,
    kind: str,
    *,
    inputs: list[Any],
    steps: list[Any] | None = None,
    rules: list[Any] | None = None,
    columns: list[Any] | None = None,
    mode: str = "overwrite",
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run_id": "r1",
        "product": "bench/orders",
        "node": name,
        "attempt": 1,
        "kind": kind,
        "inputs": inputs,
        "steps": steps or [],
        "rules": rules or [],
        "output": {
            "name": name,
            "uri": str(folder / "lake" / name),
            "quarantine_uri": str(folder / "lake" / "quarantine" / name),
            "columns": columns or [],
            "write": {"mode": mode, "keys": []},
        },
        "result_uri": str(folder / f"{name}.result"),
    }


def run_job(address: str, folder: Path, document: dict[str, Any]) -> tuple[float, int, dict[str, Any]]:
    """Return seconds, peak of the job's process in MiB, and its result."""
    name = document["output"]["name"]
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    script = folder / "job.py"
    script.write_text(JOB)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), f"--spec-uri={path}"],
        capture_output=True,
        text=True,
        env={**os.environ, "SPARK_REMOTE": address},
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"the job failed: {done.stderr.strip().splitlines()[-1]}")
    (result,) = [p for p in (folder / f"{name}.result").iterdir() if not p.name.startswith(("_", "."))]
    return seconds, int(done.stdout.split()[-1]), json.loads(result.read_text())


def peak_mib(pid: int) -> int:
    """Return the peak of a process since the last call."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak


def engine_pid() -> int:
    (pid,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return int(pid)


def documents(folder: Path, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "ingest", ingest_spec(folder, file)
    yield "plain write", transform_spec(folder, "copied", [], [])
    yield "ten steps", transform_spec(folder, "stepped", STEPS, [])
    yield "ten steps, twenty rules", transform_spec(folder, "checked", STEPS, RULES)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name, spark_engine() as address:
        folder = Path(name)
        file = folder / "orders.csv"
        write_file(file, rows)
        print(f"{rows:,} rows, {file.stat().st_size / MIB:.0f} MiB of plain CSV")
        session = SparkSession.builder.remote(address).create()
        countries = "VALUES ('NL', 'north'), ('DE', 'middle'), ('BE', 'north'), ('FX', 'west')"
        session.sql(f"SELECT * FROM {countries} AS c(country, area)").write.format("delta").save(
            str(folder / "lake/countries")
        )
        session.stop()
        measure(address, folder, file, rows)


def measure(address: str, folder: Path, file: Path, rows: int) -> None:
    pid = engine_pid()
    peak_mib(pid)
    seconds: dict[str, float] = {}
    together = 0
    print(
        f"{'':26}{'seconds':>9}{'rows/s':>10}{'engine MiB':>12}{'job MiB':>9}{'published':>11}{'refused':>9}"
    )
    for label, document in documents(folder, file):
        seconds[label], job, result = run_job(address, folder, document)
        engine = peak_mib(pid)
        together = max(together, engine + job)
        counts = f"{result['rows_published']:>11,}{result['rows_quarantined']:>9,}"
        print(
            f"{label:26}{seconds[label]:>9.1f}{rows / seconds[label]:>10,.0f}{engine:>12,}{job:>9}{counts}",
            flush=True,
        )
    driver = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    summary = {
        "rows": rows,
        "peak_mib_together": together + driver,
        "of_which_this_process_mib": driver,
        "ingest_to_plain_write": round(seconds["ingest"] / seconds["plain write"], 2),
        "steps_and_rules_to_plain_write": round(
            seconds["ten steps, twenty rules"] / seconds["plain write"], 2
        ),
        "rules_to_steps": round(seconds["ten steps, twenty rules"] / seconds["ten steps"], 2),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
