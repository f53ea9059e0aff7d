"""Where events go: to the webhook of the function host, or into a storage queue, as a subscription says."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import aiohttp

from landfall.local.azurite import ACCOUNT
from landfall.local.queue_service import QueueFault, QueueService
from landfall.local.storage_events.events import validation_request

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=2)


class DestinationAway(Exception):
    """Nobody answers there, or nobody wants events yet."""


class Destination(Protocol):
    """One end of a subscription."""

    async def subscribe(self) -> None:
        """Make sure that events may be sent.

        Raises:
            DestinationAway: They may not.
        """

    async def send(self, event: dict[str, Any], attempts: int) -> tuple[int, str]:
        """Send an event and return status and text of the answer.

        Args:
            attempts: How often it was sent before.

        Raises:
            DestinationAway: Nobody answers.
        """


class Webhook:
    """The Event Grid webhook of a function host.

    Args:
        url: URL of the webhook with the function's name, without a key.
        key: Key of the webhook, ``None`` for a host that asks for none.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str | None) -> None:
        self._session = session
        self._url = f"{url}&code={key}" if key else url

    async def subscribe(self) -> None:
        """Ask the host as Event Grid would."""
        code = str(uuid.uuid4())
        question = validation_request(code, account=ACCOUNT, now=datetime.now(UTC))
        status, answer = await self._post(question, {"aeg-event-type": "SubscriptionValidation"})
        if status != 200 or code not in answer:
            raise DestinationAway(f"it answered the handshake with {status}: {answer[:200]}")

    async def send(self, event: dict[str, Any], attempts: int) -> tuple[int, str]:
        headers = {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": "LAPTOP",
            "aeg-delivery-count": str(attempts),
            "aeg-data-version": event["dataVersion"],
            "aeg-metadata-version": event["metadataVersion"],
        }
        return await self._post(event, headers)

    async def _post(self, event: dict[str, Any], headers: dict[str, str]) -> tuple[int, str]:
        try:
            async with self._session.post(
                self._url, json=[event], headers=headers, timeout=_TIMEOUT
            ) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DestinationAway(str(error) or type(error).__name__) from error


class Queue:
    """A queue of the storage emulator, which takes each event as one message."""

    def __init__(self, service: QueueService, name: str) -> None:
        self._service = service
        self._name = name

    async def subscribe(self) -> None:
        """Create the queue."""
        try:
            await self._service.create(self._name)
        except QueueFault as fault:
            raise DestinationAway(str(fault)) from fault

    async def send(self, event: dict[str, Any], attempts: int) -> tuple[int, str]:
        try:
            await self._service.put(self._name, json.dumps(event))
        except QueueFault as fault:
            raise DestinationAway(str(fault)) from fault
        return 200, ""
