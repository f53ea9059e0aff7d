"""Where everything lies in the lake: `abfss://` addresses, blob URLs and the folders inside the containers."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from landfall.errors import LandfallError

LANDING: Final = "landing"
LAKE: Final = "lake"
CONTROL: Final = "control"
CONTAINERS: Final = (LANDING, LAKE, CONTROL)

QUARANTINE: Final = "quarantine"
RESULT_FOLDER: Final = "result"

_DFS_SUFFIX: Final = ".dfs.core.windows.net"


class NotABlobAddress(LandfallError):
    """A text that should name a blob does not."""

    code = "LF4201"

    def __init__(self, text: str, expected: str) -> None:
        super().__init__(f"{text!r} is not the address of a blob; expected {expected}.")
        self.text = text


@dataclass(frozen=True, slots=True)
class BlobAddress:
    """One blob or folder of a storage account.

    Attributes:
        account: Name of the storage account.
        container: Name of the container.
        path: Path in the container as people read it (not percent-encoded), without a leading slash.
    """

    account: str
    container: str
    path: str

    def abfss(self) -> str:
        """Return the address as Spark reads it."""
        return abfss_uri(self.account, self.container, self.path)


def abfss_uri(account: str, container: str, path: str = "") -> str:
    """Return ``abfss://{container}@{account}.dfs.core.windows.net/{path}``; the path is not percent-encoded."""
    return f"abfss://{container}@{account}{_DFS_SUFFIX}/{path.lstrip('/')}"


def parse_abfss(uri: str) -> BlobAddress:
    """Return what an ``abfss://`` address names.

    Raises:
        NotABlobAddress: ``uri`` has another scheme or lacks the container or the account.
    """
    expected = "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    container, _, host = authority.partition("@")
    account, _, _ = host.partition(".")
    if scheme not in {"abfss", "abfs"} or not container or not account:
        raise NotABlobAddress(uri, expected)
    return BlobAddress(account=account, container=container, path=path)


def file_name(url: str) -> str:
    """Return the last part of the path that a blob's URL has, as people read it."""
    return unquote(url.rpartition("/")[2])


def blob_url(endpoint: str, container: str, path: str) -> str:
    """Return the URL of a blob under a Blob service endpoint, its path percent-encoded.

    Args:
        endpoint: ``https://ACCOUNT.blob.core.windows.net``, or ``http://HOST:PORT/ACCOUNT`` of the emulator.
        container: Name of the container.
        path: Path in the container, not percent-encoded.
    """
    return f"{endpoint.rstrip('/')}/{container}/{quote(path.lstrip('/'), safe='/')}"


def parse_blob_url(url: str) -> BlobAddress:
    """Return what the URL of a blob or file names, as storage events carry it.

    Understands the Blob host (``ACCOUNT.blob.…``), the Data Lake host (``ACCOUNT.dfs.…``) and the emulator's
    path style (``http://127.0.0.1:10000/ACCOUNT/…``). A query, such as a snapshot or a signature, is ignored.

    Raises:
        NotABlobAddress: ``url`` names no blob.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    labels = host.split(".")
    path = parts.path.lstrip("/")
    if len(labels) > 2 and labels[1] in {"blob", "dfs"}:
        account = labels[0]
    else:
        # The emulator has one host for all accounts: the account is the first part of the path.
        account, _, path = path.partition("/")
    container, _, name = path.partition("/")
    if parts.scheme not in {"http", "https"} or not host or not account or not container or not name:
        raise NotABlobAddress(url, "https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH")
    return BlobAddress(account=account, container=container, path=unquote(name))


def landing_path(domain: str, product: str, path: str) -> str:
    """Return where, in `landing`, a source leaves a file of a product."""
    return f"{domain}/{product}/{path.lstrip('/')}"


def table_path(domain: str, product: str, layer: str, dataset: str) -> str:
    """Return where, in `lake`, the Delta table of a dataset lies."""
    return f"{domain}/{product}/{layer}/{dataset}"


def quarantine_path(domain: str, product: str, dataset: str) -> str:
    """Return where, in `lake`, the refused rows of a dataset lie."""
    return f"{QUARANTINE}/{domain}/{product}/{dataset}"


def attempt_path(domain: str, product: str, run_id: str, node: str, attempt: int) -> str:
    """Return the folder, in `control`, of one attempt of a node."""
    return f"{domain}/{product}/{run_id}/{node}/{attempt}"


def spec_path(domain: str, product: str, run_id: str, node: str, attempt: int) -> str:
    """Return where, in `control`, the node spec of an attempt lies."""
    return f"{attempt_path(domain, product, run_id, node, attempt)}/spec.json"


def result_path(domain: str, product: str, run_id: str, node: str, attempt: int) -> str:
    """Return the folder, in `control`, into which Spark writes the result of an attempt as one text file."""
    return f"{attempt_path(domain, product, run_id, node, attempt)}/{RESULT_FOLDER}"


def pack_parts_path(domain: str, product: str, run_id: str, pack: str) -> str:
    """Return the folder, in `control`, for the results that the job of a pack keeps before its end, in parts."""
    return f"{attempt_path(domain, product, run_id, pack, 1)}/parts"


@dataclass(frozen=True, slots=True)
class ResultAddress:
    """The attempt that a file below ``control`` is the result of."""

    run_id: str
    node: str
    attempt: int


def parse_result_path(path: str) -> ResultAddress | None:
    """Return whose result a file in ``control`` is, or ``None`` if it is something else."""
    parts = path.split("/")
    if (
        len(parts) != 7
        or parts[5] != RESULT_FOLDER
        or not parts[4].isdigit()
        or parts[6].startswith(("_", "."))
    ):
        return None
    return ResultAddress(run_id=parts[2], node=parts[3], attempt=int(parts[4]))
