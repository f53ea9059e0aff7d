"""Sending what waits in the outbox to where events go, as Event Grid does."""

import asyncio
import contextlib
import logging
import time
from typing import Final

from landfall.local.storage_events.destinations import Destination, DestinationAway
from landfall.local.storage_events.outbox import Outbox, Waiting

logger = logging.getLogger(__name__)

AT_ONCE: Final = 8
# Event Grid gives up after 30 attempts; a host that is away is none.
LAST_ATTEMPT: Final = 30
_FIRST_DELAY_S: Final = 0.2
_LONGEST_DELAY_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
_TAKEN: Final = range(200, 205)
# Answers after which Event Grid does not try again.
_FINAL: Final = frozenset({400, 413})


class Delivery:
    """Delivers at least once: an event leaves the outbox when the host has answered that it took it.

    Args:
        outbox: Where the events wait.
        destination: Where they go.
    """

    def __init__(self, outbox: Outbox, destination: Destination) -> None:
        self._outbox = outbox
        self._destination = destination
        self._awake = asyncio.Event()
        self._in_flight: set[int] = set()
        self._subscribed = False
        self._pause_s = 0.0
        self._resume_at = 0.0

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        self._awake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._awake.clear()
                if self._outbox.next_due_in_s() is not None and await self._is_host_there():
                    room = AT_ONCE - len(self._in_flight)
                    for waiting in self._outbox.due(room, besides=self._in_flight):
                        self._in_flight.add(waiting.id)
                        group.create_task(self._deliver(waiting))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), self._idle_s())

    def _idle_s(self) -> float | None:
        """Return how long nothing can be done unless somebody wakes us; ``None`` means for ever."""
        if len(self._in_flight) >= AT_ONCE:
            return None
        due_in_s = self._outbox.next_due_in_s(besides=self._in_flight)
        if due_in_s is None:
            return None
        return max(due_in_s, self._resume_at - time.monotonic(), 0.0)

    async def _is_host_there(self) -> bool:
        """Return whether events may be sent now; the first time, ask the host as Event Grid would."""
        if time.monotonic() < self._resume_at:
            return False
        if not self._subscribed:
            try:
                await self._destination.subscribe()
            except DestinationAway as away:
                self._pause(str(away))
                return False
            self._subscribed = True
            logger.info("events are taken")
        return True

    async def _deliver(self, waiting: Waiting) -> None:
        try:
            status, answer = await self._destination.send(waiting.event, waiting.attempts)
        except DestinationAway as away:
            self._pause(str(away))
        else:
            self._pause_s = 0.0
            self._settle(waiting, status, answer)
        finally:
            self._in_flight.discard(waiting.id)
            self._awake.set()

    def _settle(self, waiting: Waiting, status: int, answer: str) -> None:
        subject, attempt = waiting.event["subject"], waiting.attempts + 1
        if status in _TAKEN:
            self._outbox.taken(waiting.id)
            logger.info("%s: taken", subject)
        elif status in _FINAL or attempt >= LAST_ATTEMPT:
            self._outbox.refuse(waiting.id, f"{status}: {answer[:500]}")
            logger.error("%s: given up at attempt %d: %d %s", subject, attempt, status, answer[:500])
        else:
            delay_s = min(_FIRST_DELAY_S * 2.0**waiting.attempts, _LONGEST_DELAY_S)
            self._outbox.postpone(waiting.id, delay_s)
            logger.warning("%s: attempt %d failed: %d %s", subject, attempt, status, answer[:500])

    def _pause(self, reason: str) -> None:
        """Send nothing for a while: the events are as due as before, it is the host that is away."""
        # It may come back as another process, which has to be asked again.
        self._subscribed = False
        if time.monotonic() < self._resume_at:
            return
        if self._pause_s == 0.0:
            logger.warning("the function host is away, events wait: %s", reason)
        self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._resume_at = time.monotonic() + self._pause_s
