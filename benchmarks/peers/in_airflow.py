"""A DAG with one empty Python task per node; the graph is the JSON file that LANDFALL_PEERS_GRAPH names."""

import json
import os
from pathlib import Path

from airflow.sdk import DAG, task

upstreams = json.loads(Path(os.environ["LANDFALL_PEERS_GRAPH"]).read_text())

with DAG("graph", schedule=None, catchup=False, max_active_tasks=16) as dag:
    begun = []
    for number, inputs in enumerate(upstreams):

        @task(task_id=f"n{number}")
        def node() -> None:
            pass

        here = node()
        for at in inputs:
            begun[at] >> here
        begun.append(here)
