"""Prefect: its server, and a flow in a program of its own that runs tasks in threads."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.peers.programs import Programs, Spent, idle_cores, programs
from tests.loopback import free_port

# What the server does once the last task is on record; as long after each flow, so that idling is taken out.
_TAIL_S = 5.0
SETTINGS = (
    "thread pool of 16; a server of its own with its services, state in SQLite; logs are not sent to the server; "
    "start-up of the flow taken out"
)


def measure(python: Path, upstreams: list[list[int]], folder: Path, *, patience_s: float) -> Spent:
    """Return what the graph cost, server and flow together: a flow with all of it less a flow with one node."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    program = Path(__file__).with_name("in_prefect.py")
    spent, tasks = [], 0
    with programs("prefect", folder, environment, patience_s=patience_s) as peer:
        prefect = str(python.with_name("prefect"))
        peer.start(prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
        peer.wait("starting the server", lambda: _is_healthy(f"{url}/health"))
        idle = 0.0
        for what, graph in (("warming up", [[]]), ("one node", [[]]), ("the graph", upstreams)):
            (folder / "graph.json").write_text(json.dumps(graph))
            tasks += len(graph)
            command = (str(python), str(program), str(folder / "graph.json"))
            spent.append(_flow(peer, what, url, tasks, *command))
            idle = idle or idle_cores(peer)
    return Spent(spent[2].cpu_s - spent[1].cpu_s, spent[2].wall_s - spent[1].wall_s, idle)


def _flow(peer: Programs, what: str, url: str, tasks: int, *command: str) -> Spent:
    """Run a flow, and wait until the server has on record what it was told: it writes that down later, in batches."""
    before, started = peer.cpu_s(), time.monotonic()
    peer.run(what, *command)
    wall_s = time.monotonic() - started
    peer.wait(f"recording {what}", lambda: _completed(url) >= tasks)
    time.sleep(_TAIL_S)
    return Spent(peer.cpu_s() - before, wall_s)


def _completed(url: str) -> int:
    """Return how many tasks the server has as completed."""
    body = json.dumps({"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}).encode()
    request = urllib.request.Request(f"{url}/task_runs/count", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(json.load(answer))


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
