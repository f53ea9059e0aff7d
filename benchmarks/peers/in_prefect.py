"""``python in_prefect.py GRAPH.json``: one task per node in threads, state in a server that Prefect starts."""

import json
import sys
from pathlib import Path

from prefect import flow, task


@task
def node() -> None:
    pass


@flow
def graph(upstreams: list[list[int]]) -> None:
    begun = []
    for inputs in upstreams:
        begun.append(node.submit(wait_for=[begun[at] for at in inputs]))
    for future in begun:
        future.result()


graph(json.loads(Path(sys.argv[1]).read_text()))
