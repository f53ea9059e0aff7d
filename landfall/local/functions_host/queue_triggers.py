"""Serves the app's queue triggers: takes messages, calls the function, and moves what it never takes aside."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from azure.functions.meta import Datum

from landfall.local.functions_host import log
from landfall.local.functions_host.loading import AppFunction
from landfall.local.functions_host.worker import Worker, converter_of
from landfall.local.queue_account import QueueAccount
from landfall.local.queue_service import QueueFault, QueueService, StoredMessage

DEFAULT_CONNECTION = "AzureWebJobsStorage"
# A message that a killed host had taken is seen again after this; on Azure it is ten minutes.
_HIDDEN_S = 60
_SHORTEST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What ``host.json`` says under ``extensions.queues``.

    Attributes:
        batch_size: Messages taken at once.
        most_deliveries: Deliveries after which a message goes into the poison queue.
        retry_after_s: Seconds after which a message is delivered again whose call failed.
    """

    batch_size: int = 16
    most_deliveries: int = 5
    retry_after_s: int = 0


class QueueTrigger:
    """One queue function and the queue it watches."""

    def __init__(
        self, function: AppFunction, service: QueueService, worker: Worker, settings: QueueSettings
    ) -> None:
        self._function = function
        self._queue = str(function.trigger["queueName"]).lower()
        self._service = service
        self._worker = worker
        self._settings = settings

    async def run(self) -> None:
        """Take messages and call the function for ever; an empty queue is looked at ever less often."""
        pause_s = _SHORTEST_PAUSE_S
        while True:
            try:
                messages = await self._service.get(
                    self._queue, most=self._settings.batch_size, hidden_s=_HIDDEN_S
                )
            except QueueFault as fault:
                log.event("queue_not_read", level=logging.DEBUG, queue=self._queue, reason=str(fault))
                messages = []
            await asyncio.gather(*(self._handle(message) for message in messages))
            pause_s = _SHORTEST_PAUSE_S if messages else min(2 * pause_s, _LONGEST_PAUSE_S)
            if not messages:
                await asyncio.sleep(pause_s)

    async def _handle(self, message: StoredMessage) -> None:
        try:
            if await self._call(message):
                await self._service.delete(self._queue, message)
            elif message.dequeue_count >= self._settings.most_deliveries:
                await self._service.put(f"{self._queue}-poison", message.text)
                await self._service.delete(self._queue, message)
                log.event(
                    "message_poisoned",
                    level=logging.ERROR,
                    queue=self._queue,
                    message_id=message.message_id,
                    deliveries=message.dequeue_count,
                )
            else:
                await self._service.hide(self._queue, message, self._settings.retry_after_s)
        except QueueFault as fault:
            # It is seen again when its time is up: every message may come twice.
            log.event("message_not_ended", level=logging.WARNING, queue=self._queue, reason=str(fault))

    async def _call(self, message: StoredMessage) -> bool:
        try:
            await self._worker.call(self._function, _argument(message))
        except Exception as error:
            log.failure(
                "function_raised",
                error,
                function=self._function.name,
                message_id=message.message_id,
                delivery=message.dequeue_count,
            )
            return False
        return True


async def queue_triggers(
    functions: Iterable[AppFunction], environ: Mapping[str, str], worker: Worker, settings: QueueSettings
) -> tuple[list[QueueTrigger], list[QueueService]]:
    """Return the queue triggers of an app and the services they use; one that cannot be watched is logged."""
    services: dict[str, QueueService] = {}
    triggers = []
    for function in functions:
        connection = str(function.trigger.get("connection") or DEFAULT_CONNECTION)
        account = QueueAccount.from_connection_string(environ.get(connection, ""))
        if account is None:
            log.event(
                "queue_not_watched",
                function=function.name,
                reason=f"{connection} holds no connection string with a key and a QueueEndpoint",
            )
            continue
        if connection not in services:
            services[connection] = QueueService(account)
        triggers.append(QueueTrigger(function, services[connection], worker, settings))
    return triggers, list(services.values())


def _argument(message: StoredMessage) -> object:
    metadata = {
        "Id": message.message_id,
        "DequeueCount": message.dequeue_count,
        "PopReceipt": message.pop_receipt,
        "InsertionTime": _iso(message.inserted_at),
        "ExpirationTime": _iso(message.expires_at),
        "NextVisibleTime": _iso(message.visible_at),
    }
    data = {name: Datum(json.dumps(value), "json") for name, value in metadata.items() if value is not None}
    return converter_of("queueTrigger").decode(Datum(message.text, "string"), trigger_metadata=data)


def _iso(text: str) -> str | None:
    return parsedate_to_datetime(text).isoformat() if text else None
