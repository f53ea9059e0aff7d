"""Airflow: API server, DAG processor and scheduler as processes of their own, and the run of one DAG."""

import json
import secrets
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.peers.programs import PeerFailed, Programs, Spent, idle_cores, programs
from tests.loopback import free_port

SETTINGS = (
    "LocalExecutor, parallelism 16, one API server worker, state in SQLite; scheduler, DAG processor and API server "
    "running; the command that triggers the run is not counted"
)
DAGS = ("warm", "graph")


def measure(python: Path, upstreams: list[list[int]], folder: Path, *, patience_s: float) -> Spent:
    """Return what the graph cost, from its trigger to the end of its run."""
    (folder / "dags").mkdir()
    program = Path(__file__).with_name("in_airflow.py").read_text()
    for dag, graph in zip(DAGS, ([[]], upstreams), strict=True):
        (folder / f"{dag}.json").write_text(json.dumps(graph))
        (folder / "dags" / f"{dag}.py").write_text(program)
    airflow = str(python.with_name("airflow"))
    with programs("airflow", folder, _environment(python, folder), patience_s=patience_s) as peer:
        peer.run("making the database", airflow, "db", "migrate")
        for part in ("api-server", "dag-processor", "scheduler"):
            peer.start(airflow, part)
        peer.wait("reading the DAGs", lambda: len(_ask(folder, "select dag_id from dag")) == len(DAGS))
        for dag in DAGS:
            peer.run(f"unpausing {dag}", airflow, "dags", "unpause", dag)
        _run(peer, airflow, "warm", 1)
        idle = idle_cores(peer)
        spent = _run(peer, airflow, "graph", len(upstreams))
        return Spent(spent.cpu_s, spent.wall_s, idle)


def _run(peer: Programs, airflow: str, dag: str, nodes: int) -> Spent:
    before, started = peer.cpu_s(), time.monotonic()
    trigger = peer.run(f"triggering {dag}", airflow, "dags", "trigger", dag)
    of_dag = f"where dag_id = '{dag}' and state in ('success', 'failed')"
    peer.wait(
        f"running {dag}",
        lambda: bool(_ask(peer.folder, f"select 1 from dag_run {of_dag}")),
        progress=lambda: (
            f"{len(_ask(peer.folder, f'select 1 from task_instance {of_dag}'))} of {nodes} tasks"
        ),
    )
    spent = Spent(peer.cpu_s() - before - trigger.cpu_s, time.monotonic() - started)
    states = dict(
        _ask(peer.folder, f"select state, count(*) from task_instance where dag_id = '{dag}' group by state")
    )
    if states != {"success": nodes}:
        raise PeerFailed(f"{dag}: its tasks ended as {states}\n{_task_logs(peer.folder)}\n{peer.log_tail()}")
    return spent


def _environment(python: Path, folder: Path) -> dict[str, str]:
    port = free_port()
    # The processes sign what they tell one another; keys that each of them made up would be refused by the others.
    secret = secrets.token_hex(32)
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "16",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secret,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "PATH": f"{python.parent}:/usr/bin:/bin",
    }


def _ask(folder: Path, query: str) -> list[tuple[str, int]]:
    try:
        with closing(
            sqlite3.connect(f"file:{folder / 'airflow.db'}?mode=ro", uri=True, timeout=30)
        ) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        # The database is being made, or somebody writes.
        return []


def _task_logs(folder: Path) -> str:
    logs = sorted((folder / "logs").glob("dag_id=graph/**/*.log"))
    return "\n".join(log.read_text(errors="replace")[-500:] for log in logs[:2])
