"""The lake's storage account: files go into `landing`, node specs and results through `control`.

This module and `landfall.small_blobs` alone talk to Azure Storage. It uses the Blob service, which an account with
hierarchical namespace answers as well as the laptop's emulator; `docs/laptop.md` says why and what differs.
"""

import contextlib
import posixpath
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, LinearRetry

from landfall.addresses import (
    CONTAINERS,
    CONTROL,
    LAKE,
    LANDING,
    BlobAddress,
    abfss_uri,
    blob_url,
    landing_path,
    quarantine_path,
)
from landfall.errors import ErrorKind, LandfallError
from landfall.settings import Settings
from landfall.small_blobs import SmallBlobs, open_transport

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 60
_TRIES: Final = 3
_PAUSE_S: Final = 1
_UPLOADS_AT_ONCE: Final = 4
# A blob has 50,000 blocks at most.
_BLOCK_BYTES: Final = 8 << 20
# Results that an event has named and nobody has read.
_MOST_NAMED_RESULTS: Final = 10_000


class StorageUnreachable(LandfallError):
    """The storage account does not answer, or not now."""

    code = "LF4202"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(
            f"{endpoint}: the storage account does not answer ({reason}). On a laptop, `landfall status` says "
            "whether Azurite runs; in Azure, check the private endpoint and its DNS zone."
        )
        self.endpoint = endpoint
        self.reason = reason


class StorageAccessDenied(LandfallError):
    """The storage account refuses who we are."""

    code = "LF4203"
    kind = ErrorKind.UNREACHABLE

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(
            f"{endpoint}: access denied ({reason}). The identity needs the role Storage Blob Data Contributor "
            "on the account's containers."
        )
        self.endpoint = endpoint


class BlobNotFound(LandfallError):
    """A blob that must be there is not."""

    code = "LF4204"

    def __init__(self, address: BlobAddress) -> None:
        super().__init__(f"{address.abfss()} does not exist.")
        self.address = address


