"""``python in_prefect.py GRAPH.json``: one task per node in threads; PREFECT_API_URL names the server."""

import json
import sys
from pathlib import Path

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def node() -> None:
    pass


@flow(task_runner=ThreadPoolTaskRunner(max_workers=16))
def graph(upstreams: list[list[int]]) -> None:
    begun = []
    # A task waits for its upstreams in its thread; they were submitted before it, so that some thread gets on.
    for inputs in upstreams:
        begun.append(node.submit(wait_for=[begun[at] for at in inputs]))
    for future in begun:
        future.result()


graph(json.loads(Path(sys.argv[1]).read_text()))
