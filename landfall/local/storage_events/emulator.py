"""The few questions that the laptop stack asks the storage emulator, without the weight of the Azure SDK."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, Self
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import aiohttp
from yarl import URL

from landfall.addresses import blob_url
from landfall.local.azurite import ACCOUNT, ACCOUNT_KEY
from landfall.local.storage_events.events import BlobVersion

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_SAS_VERSION: Final = "2020-08-04"
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409


class EmulatorFault(Exception):
    """The emulator did not answer, or not as it should; the same question may get an answer later."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A version of a blob, and when it was written (to the second)."""

    version: BlobVersion
    written_at: datetime


class EmulatedStorage:
    """The Blob service of the emulator on a loopback port."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session = session
        self._signature = _account_signature()

    @classmethod
    def connect(cls, endpoint: str) -> Self:
        """Return the service at ``http://HOST:PORT/ACCOUNT``; to be called in a running event loop."""
        return cls(aiohttp.ClientSession(timeout=_TIMEOUT), endpoint)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def create_container(self, container: str) -> None:
        """Create a container unless it exists.

        Raises:
            EmulatorFault: The emulator did not create it.
        """
        await self._ask("PUT", f"{self.endpoint}/{container}", {"restype": "container"}, accept={_CONFLICT})

    async def find_blob(self, container: str, path: str) -> StoredBlob | None:
        """Return the current version of a blob, or ``None`` if there is none (any more).

        Raises:
            EmulatorFault: The emulator did not say.
        """
        url = blob_url(self.endpoint, container, path)
        status, headers, _ = await self._ask("HEAD", url, {}, accept={_NOT_FOUND})
        if status == _NOT_FOUND:
            return None
        return StoredBlob(
            BlobVersion(
                container=container,
                path=path,
                etag=headers["ETag"].strip('"'),
                size_bytes=int(headers["Content-Length"]),
                content_type=headers.get("Content-Type", "application/octet-stream"),
                blob_type=headers.get("x-ms-blob-type", "BlockBlob"),
            ),
            parsedate_to_datetime(headers["Last-Modified"]),
        )

    async def list_blobs(self, container: str) -> AsyncIterator[StoredBlob]:
        """Yield the current version of every blob of a container, page by page.

        Raises:
            EmulatorFault: The emulator did not say, or the container does not exist.
        """
        marker: str | None = ""
        while marker is not None:
            query = {"restype": "container", "comp": "list", "marker": marker}
            _, _, body = await self._ask("GET", f"{self.endpoint}/{container}", query)
            page = ElementTree.fromstring(body)  # noqa: S314 our own emulator's answer
            for blob in page.iterfind("Blobs/Blob"):
                yield _stored_blob(container, blob)
            marker = page.findtext("NextMarker") or None

    async def _ask(
        self, method: str, url: str, query: dict[str, str], *, accept: frozenset[int] | set[int] = frozenset()
    ) -> tuple[int, Mapping[str, str], bytes]:
        signed = f"{url}?{urlencode({**query, **self._signature}, quote_via=quote)}"
        try:
            # `encoded`: the path is signed and logged as it is written here.
            async with self._session.request(method, URL(signed, encoded=True)) as answer:
                body = await answer.read()
                if answer.ok or answer.status in accept:
                    return answer.status, answer.headers, body
                raise EmulatorFault(f"{method} {url}: {answer.status} {answer.reason}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EmulatorFault(f"{method} {url}: {error or type(error).__name__}") from error


def _stored_blob(container: str, blob: ElementTree.Element) -> StoredBlob:
    def text(name: str, default: str = "") -> str:
        return blob.findtext(name) or default

    return StoredBlob(
        BlobVersion(
            container=container,
            path=text("Name"),
            etag=text("Properties/Etag").strip('"'),
            size_bytes=int(text("Properties/Content-Length", "0")),
            content_type=text("Properties/Content-Type", "application/octet-stream"),
            blob_type=text("Properties/BlobType", "BlockBlob"),
        ),
        parsedate_to_datetime(text("Properties/Last-Modified")),
    )


def _account_signature() -> dict[str, str]:
    """Return the query of an account SAS that may read, list and create containers.

    Source:
        Storage REST reference, "Create an account SAS", version 2018-11-09 and later.
    """
    expiry = "2099-01-01T00:00:00Z"
    # Account, permissions, services, resource types, start, expiry, addresses, protocol, version; each line ended.
    lines = (ACCOUNT, "rlc", "b", "sco", "", expiry, "", "", _SAS_VERSION)
    text = "".join(f"{line}\n" for line in lines)
    digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    return {
        "sv": _SAS_VERSION,
        "ss": "b",
        "srt": "sco",
        "sp": "rlc",
        "se": expiry,
        "sig": base64.b64encode(digest).decode(),
    }
