"""`python -m landfall.local.storage_events`: the emulator's access log on standard input, events to the host.

Events go to the function host's webhook, whose key is in LANDFALL_EVENTGRID_KEY, or into a queue of the account that
LANDFALL_EVENTS_STORAGE names. Ends when its input ends.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from landfall.local.queue_account import QueueAccount
from landfall.local.queue_service import QueueService
from landfall.local.storage_events import READY
from landfall.local.storage_events.delivery import Delivery
from landfall.local.storage_events.destinations import Destination, Queue, Webhook
from landfall.local.storage_events.emulator import EmulatedStorage
from landfall.local.storage_events.outbox import Outbox
from landfall.local.storage_events.watcher import Watcher


async def watch(
    *, endpoint: str, outbox_file: Path, connect: Callable[[AsyncExitStack], Awaitable[Destination]]
) -> None:
    """Announce finished writes until standard input ends.

    Args:
        connect: Makes the destination; what it opens is closed with the stack.
    """
    access_log = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(access_log), sys.stdin
    )
    outbox = Outbox.open(outbox_file)
    storage = EmulatedStorage.connect(endpoint)
    try:
        async with AsyncExitStack() as opened, asyncio.TaskGroup() as group:
            delivery = Delivery(outbox, await connect(opened))
            watcher = Watcher(storage, outbox, delivery.wake)
            background = [group.create_task(delivery.run()), group.create_task(_say_when_ready(watcher))]
            await watcher.run(access_log)
            for task in background:
                task.cancel()
    finally:
        await storage.close()
        outbox.close()


async def _connect(opened: AsyncExitStack, webhook: str | None, queue: str | None) -> Destination:
    if webhook is not None:
        session = await opened.enter_async_context(aiohttp.ClientSession())
        return Webhook(session, webhook, os.environ.get("LANDFALL_EVENTGRID_KEY") or None)
    account = QueueAccount.from_connection_string(os.environ.get("LANDFALL_EVENTS_STORAGE", ""))
    if account is None or queue is None:
        sys.exit("LANDFALL_EVENTS_STORAGE holds no connection string of an account with queues")
    service = QueueService(account)
    opened.push_async_callback(service.close)
    return Queue(service, queue)


async def _say_when_ready(watcher: Watcher) -> None:
    await watcher.swept_once.wait()
    print(READY, flush=True)


def main() -> None:
    """Read the command line and watch."""
    parser = argparse.ArgumentParser(prog="python -m landfall.local.storage_events", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="Blob endpoint: http://HOST:PORT/ACCOUNT")
    goes_to = parser.add_mutually_exclusive_group(required=True)
    goes_to.add_argument("--webhook", help="Event Grid webhook with ?functionName=…")
    goes_to.add_argument("--queue", help="name of the queue")
    parser.add_argument("--outbox", required=True, type=Path, help="SQLite file of the events on their way")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(
        watch(
            endpoint=options.endpoint,
            outbox_file=options.outbox,
            connect=lambda opened: _connect(opened, options.webhook, options.queue),
        )
    )


if __name__ == "__main__":
    main()