@dataclass(frozen=True, slots=True)
class LandedBlob:
    """A file in the landing zone, as its event will name it.

    Attributes:
        address: Where it lies.
        url: Its URL under the Blob endpoint, percent-encoded.
        etag: Entity tag without quotes; with ``url`` it names this version.
        size_bytes: Length of its content.
    """

    address: BlobAddress
    url: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as it is now.

    Attributes:
        path: Path in its container.
        etag: Entity tag without quotes.
        size_bytes: Length of its content.
        modified_at: When it was written, to the second.
    """

    path: str
    etag: str
    size_bytes: int
    modified_at: datetime


class Lake:
    """The storage account with the containers `landing`, `lake` and `control`; safe to share between threads."""

    def __init__(self, service: BlobServiceClient, small: SmallBlobs, *, account: str, endpoint: str) -> None:
        self._service = service
        self._small = small
        self._account = account
        self._endpoint = endpoint
        self._named_results: dict[str, str] = {}

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return the lake that ``settings`` names; nothing is sent to it yet."""
        credential = _credential(settings)
        transport = open_transport(
            settings.blob_endpoint, connect_timeout_s=_CONNECT_TIMEOUT_S, read_timeout_s=_READ_TIMEOUT_S
        )
        # Three seconds instead of the SDK's minute: people wait for the command line to say that nothing
        # answers, and whoever calls from a run has retries of its own.
        service = BlobServiceClient(
            settings.blob_endpoint,
            credential=credential,
            retry_policy=LinearRetry(backoff=_PAUSE_S, retry_total=_TRIES, random_jitter_range=0),
            transport=transport,
        )
        small = SmallBlobs(
            settings.blob_endpoint,
            settings.storage_account,
            credential,
            tries=_TRIES,
            pause_s=_PAUSE_S,
            transport=transport,
        )
        return cls(service, small, account=settings.storage_account, endpoint=settings.blob_endpoint)

    def abfss_uri(self, container: str, path: str = "") -> str:
        """Return the address that Spark reads for a path of this account."""
        return abfss_uri(self._account, container, path)

    def blob_url(self, container: str, path: str) -> str:
        """Return the URL of a blob of this account."""
        return blob_url(self._endpoint, container, path)

    def upload_landing(self, domain: str, product: str, path: str, content: Path | bytes) -> LandedBlob:
        """Put a file into a product's part of the landing zone, over one of the same name.

        Args:
            domain: Domain of the product.
            product: Name of the product.
            path: Path below the product's folder, for example ``flights/2013.csv.gz``.
            content: A local file, or the bytes themselves.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
            OSError: The local file cannot be read.
        """
        address = BlobAddress(self._account, LANDING, landing_path(domain, product, path))
        with _our_errors(self._endpoint, address):
            blob = self._blob(address)
            if isinstance(content, bytes):
                size_bytes = len(content)
                answer = blob.upload_blob(content, overwrite=True)
            else:
                size_bytes = content.stat().st_size
                with content.open("rb") as stream:
                    answer = blob.upload_blob(
                        stream, length=size_bytes, overwrite=True, max_concurrency=_UPLOADS_AT_ONCE
                    )
        return LandedBlob(
            address=address,
            url=self.blob_url(address.container, address.path),
            etag=str(answer["etag"]).strip('"'),
            size_bytes=size_bytes,
        )

    def land_together(
        self, domain: str, product: str, files: Sequence[tuple[str, Path]]
    ) -> tuple[LandedBlob, ...]:
        """Put files into a product's part of the landing zone so that they arrive at once.

        A file is there with its first byte only when the last byte of all has been sent: whatever their sizes, they
        come within one settle window. If one cannot be sent, none arrives.

        Args:
            files: Path below the product's folder and local file of each, in the order in which they arrive, over
                files of the same names.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
            OSError: A local file cannot be read.
        """
        addresses = [
            BlobAddress(self._account, LANDING, landing_path(domain, product, path)) for path, _ in files
        ]
        with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
            sent = list(pool.map(self._send_blocks, addresses, (file for _, file in files)))
        return tuple(map(self._land_blocks, addresses, sent))

    def write_control(self, path: str, text: str) -> None:
        """Write a text into `control`, over one of the same name.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        address = BlobAddress(self._account, CONTROL, path)
        with _our_errors(self._endpoint, address):
            self._small.write(address.container, address.path, text.encode())

    def read_control(self, path: str) -> str:
        """Return the text of a blob in `control`.

        Raises:
            BlobNotFound: It does not exist.
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        address = BlobAddress(self._account, CONTROL, path)
        with _our_errors(self._endpoint, address):
            return self._small.read(address.container, address.path).decode()

    def read_landing(self, path: str, *, most_bytes: int) -> bytes:
        """Return the first ``most_bytes`` of a blob in `landing`.

        Raises:
            BlobNotFound: It does not exist.
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        return self._read(BlobAddress(self._account, LANDING, path), most_bytes)

    def find_landed(self, path: str) -> StoredBlob | None:
        """Return a file of `landing` as it is now, ``None`` if there is none (any more).

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        address = BlobAddress(self._account, LANDING, path)
        try:
            with _our_errors(self._endpoint, address):
                found = self._blob(address).get_blob_properties()
        except BlobNotFound:
            return None
        return StoredBlob(path, str(found.etag).strip('"'), int(found.size), found.last_modified)

    def list_landed(self, folder: str) -> Iterator[StoredBlob]:
        """Yield the files of `landing` below a folder; folders themselves, which are empty, are passed over.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        prefix = folder.rstrip("/") + "/"
        with _our_errors(self._endpoint, BlobAddress(self._account, LANDING, prefix)):
            for blob in self._service.get_container_client(LANDING).list_blobs(name_starts_with=prefix):
                if blob.size:
                    yield StoredBlob(blob.name, str(blob.etag).strip('"'), int(blob.size), blob.last_modified)

    def note_result(self, path: str) -> None:
        """Remember the result file in `control` that an event has named, so that nobody has to look for it.

        It is a hint to this process: who does not have it, or finds the file replaced, lists the folder.
        """
        if len(self._named_results) >= _MOST_NAMED_RESULTS:
            self._named_results.clear()
        self._named_results[posixpath.dirname(path)] = path

    def read_control_result(self, folder: str) -> str | None:
        """Return the text that Spark wrote into a folder of `control`, or ``None`` if there is none (yet).

        Spark chooses the file's name and may leave markers beside it, whose names start with ``_`` or ``.``;
        an account with hierarchical namespace lists folders as empty blobs. Both are passed over.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        named = self._named_results.pop(folder.rstrip("/"), None)
        if named is not None:
            with contextlib.suppress(BlobNotFound):
                return self.read_control(named)
        prefix = folder.rstrip("/") + "/"
        with _our_errors(self._endpoint, BlobAddress(self._account, CONTROL, prefix)):
            found = sorted(
                blob.name
                for blob in self._service.get_container_client(CONTROL).list_blobs(name_starts_with=prefix)
                if blob.size and not blob.name.removeprefix(prefix).startswith(("_", "."))
            )
        try:
            return self.read_control(found[0]) if found else None
        except BlobNotFound:
            # Spark replaces the file when it writes a result again; the next look finds the new one.
            return None

    def read_control_results(self, folder: str, *, but: Collection[str] = ()) -> dict[str, str]:
        """Return the texts that Spark wrote into the folders below a folder of `control`, each by its version.

        Args:
            but: Versions that the caller has read before; of each folder the same file is meant, until it is replaced.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        prefix = folder.rstrip("/") + "/"
        chosen: dict[str, tuple[str, str]] = {}
        with _our_errors(self._endpoint, BlobAddress(self._account, CONTROL, prefix)):
            blobs = self._service.get_container_client(CONTROL).list_blobs(name_starts_with=prefix)
            found = sorted((blob.name, str(blob.etag)) for blob in blobs if blob.size)
        for name, etag in found:
            inner, _, file = name.removeprefix(prefix).partition("/")
            if file and not file.startswith(("_", ".")):
                chosen.setdefault(inner, (name, f"{name} {etag}"))
        texts: dict[str, str] = {}
        for name, version in chosen.values():
            if version not in but:
                # Spark replaces the file when it writes a result again; the next look finds the new one.
                with contextlib.suppress(BlobNotFound):
                    texts[version] = self.read_control(name)
        return texts

    def list_quarantines(self, domain: str, product: str) -> tuple[str, ...]:
        """Return the datasets of a product of which rows are, or were, in quarantine.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        return self._list_folders(LAKE, quarantine_path(domain, product, ""))

    def list_control_runs(self, domain: str, product: str) -> tuple[str, ...]:
        """Return the runs of a product that have specs or results in `control`.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        return self._list_folders(CONTROL, f"{domain}/{product}/")

    def delete_control_run(self, domain: str, product: str, run_id: str) -> None:
        """Delete the specs and results of a run; one that is gone is no fault.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        prefix = f"{domain}/{product}/{run_id}/"
        container = self._service.get_container_client(CONTROL)
        with _our_errors(self._endpoint, BlobAddress(self._account, CONTROL, prefix)):
            # An account with hierarchical namespace lists folders too, and they go only when they are empty.
            names = sorted(
                (blob.name for blob in container.list_blobs(name_starts_with=prefix)), reverse=True
            )
        for name in names:
            address = BlobAddress(self._account, CONTROL, name)
            with contextlib.suppress(BlobNotFound), _our_errors(self._endpoint, address):
                self._blob(address).delete_blob()

    def exists(self, container: str, path: str) -> bool:
        """Return whether a blob exists.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        address = BlobAddress(self._account, container, path)
        with _our_errors(self._endpoint, address):
            return bool(self._blob(address).exists())

    def missing_containers(self) -> tuple[str, ...]:
        """Return those of our containers that the account does not have.

        Raises:
            StorageUnreachable: The account does not answer.
            StorageAccessDenied: The account refuses who we are.
        """
        with _our_errors(self._endpoint, BlobAddress(self._account, CONTAINERS[0], "")):
            return tuple(name for name in CONTAINERS if not self._service.get_container_client(name).exists())

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def _send_blocks(self, address: BlobAddress, file: Path) -> list[BlobBlock]:
        """Send the content of a file in blocks that nobody sees before they are put together."""
        blocks = []
        with _our_errors(self._endpoint, address), file.open("rb") as stream:
            while content := stream.read(_BLOCK_BYTES):
                block = BlobBlock(block_id=uuid4().hex)
                block.size = len(content)
                self._blob(address).stage_block(block.id, content)
                blocks.append(block)
        return blocks

    def _land_blocks(self, address: BlobAddress, blocks: list[BlobBlock]) -> LandedBlob:
        with _our_errors(self._endpoint, address):
            answer = self._blob(address).commit_block_list(blocks)
        return LandedBlob(
            address=address,
            url=self.blob_url(address.container, address.path),
            etag=str(answer["etag"]).strip('"'),
            size_bytes=sum(block.size for block in blocks),
        )

    def _list_folders(self, container: str, prefix: str) -> tuple[str, ...]:
        """Return the names right below a folder, without its own; sorted."""
        with _our_errors(self._endpoint, BlobAddress(self._account, container, prefix)):
            found = self._service.get_container_client(container).walk_blobs(name_starts_with=prefix)
            return tuple(sorted({item.name.removeprefix(prefix).strip("/") for item in found} - {""}))

    def _read(self, address: BlobAddress, most_bytes: int | None = None) -> bytes:
        with _our_errors(self._endpoint, address):
            content: bytes = self._blob(address).download_blob(offset=0, length=most_bytes).readall()
            return content

    def _blob(self, address: BlobAddress) -> BlobClient:
        return self._service.get_blob_client(address.container, address.path)


def _credential(settings: Settings) -> Any:
    if settings.storage_key:
        return settings.storage_key
    # Only Azure needs it, and importing it takes a while.
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)


@contextmanager
def _our_errors(endpoint: str, address: BlobAddress) -> Iterator[None]:
    """Turn the SDK's errors about ``address`` into ours; defects in a request are left as they are."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise BlobNotFound(address) from error
    except ClientAuthenticationError as error:
        raise StorageAccessDenied(endpoint, _reason(error)) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        raise StorageUnreachable(endpoint, _reason(error)) from error
    except HttpResponseError as error:
        if error.status_code in {401, 403}:
            raise StorageAccessDenied(endpoint, _reason(error)) from error
        if error.status_code in {408, 429} or (error.status_code or 500) >= 500:
            raise StorageUnreachable(endpoint, _reason(error)) from error
        raise


def _reason(error: AzureError) -> str:
    """Return the first line of what the service said; the rest repeats request ids and times."""
    return str(error.message).strip().splitlines()[0] if error.message else type(error).__name__
