"""Entry points that the jobs server's tests run: each does one thing that a task can do."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def ok() -> None:
    print("argv", sys.argv)


def fail() -> None:
    print("about to fail")
    raise ValueError("the input is wrong: café")


def leave() -> None:
    sys.exit(3)


def leave_well() -> None:
    sys.exit(0)


def wait() -> None:
    time.sleep(600)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def print_six_megabytes() -> None:
    for number in range(6 * 1024):
        print(f"{number:06d}".ljust(1023, "x"))


def start_child() -> None:
    """Start a process of its own that ignores SIGTERM, write its id to the file in --pid-file, and wait."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
    )
    print("started a child")
    path = Path(_option("pid-file"))
    path.with_suffix(".part").write_text(f"{os.getpid()} {child.pid}")
    path.with_suffix(".part").rename(path)
    time.sleep(600)


def append() -> None:
    """Add a line to the file in --file: shows how often, and in which order, tasks ran."""
    with Path(_option("file")).open("a") as file:
        file.write(_option("line") + "\n")


def hold() -> None:
    """Run until the file in --until exists."""
    until = Path(_option("until"))
    while not until.exists():
        time.sleep(0.01)


def run() -> None:
    """Do what --spec-uri says: the stand-in for the Spark runtime's entry point."""
    {"test://ok": ok, "test://fail": fail, "test://wait": wait, "test://die": die}[_option("spec-uri")]()


def show_spark_remote() -> None:
    print(os.environ["SPARK_REMOTE"])


def make_a_view_once() -> None:
    """Fail if the view is there already: another task made it in the same session."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    assert not spark.catalog.tableExists("mine")
    spark.sql("select 1 as a").createTempView("mine")
    assert spark.sql("select a from mine").collect()[0].a == 1


def query_for_ever() -> None:
    from pyspark.sql import SparkSession

    SparkSession.builder.getOrCreate().sql("select sum(id % 7) from range(400000000000)").collect()


def _option(name: str) -> str:
    parser = argparse.ArgumentParser()
    parser.add_argument(f"--{name}", required=True)
    return str(getattr(parser.parse_known_args()[0], name.replace("-", "_")))
