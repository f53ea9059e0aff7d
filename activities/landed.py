"""Looking at the files that a run has claimed, just before its job reads them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from landfall import addresses
from landfall.errors import LandfallError
from landfall.lake import Lake, StoredBlob
from landfall.landing.ledger import ClaimedFile, NewerVersion

_LOOKS_AT_ONCE = 16
_MOST_NAMES = 5


class FilesVanished(LandfallError):
    """Files that a run has claimed are not there any more."""

    code = "LF3122"

    def __init__(self, paths: Sequence[str], claimed: int) -> None:
        names = ", ".join(paths[:_MOST_NAMES])
        more = f" and {len(paths) - _MOST_NAMES} more" if len(paths) > _MOST_NAMES else ""
        super().__init__(
            f"{len(paths)} of {claimed} claimed files have gone from the landing zone: {names}{more}. "
            "Somebody deleted or renamed them. Land them again; `landfall files replay` brings back the others."
        )
        self.paths = tuple(paths)


def newer_versions_of(lake: Lake, files: Sequence[ClaimedFile]) -> tuple[NewerVersion, ...]:
    """Return, of files that were overwritten since they were claimed, the versions that are there now.

    Raises:
        FilesVanished: Files are not there any more.
        StorageUnreachable: The account does not answer.
        StorageAccessDenied: The account refuses who we are.
    """
    paths = [addresses.parse_blob_url(file.url).path for file in files]
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
        found: list[StoredBlob | None] = list(pool.map(lake.find_landed, paths))
    vanished = [path for path, blob in zip(paths, found, strict=True) if blob is None]
    if vanished:
        raise FilesVanished(vanished, len(files))
    return tuple(
        NewerVersion(file.url, blob.etag, blob.size_bytes, blob.modified_at)
        for file, blob in zip(files, found, strict=True)
        if blob is not None and blob.etag != file.etag
    )
