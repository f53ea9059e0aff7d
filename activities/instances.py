"""Starting and waking orchestration instances, safe to repeat."""

import asyncio
import logging
from typing import Any, Protocol

from landfall.runs.ids import coordinator_instance
from landfall.runs.work import ProductWork
from landfall.spec.model import Product

log = logging.getLogger(__name__)

_GONE = frozenset({"Completed", "Failed", "Terminated", "Canceled"})
# How long a coordinator that has given its lease back may take to end.
_CLOSING_S = 5.0
_LOOK_S = 0.05


class Instances(Protocol):
    """Orchestration instances, as activities see them."""

    async def start(self, orchestrator: str, instance_id: str, work: dict[str, Any]) -> bool:
        """Start an instance unless one with that id is alive; return whether it was started."""

    async def wake(self, instance_id: str, event: str) -> None:
        """Raise an event without a payload; an instance that is gone is none of the caller's business."""

    async def is_alive(self, instance_id: str) -> bool:
        """Return whether an instance exists and has not ended."""


class DurableInstances:
    """Instances through the client that the Durable extension binds to a function."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def start(self, orchestrator: str, instance_id: str, work: dict[str, Any]) -> bool:
        tried_again = False
        while True:
            try:
                await self._client.start_new(orchestrator, instance_id=instance_id, client_input=work)
            except Exception:
                # The client raises a bare Exception for a conflict as for anything else.
                if await self.is_alive(instance_id):
                    return False
                # What was in the way may have ended between the two answers.
                if tried_again:
                    raise
                tried_again = True
            else:
                return True

    async def wake(self, instance_id: str, event: str) -> None:
        try:
            await self._client.raise_event(instance_id, event, None)
        except Exception as error:
            if await self.is_alive(instance_id):
                raise
            log.info("%s is gone and needs no %s: %s", instance_id, event, error)

    async def is_alive(self, instance_id: str) -> bool:
        status = await self._client.get_status(instance_id)
        if not status or status.runtime_status is None:
            return False
        return str(getattr(status.runtime_status, "value", status.runtime_status)) not in _GONE


async def start_coordinator(instances: Instances, product: Product) -> None:
    """Start a product's coordinator after its lease was taken.

    The former coordinator may have given the lease back and not quite ended. The new one has the same
    instance id, so the start waits for the end of the former one. If that takes too long, the reconcile timer
    finds the active lease without a coordinator and starts it.
    """
    # It looks before it waits: how long files settle, and that requests do not, is what ``open_run`` knows.
    work = ProductWork(product=product.key, settle_s=0)
    waited_s = 0.0
    while not await instances.start(
        "product_coordinator", coordinator_instance(product.key), work.to_payload()
    ):
        if waited_s >= _CLOSING_S:
            log.warning("the former coordinator of %s does not end; reconcile will start it", product.key)
            return
        await asyncio.sleep(_LOOK_S)
        waited_s += _LOOK_S
