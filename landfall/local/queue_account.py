"""What a connection string says of the queues of a storage account; apart from asking them, which loads a client."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Self

_SAS_VERSION: Final = "2020-08-04"


@dataclass(frozen=True, slots=True)
class QueueAccount:
    """What a storage connection string says of queues.

    Attributes:
        endpoint: URL of the Queue service, of the emulator ``http://HOST:PORT/ACCOUNT``.
    """

    name: str
    key: str
    endpoint: str

    @classmethod
    def from_connection_string(cls, text: str) -> Self | None:
        """Return the account that ``text`` names; ``None`` if it holds no key or no endpoint of queues."""
        parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
        name, key, endpoint = (parts.get(part) for part in ("AccountName", "AccountKey", "QueueEndpoint"))
        if not name or not key:
            return None
        if endpoint is None and "EndpointSuffix" in parts:
            endpoint = f"https://{name}.queue.{parts['EndpointSuffix']}"
        return cls(name, key, endpoint.rstrip("/")) if endpoint else None

    def connection_string(self) -> str:
        """Return the connection string of the account's queues."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.name};AccountKey={self.key};"
            f"QueueEndpoint={self.endpoint};"
        )

    def signature(self) -> dict[str, str]:
        """Return the query of an account SAS for queues.

        Source:
            Storage REST reference, "Create an account SAS", version 2018-11-09 and later.
        """
        expiry = "2099-01-01T00:00:00Z"
        permissions = "rwdlacup"
        lines = (self.name, permissions, "q", "sco", "", expiry, "", "", _SAS_VERSION)
        text = "".join(f"{line}\n" for line in lines)
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return {
            "sv": _SAS_VERSION,
            "ss": "q",
            "srt": "sco",
            "sp": permissions,
            "se": expiry,
            "sig": base64.b64encode(digest).decode(),
        }
