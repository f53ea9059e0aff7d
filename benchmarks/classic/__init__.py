"""Benchmarks on classic Spark: its session, tables of Parquet in place of Delta, and processor time of it all.

What runs there runs in the environment of ``make classic-spark``, which holds pyspark and nothing of this project.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from spark_runtime.casts import canonical_type
from spark_runtime.empty_frames import empty_frame
from spark_runtime.session import SETTINGS
from spark_runtime.tables import Commit, LoggedCommit, MergeClause

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".landfall" / "tools" / "classic-spark" / "bin" / "python"
# What a laptop would give it, beside settings of the surroundings.
_SESSION = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "3g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
    "spark.sql.shuffle.partitions": "8",
}


def run_within(script: Path, *arguments: str) -> None:
    """Run a benchmark's script in the environment of classic Spark; end with its exit status where it fails."""
    if not PYTHON.exists():
        raise SystemExit("no classic Spark here: make classic-spark (needs Java 17)")
    paths = (ROOT, ROOT / "spark_runtime" / "src")
    environment = {**os.environ, "TZ": "UTC", "PYTHONPATH": os.pathsep.join(map(str, paths))}
    environment.pop("SPARK_REMOTE", None)
    done = subprocess.run([str(PYTHON), str(script), *arguments], env=environment)
    if done.returncode:
        raise SystemExit(done.returncode)


def open_classic(folder: Path) -> SparkSession:
    """Return a session on both cores whose temporary files lie in a folder."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.local.dir", str(folder / "spark"))
    for key, value in (_SESSION | SETTINGS).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    own: list[int] = []
    # Threads and processes come and go meanwhile.
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError):
                own += map(int, (task / "children").read_text().split())
    return [*own, *(further for child in own for further in children(child))]


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor time that processes have used, and those of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has held; none of one that has ended."""
    # One that has ended and nobody has asked about has a status, but no line about memory.
    with suppress(FileNotFoundError):
        words = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()
        return int(words[0]) / 1024 if words else 0.0
    return 0.0


class ParquetTables:
    """Folders of Parquet files, each written by one node of a benchmark: ``spark_runtime.tables.Tables`` as far."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def read(self, uri: str, *, version: int | None = None) -> DataFrame:
        return self._spark.read.parquet(uri)

    def open(self, uri: str, *, version: int | None = None, fixed: bool = False) -> DataFrame:
        return self.read(uri, version=version)

    def types(self, uri: str) -> dict[str, str] | None:
        try:
            fields = self.read(uri).schema.fields
        except AnalysisException:
            return None
        return {field.name: canonical_type(field.dataType.simpleString()) for field in fields}

    def create_if_missing(self, uri: str, types: Mapping[str, str]) -> None:
        empty_frame(self._spark, types).write.mode("ignore").parquet(uri)

    def add_columns(self, uri: str, types: Mapping[str, str]) -> None:
        raise NotImplementedError

    def overwrite(self, uri: str, rows: DataFrame, types: Mapping[str, str], *, key: str) -> None:
        rows.write.mode("overwrite").parquet(uri)

    def replace_slice(self, uri: str, rows: DataFrame, condition: str, *, key: str) -> None:
        # Nothing is written twice here, so the slice is empty.
        rows.write.mode("append").parquet(uri)

    def merge(
        self, uri: str, source: Callable[[], str], condition: str, clauses: Sequence[MergeClause]
    ) -> None:
        raise NotImplementedError

    def find_commit(self, uri: str, key: str) -> Commit | None:
        return Commit(0, None)

    def commits(self, uri: str, first: int, last: int) -> tuple[LoggedCommit, ...]:
        return ()
