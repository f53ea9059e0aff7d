"""Seeing every finished write: from the access log at once, from listings what the log did not show."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final, NoReturn

from landfall.addresses import CONTROL, LANDING
from landfall.local.azurite import ACCOUNT
from landfall.local.storage_events.access_log import (
    FinishedWrite,
    emulator_started,
    finished_write,
    is_watched,
)
from landfall.local.storage_events.emulator import EmulatedStorage, EmulatorFault
from landfall.local.storage_events.events import BlobVersion, blob_created
from landfall.local.storage_events.outbox import Outbox

logger = logging.getLogger(__name__)

# How often each container is listed. A missed result only delays its run until the next poll of the job.
SWEEP_EVERY_S: Final = {LANDING: 30.0, CONTROL: 600.0}
# A listing may cost this part of one core at most, however many blobs there are.
_SWEEP_SHARE: Final = 0.01
_LOOKUPS_AT_ONCE: Final = 8
_READ_BYTES: Final = 65_536
_LONGEST_LINE_BYTES: Final = 1_048_576
_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 2.0


class Watcher:
    """Puts an event for every finished write of interest into the outbox.

    Args:
        storage: The emulator.
        outbox: Where the events go; a version it has announced before is passed over.
        on_announced: Called after new events were put there.
    """

    def __init__(self, storage: EmulatedStorage, outbox: Outbox, on_announced: Callable[[], None]) -> None:
        self._storage = storage
        self._outbox = outbox
        self._on_announced = on_announced
        self._writes: asyncio.Queue[FinishedWrite] = asyncio.Queue()
        self._sweep_now = {container: asyncio.Event() for container in SWEEP_EVERY_S}
        self.swept_once = asyncio.Event()

    async def run(self, access_log: asyncio.StreamReader) -> None:
        """Watch until the access log ends."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look_up_writes()) for _ in range(_LOOKUPS_AT_ONCE)]
            tasks += [group.create_task(self._keep_sweeping(container)) for container in SWEEP_EVERY_S]
            await self._follow(access_log)
            for task in tasks:
                task.cancel()

    async def _follow(self, access_log: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await access_log.read(_READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take_line(line.decode(errors="replace"))
            if len(rest) > _LONGEST_LINE_BYTES:
                rest = b""

    def _take_line(self, line: str) -> None:
        write = finished_write(line)
        if write is not None and is_watched(write.container, write.path):
            if write.version is None:
                self._writes.put_nowait(write)
            else:
                self._announce(write.version, write.api, datetime.now(UTC))
        elif emulator_started(line):
            self._sweep_everything()

    def _sweep_everything(self) -> None:
        for wanted in self._sweep_now.values():
            wanted.set()

    async def _look_up_writes(self) -> NoReturn:
        while True:
            write = await self._writes.get()
            seen_at = datetime.now(UTC)
            try:
                blob = await self._storage.find_blob(write.container, write.path)
            except EmulatorFault as fault:
                # It is in the next listing, at the latest when the emulator is back.
                logger.warning("a finished write could not be looked up: %s", fault)
                self._sweep_now[write.container].set()
                continue
            if blob is not None:
                self._announce(blob.version, write.api, seen_at)

    async def _keep_sweeping(self, container: str) -> NoReturn:
        retry_s = _FIRST_RETRY_S
        wanted = self._sweep_now[container]
        while True:
            wanted.clear()
            started = time.monotonic()
            try:
                await self._sweep(container)
            except EmulatorFault as fault:
                logger.debug("no listing of %s yet: %s", container, fault)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
                continue
            retry_s = _FIRST_RETRY_S
            if container == LANDING:
                self.swept_once.set()
            took_s = time.monotonic() - started
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wanted.wait(), max(SWEEP_EVERY_S[container], took_s / _SWEEP_SHARE))

    async def _sweep(self, container: str) -> None:
        announced = self._outbox.announced(container)
        async for blob in self._storage.list_blobs(container):
            version = blob.version
            if is_watched(container, version.path) and announced.get(version.path) != version.etag:
                # A listing does not tell how a blob was written.
                self._announce(version, "PutBlob", blob.written_at)

    def _announce(self, version: BlobVersion, api: str, written_at: datetime) -> None:
        make_event = partial(
            blob_created,
            version,
            api=api,
            endpoint=self._storage.endpoint,
            account=ACCOUNT,
            written_at=written_at,
        )
        if self._outbox.announce(version, lambda sequencer: make_event(sequencer=sequencer)):
            self._on_announced()
