"""How much memory one large file takes: ``python benchmarks/ingest_memory.py [ROWS]``; 500,000 by default.

Starts an engine of its own, ingests one plain CSV of ten columns with four rules as a job does, and prints seconds
and the peaks of resident memory of the engine and of this process.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import SparkSession

from landfall.local.spark_engine import spark_engine
from spark_runtime.main import run_spec

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
RULES = [
    {
        "name": "quantity_range",
        "check": "range",
        "severity": "quarantine",
        "config": {"column": "quantity", "min": 1, "max": 92},
    },
    {
        "name": "country_known",
        "check": "accepted_values",
        "severity": "warn",
        "config": {"column": "country", "values": ["NL", "DE", "BE"]},
    },
    {
        "name": "note_short",
        "check": "length",
        "severity": "quarantine",
        "config": {"column": "note", "max": 60},
    },
    {
        "name": "customer_there",
        "check": "not_null",
        "severity": "quarantine",
        "config": {"columns": ["customer"]},
    },
]
MIB = 1 << 20


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


def spec_of(folder: Path, file: Path) -> dict:
    columns = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    source = {"kind": "files", "name": "orders", "format": "csv", "options": {}, "columns": columns}
    source["files"] = [{"uri": f"file://{file}", "etag": "1", "size_bytes": file.stat().st_size}]
    return {
        "schema_version": 1,
        "run_id": "r1",
        "product": "sales/orders",
        "node": "ingest.orders",
        "attempt": 1,
        "kind": "ingest",
        "inputs": [source],
        "steps": [],
        "rules": RULES,
        "output": {
            "name": "orders",
            "uri": str(folder / "lake/orders"),
            "quarantine_uri": str(folder / "lake/quarantine/orders"),
            "columns": columns,
            "write": {"mode": "append", "keys": []},
        },
        "result_uri": str(folder / "result"),
    }


def peak_mib(pid: int) -> int:
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) // 1024


def engine_pid() -> int:
    found = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split()
    return next(int(p) for p in found if "pysail" in Path(f"/proc/{p}/cmdline").read_text())


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as name, spark_engine() as remote:
        folder = Path(name)
        file = folder / "orders.csv"
        write_file(file, rows)
        print(f"{rows:,} rows, {file.stat().st_size / MIB:.0f} MiB")
        (folder / "spec.json").write_text(json.dumps(spec_of(folder, file)))
        pid = engine_pid()
        before = peak_mib(pid)
        started = time.perf_counter()
        session = SparkSession.builder.remote(remote).create()
        run_spec(session, str(folder / "spec.json"))
        session.stop()
        print(
            f"seconds {time.perf_counter() - started:.1f}; engine idle {before} MiB, peak {peak_mib(pid)} MiB"
        )
        print(f"this process, which is the job as well, peak {peak_mib(os.getpid())} MiB")
        result = [p for p in (folder / "result").glob("*") if not p.name.startswith(("_", "."))]
        if result:
            document = json.loads(result[0].read_text())
            print(
                document["rows_read"],
                document["rows_published"],
                document["rows_quarantined"],
                document["timings_s"],
            )


if __name__ == "__main__":
    main()
