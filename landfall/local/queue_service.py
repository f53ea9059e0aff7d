"""Queues of the storage emulator, without the weight of the Azure SDK: create, put, get, delete, hand back."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from landfall.local.queue_account import QueueAccount

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_NOT_FOUND: Final = 404


class QueueFault(Exception):
    """The queue service did not answer, or not as it should; the same question may get an answer later."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message that was taken for a while; ``text`` is decoded, times stand as the service writes them."""

    message_id: str
    pop_receipt: str
    text: str
    dequeue_count: int
    inserted_at: str
    expires_at: str
    visible_at: str


class QueueService:
    """The queues of one account; to be made in a running event loop."""

    def __init__(self, account: QueueAccount) -> None:
        self._account = account
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._signature = account.signature()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def create(self, queue: str) -> None:
        """Create a queue unless it exists.

        Raises:
            QueueFault: The service did not create it.
        """
        await self._ask("PUT", queue, {})

    async def put(self, queue: str, text: str) -> None:
        """Put a message into a queue, in base64 as Event Grid does; the queue is created if need be.

        Raises:
            QueueFault: The service did not take it.
        """
        body = _body(text)
        status, _ = await self._ask("POST", f"{queue}/messages", {}, body, accept={_NOT_FOUND})
        if status == _NOT_FOUND:
            await self.create(queue)
            await self._ask("POST", f"{queue}/messages", {}, body)

    async def get(self, queue: str, *, most: int, hidden_s: int) -> list[StoredMessage]:
        """Take up to ``most`` messages, which nobody else sees for ``hidden_s`` seconds; none of a missing queue.

        Raises:
            QueueFault: The service did not say.
        """
        query = {"numofmessages": str(most), "visibilitytimeout": str(hidden_s)}
        status, body = await self._ask("GET", f"{queue}/messages", query, accept={_NOT_FOUND})
        if status == _NOT_FOUND:
            return []
        root = ElementTree.fromstring(body)  # noqa: S314 our own emulator's answer
        return [_message(item) for item in root.iterfind("QueueMessage")]

    async def delete(self, queue: str, message: StoredMessage) -> None:
        """Delete a message that was taken; one that is gone is none of the caller's business.

        Raises:
            QueueFault: The service did not delete it.
        """
        path = f"{queue}/messages/{quote(message.message_id, safe='')}"
        await self._ask("DELETE", path, {"popreceipt": message.pop_receipt}, accept={_NOT_FOUND})

    async def hide(self, queue: str, message: StoredMessage, hidden_s: int) -> None:
        """Let a message that was taken be seen again after ``hidden_s`` seconds.

        Raises:
            QueueFault: The service did not change it.
        """
        path = f"{queue}/messages/{quote(message.message_id, safe='')}"
        query = {"popreceipt": message.pop_receipt, "visibilitytimeout": str(hidden_s)}
        await self._ask("PUT", path, query, _body(message.text), accept={_NOT_FOUND})

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        *,
        accept: frozenset[int] | set[int] = frozenset(),
    ) -> tuple[int, bytes]:
        url = f"{self._account.endpoint}/{path}"
        signed = f"{url}?{urlencode({**query, **self._signature}, quote_via=quote)}"
        try:
            async with self._session.request(
                method, URL(signed, encoded=True), data=body, headers={"Content-Type": "application/xml"}
            ) as answer:
                content = await answer.read()
                if answer.ok or answer.status in accept:
                    return answer.status, content
                raise QueueFault(f"{method} {url}: {answer.status} {answer.reason}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise QueueFault(f"{method} {url}: {error or type(error).__name__}") from error


def _body(text: str) -> bytes:
    encoded = base64.b64encode(text.encode()).decode()
    return f"<QueueMessage><MessageText>{escape(encoded)}</MessageText></QueueMessage>".encode()


def _message(item: ElementTree.Element) -> StoredMessage:
    def text(name: str) -> str:
        return item.findtext(name) or ""

    return StoredMessage(
        message_id=text("MessageId"),
        pop_receipt=text("PopReceipt"),
        text=_decoded(text("MessageText")),
        dequeue_count=int(text("DequeueCount") or 1),
        inserted_at=text("InsertionTime"),
        expires_at=text("ExpirationTime"),
        visible_at=text("TimeNextVisible"),
    )


def _decoded(text: str) -> str:
    """Return what a message says; one that is not in base64 is taken as it stands."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return text
