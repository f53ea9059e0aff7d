"""Event Grid: many connections that deliver each event until the function host has taken it."""

import contextlib
import http.client
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

WEBHOOK = "/runtime/webhooks/eventgrid?functionName=on_blob_created"
_HEADERS = {"aeg-event-type": "Notification", "Content-Type": "application/json"}
_PAUSE_S = 0.05
_TIMEOUT_S = 40.0

Event = Mapping[str, Any]


class EventGrid:
    """Delivers at least once and in no order; a batch whose answer is lost or bad is delivered again.

    Attributes:
        taken: Events that a host has answered for.
        refused: Answers other than success; a host that is away answers nothing.
    """

    def __init__(self, host: Callable[[], str | None], *, connections: int = 6, batch: int = 1) -> None:
        """Start the connections.

        Args:
            host: Gives the URL of a host for the next request, ``None`` while none is there.
            connections: Requests at a time.
            batch: Events in one request, at most.
        """
        self.taken = 0
        self.refused: list[str] = []
        self._host = host
        self._batch = batch
        self._waiting: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def send(self, events: Iterable[Event]) -> None:
        for event in events:
            with self._lock:
                self._open += 1
            self._waiting.put(event)

    @property
    def open(self) -> int:
        """How many events no host has taken yet."""
        return self._open

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    def _work(self) -> None:
        connections: dict[str, http.client.HTTPConnection] = {}
        while not self._stopping.is_set():
            batch = self._next_batch()
            if batch and not self._deliver(batch, connections):
                for event in batch:
                    self._waiting.put(event)
                time.sleep(_PAUSE_S)

    def _next_batch(self) -> list[Event]:
        batch: list[Event] = []
        with contextlib.suppress(queue.Empty):
            batch.append(self._waiting.get(timeout=_PAUSE_S))
            while len(batch) < self._batch:
                batch.append(self._waiting.get_nowait())
        return batch

    def _deliver(self, batch: list[Event], connections: dict[str, http.client.HTTPConnection]) -> bool:
        url = self._host()
        if url is None:
            return False
        address = urlsplit(url).netloc
        connection = connections.get(address)
        if connection is None:
            connections.clear()
            connection = connections[address] = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", WEBHOOK, json.dumps(batch), _HEADERS)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            connections.clear()
            return False
        with self._lock:
            if answer.status not in {200, 202}:
                self.refused.append(f"{answer.status}: {text[:200]}")
                return False
            self.taken += len(batch)
            self._open -= len(batch)
        return True
