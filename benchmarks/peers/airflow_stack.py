"""``python airflow_stack.py BIN DATABASE SECONDS``: scheduler, DAG processor and API server, and one run of the DAG.

Prints one JSON line: CPU seconds of all processes from the trigger to the end of the run, and wall seconds.
"""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil


def cpu_s() -> float:
    total = 0.0
    me = psutil.Process()
    for process in me.children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    own = me.cpu_times()
    return total + own.children_user + own.children_system


def ask(database: str, query: str) -> list[tuple[str, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def wait(database: str, query: str, patience_s: float) -> list[tuple[str, ...]]:
    give_up_at = time.monotonic() + patience_s
    while not (rows := ask(database, query)):
        if time.monotonic() > give_up_at:
            sys.exit(f"airflow: nothing came of {query!r} within {patience_s:.0f} s")
        time.sleep(0.5)
    return rows


def main() -> None:
    airflow, database, patience_s = str(Path(sys.argv[1]) / "airflow"), sys.argv[2], float(sys.argv[3])
    with Path(f"{database}.log").open("w") as log:
        subprocess.run([airflow, "db", "migrate"], check=True, stdout=log, stderr=log)
        parts = [
            subprocess.Popen([airflow, *part], stdout=log, stderr=log)
            for part in (["api-server"], ["dag-processor"], ["scheduler"])
        ]
        try:
            wait(database, "select dag_id from dag where dag_id = 'graph'", patience_s)
            subprocess.run([airflow, "dags", "unpause", "graph"], check=True, stdout=log, stderr=log)
            before, started = cpu_s(), time.monotonic()
            subprocess.run([airflow, "dags", "trigger", "graph"], check=True, stdout=log, stderr=log)
            state = wait(
                database, "select state from dag_run where state in ('success', 'failed')", patience_s
            )[0][0]
            figures = {"cpu_s": cpu_s() - before, "wall_s": time.monotonic() - started, "state": state}
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                part.wait()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
