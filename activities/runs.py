"""Activities of the coordinator and the run: open, start, close."""

import asyncio
from collections.abc import Iterable
from typing import Any

from activities.callbacks import CallbackActivities
from activities.correlating import correlated
from activities.instances import Instances, start_coordinator
from activities.services import Services
from landfall.runs.claiming import ClaimedNode
from landfall.runs.closing import start_run
from landfall.runs.ids import RunID, node_instance
from landfall.runs.opening import open_run
from landfall.runs.upstream import close_and_tell
from landfall.runs.work import NodeWork


class RunActivities:
    """Each is safe to run twice: SQL decides whether there is anything left to do."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._callbacks = CallbackActivities(services)

    @correlated
    async def open_run(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        """Open the next run of a product, or give the lease back; answer with its id, or when to ask again."""
        now = self._services.now()
        opened = await asyncio.to_thread(
            self._services.database.transact,
            lambda connection: open_run(
                connection, message["product"], RunID(message["run_id"]), now=now, settles=True
            ),
        )
        # Requests for which there was nothing to run have ended here.
        await self._callbacks.start_due(instances)
        return {"run_id": opened.run_id, "wait_s": opened.wait_s}

    @correlated
    async def start_run(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        """Set a run going and start its first nodes, or those that a lost task hub left unfinished."""
        run_id, now = RunID(message["run_id"]), self._services.now()
        nodes = await asyncio.to_thread(
            self._services.database.transact, lambda connection: start_run(connection, run_id, now=now)
        )
        await start_nodes(instances, nodes)
        return {"started": len(nodes)}

    @correlated
    async def close_run(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        """Close a run whose nodes have all ended; answer with its state, or ``None`` while one is open.

        In the same transaction the products that read a port it has published ask for a run.
        """
        run_id, now = RunID(message["run_id"]), self._services.now()
        closed = await asyncio.to_thread(
            self._services.database.transact, lambda connection: close_and_tell(connection, run_id, now=now)
        )
        if closed.state is not None:
            await self._callbacks.start_due(instances)
        for request in closed.requested:
            if request.start_coordinator:
                await start_coordinator(instances, request.product)
        return {"state": closed.state}


async def start_nodes(instances: Instances, nodes: Iterable[ClaimedNode]) -> None:
    """Start the orchestrations of claimed nodes; one that is alive is left alone."""
    for node in nodes:
        work = NodeWork(run_id=node.run_id, key=node.key, attempt=node.attempt, settles=True)
        await instances.start("node", node_instance(node.run_id, node.key), work.to_payload())
