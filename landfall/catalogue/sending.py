"""Sending events to a catalogue through OpenLineage's own client: over HTTP, into a file, or to the console."""

from collections.abc import Iterable
from typing import Protocol

import requests
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent

from landfall.errors import ErrorKind, LandfallError

_LATER = frozenset({408, 425, 429})


class CatalogueSilent(LandfallError):
    """A catalogue cannot be reached, or cannot take anything now."""

    code = "LF4701"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"the catalogue does not take events now ({reason}); they are kept and sent later")


class EventRefused(LandfallError):
    """A catalogue takes other events, but not this one."""

    code = "LF4702"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the catalogue refuses an event ({reason}); it is kept and sent again at times. Does the catalogue "
            "speak the version of OpenLineage that the client does?"
        )


class Catalogue(Protocol):
    """Whoever takes events."""

    def send(self, events: Iterable[RunEvent]) -> None:
        """Hand events over in their order.

        Raises:
            CatalogueSilent: None can be taken now.
            EventRefused: One of them is not taken.
        """


class ConfiguredCatalogue:
    """The catalogue that the client's own variables name: ``OPENLINEAGE_URL`` and the others."""

    def __init__(self) -> None:
        self._client = OpenLineageClient()

    def send(self, events: Iterable[RunEvent]) -> None:
        """Hand events over in their order."""
        for event in events:
            try:
                self._client.emit(event)
            except requests.HTTPError as error:
                status = error.response.status_code if error.response is not None else 0
                reason = f"it answered {status}"
                if 400 <= status < 500 and status not in _LATER:
                    raise EventRefused(reason) from error
                raise CatalogueSilent(reason) from error
            # An outermost edge: transports are exchangeable, and each fails in its own way.
            except Exception as error:
                raise CatalogueSilent(type(error).__name__) from error
