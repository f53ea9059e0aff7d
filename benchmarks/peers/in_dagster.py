"""``python in_dagster.py GRAPH.json``: one op per node, in-process executor, run and event log in SQLite."""

import json
import sys
from pathlib import Path

import dagster as dg


@dg.op(ins={"before": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def node() -> None:
    pass


upstreams = json.loads(Path(sys.argv[1]).read_text())
edges = {
    dg.NodeInvocation("node", alias=f"n{number}"): (
        {"before": dg.MultiDependencyDefinition([dg.DependencyDefinition(f"n{at}") for at in inputs])}
        if inputs
        else {}
    )
    for number, inputs in enumerate(upstreams)
}
job = dg.GraphDefinition("graph", node_defs=[node], dependencies=edges).to_job()
assert job.execute_in_process(instance=dg.DagsterInstance.get()).success
