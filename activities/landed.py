"""Looking at the files that a run has claimed, just before its job reads them."""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from landfall import addresses
from landfall.errors import LandfallError
from landfall.lake import Lake, StoredBlob
from landfall.landing.ledger import ClaimedFile, NewerVersion

_LOOKS_AT_ONCE = 16
# So many files of one folder are looked at by a listing, which shows up to 5,000 in one answer ...
_LISTED_FROM = 64
# ... and is given up where it shows so many times more: a folder keeps the files of all earlier runs.
_MOST_SHOWN_PER_FILE = 10
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
    found = _blobs_of(lake, paths)
    vanished = [path for path in paths if found[path] is None]
    if vanished:
        raise FilesVanished(vanished, len(files))
    return tuple(
        NewerVersion(file.url, blob.etag, blob.size_bytes, blob.modified_at)
        for file, path in zip(files, paths, strict=True)
        if (blob := found[path]) is not None and blob.etag != file.etag
    )


def _blobs_of(lake: Lake, paths: Sequence[str]) -> Mapping[str, StoredBlob | None]:
    """Return what is there now, by path: of many files of a folder from a listing, of others one by one."""
    found: dict[str, StoredBlob | None] = {}
    wanted = frozenset(paths)
    for folder, count in Counter(map(posixpath.dirname, wanted)).items():
        if count >= _LISTED_FROM:
            shown = islice(lake.list_landed(folder), count * _MOST_SHOWN_PER_FILE)
            found |= {blob.path: blob for blob in shown if blob.path in wanted}
    # A listing that was given up, or that passes over a file which is empty by now, does not say that a file has gone.
    others = sorted(wanted - found.keys())
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
        return found | dict(zip(others, pool.map(lake.find_landed, others), strict=True))
