"""`python -m landfall.local.storage_events`: the emulator's access log on standard input, events to the host.

Reads one variable, LANDFALL_EVENTGRID_KEY: the key of the function host's webhook. Ends when its input ends.
"""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

import aiohttp

from landfall.local.storage_events import READY
from landfall.local.storage_events.delivery import Delivery
from landfall.local.storage_events.emulator import EmulatedStorage
from landfall.local.storage_events.outbox import Outbox
from landfall.local.storage_events.watcher import Watcher


async def watch(*, endpoint: str, webhook: str, outbox_file: Path, key: str | None) -> None:
    """Announce finished writes to the webhook until standard input ends."""
    access_log = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(access_log), sys.stdin
    )
    outbox = Outbox.open(outbox_file)
    storage = EmulatedStorage.connect(endpoint)
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            delivery = Delivery(outbox, session, webhook=webhook, key=key)
            watcher = Watcher(storage, outbox, delivery.wake)
            background = [group.create_task(delivery.run()), group.create_task(_say_when_ready(watcher))]
            await watcher.run(access_log)
            for task in background:
                task.cancel()
    finally:
        await storage.close()
        outbox.close()


async def _say_when_ready(watcher: Watcher) -> None:
    await watcher.swept_once.wait()
    print(READY, flush=True)


def main() -> None:
    """Read the command line and watch."""
    parser = argparse.ArgumentParser(prog="python -m landfall.local.storage_events", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="Blob endpoint: http://HOST:PORT/ACCOUNT")
    parser.add_argument("--webhook", required=True, help="Event Grid webhook with ?functionName=…")
    parser.add_argument("--outbox", required=True, type=Path, help="SQLite file of the events on their way")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(
        watch(
            endpoint=options.endpoint,
            webhook=options.webhook,
            outbox_file=options.outbox,
            key=os.environ.get("LANDFALL_EVENTGRID_KEY") or None,
        )
    )


if __name__ == "__main__":
    main()
