"""Reading and writing a small blob in one request, without what the storage SDK's clients do around it.

A node's spec is written and its result read once for every node. Half of what that took of a processor was spent on
what large blobs need: ranges, checksums, streams, spans. This is the pipeline of `azure-core` itself, with its retries
and its sign-in.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests
from azure.core import PipelineClient
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    map_error,
)
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    RetryMode,
    RetryPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

_SCOPE = "https://storage.azure.com/.default"
_VERSION = {"x-ms-version": "2021-12-02"}
_SIGNED_FOR = timedelta(hours=12)
_ERRORS: dict[int, type[HttpResponseError]] = {
    HTTPStatus.NOT_FOUND: ResourceNotFoundError,
    HTTPStatus.UNAUTHORIZED: ClientAuthenticationError,
    HTTPStatus.FORBIDDEN: ClientAuthenticationError,
}


class SmallBlobs:
    """Blobs of one account that fit into a request; safe to share between threads."""

    def __init__(
        self,
        endpoint: str,
        account: str,
        credential: Any,
        *,
        tries: int,
        pause_s: float,
        transport: RequestsTransport,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take who we are; nothing is sent yet.

        Args:
            endpoint: URL of the Blob service.
            account: Name of the account.
            credential: Its key, or a credential of Entra ID.
            tries: Requests that follow one that was not answered, or not well.
            pause_s: Before each of them.
            transport: Sends the requests; the caller closes it.
        """
        self._endpoint = endpoint.rstrip("/")
        self._signature = _Signature(account, credential, now) if isinstance(credential, str) else None
        policies: list[Any] = [
            UserAgentPolicy("landfall"),
            RetryPolicy(
                retry_total=tries,
                retry_backoff_factor=pause_s,
                retry_mode=RetryMode.Fixed,
            ),
        ]
        if self._signature is None:
            policies.append(BearerTokenCredentialPolicy(credential, _SCOPE))
        self._client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            self._endpoint,
            policies=policies,
            transport=transport,
        )

    def read(self, container: str, path: str) -> bytes:
        """Return the content of a blob.

        Raises:
            azure.core.exceptions.AzureError: There is none, or no good answer.
        """
        answer = self._send("GET", container, path, _VERSION)
        content: bytes = answer.read()
        return content

    def write(self, container: str, path: str, content: bytes) -> None:
        """Write a blob, over one of the same name.

        Raises:
            azure.core.exceptions.AzureError: No good answer came.
        """
        self._send("PUT", container, path, {**_VERSION, "x-ms-blob-type": "BlockBlob"}, content)

    def _send(
        self, method: str, container: str, path: str, headers: dict[str, str], content: bytes | None = None
    ) -> HttpResponse:
        url = f"{self._endpoint}/{container}/{quote(path)}"
        if self._signature is not None:
            url += f"?{self._signature.text()}"
        headers = {**headers, "x-ms-date": formatdate(usegmt=True)}
        answer = self._client.send_request(HttpRequest(method, url, headers=headers, content=content))
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            answer.read()
            map_error(answer.status_code, answer, _ERRORS)
            raise HttpResponseError(response=answer)
        return answer


class _Signature:
    """A shared access signature of an account's key, made anew before it ends."""

    def __init__(self, account: str, key: str, now: Callable[[], datetime]) -> None:
        self._account, self._key, self._now = account, key, now
        self._text, self._until = "", datetime.min.replace(tzinfo=UTC)

    def text(self) -> str:
        now = self._now()
        if now >= self._until:
            self._text = generate_account_sas(
                self._account,
                self._key,
                resource_types=ResourceTypes(object=True),
                permission=AccountSasPermissions(read=True, write=True, create=True),
                expiry=now + 2 * _SIGNED_FOR,
                protocol="https,http",
            )
            self._until = now + _SIGNED_FOR
        return self._text


def open_transport(endpoint: str, *, connect_timeout_s: float, read_timeout_s: float) -> RequestsTransport:
    """Return what sends requests to an account, by what the environment says of proxies and certificates, read once.

    Requests itself goes through the environment, and asks for files of the home folder, before everything it sends.
    """
    with requests.Session() as asked:
        found = asked.merge_environment_settings(endpoint, {}, None, None, None)
    transport = RequestsTransport(
        use_env_settings=False,
        connection_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        connection_verify=found["verify"],
    )
    transport.open()
    transport.session.proxies.update(found["proxies"])
    return transport
