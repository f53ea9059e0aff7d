"""A node that costs nothing: jobs that take the real node spec, write a real node result and count what they took in.

For tests and benchmarks of everything around the data. The jobs server runs it like any wheel:
:func:`install` makes the package, :data:`PROFILE` is the saved job that names it, :func:`environment` tells its
jobs where storage is, and :class:`Tables` reads what its nodes wrote. Nothing in ``landfall`` knows of it.
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from landfall.jobs.profile import ComputeProfile
from landfall.settings import Settings

PACKAGE = "landfall_noop_node"
PROFILE = ComputeProfile(name="landfall-noop", package_name=PACKAGE, entry_point="run")
# What the jobs server's warm process imports, so that a job is a fork and two requests.
PRELOAD = (f"{PACKAGE}:run",)

BLOB_ENDPOINT = "LANDFALL_NOOP_BLOB_ENDPOINT"
SIGNATURE = "LANDFALL_NOOP_SIGNATURE"
_SIGNED_FOR = timedelta(days=1)
TABLES = "LANDFALL_NOOP_TABLES"
TAKES_S = "LANDFALL_NOOP_TAKES_S"
FAILING = "LANDFALL_NOOP_FAILING"


def install(folder: Path) -> Path:
    """Install the package into ``folder``, metadata included, and return it: it belongs into PYTHONPATH."""
    source = Path(__file__).with_name(f"{PACKAGE}.py").read_text()
    metadata = folder / f"{PACKAGE}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{PACKAGE}.py").write_text(source)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[landfall.tests]\nrun = {PACKAGE}:run\n")
    return folder


def environment(
    settings: Settings, tables: Path, *, takes_s: float = 0.0, failing: Path | None = None
) -> dict[str, str]:
    """Return the variables that the jobs server needs for these jobs.

    Args:
        settings: Where the storage account is; it needs an account key.
        tables: File that the nodes append to.
        takes_s: Seconds that each job takes besides its own work.
        failing: File with one node key per line whose jobs fail with an error in the data; read by each job.
    """
    assert settings.storage_key is not None
    return {
        BLOB_ENDPOINT: settings.blob_endpoint,
        SIGNATURE: generate_account_sas(
            settings.storage_account,
            settings.storage_key,
            resource_types=ResourceTypes(object=True),
            permission=AccountSasPermissions(read=True, write=True, create=True),
            expiry=datetime.now(UTC) + _SIGNED_FOR,
            protocol="https,http",
        ),
        TABLES: str(tables),
        TAKES_S: str(takes_s),
        FAILING: str(failing or ""),
    }


@dataclass(frozen=True, slots=True)
class Write:
    """What one job wrote: the landed files behind the rows that it put into a table in the name of a run."""

    table: str
    run_id: str
    node: str
    attempt: int
    started_at: float
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that nodes wrote, oldest first."""

    writes: tuple[Write, ...]

    @classmethod
    def read(cls, file: Path) -> "Tables":
        """Return the content of the file, nothing if no node has written yet."""
        if not file.exists():
            return cls(())
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return cls(tuple(_write(line) for line in lines))

    def taken_in(self) -> Counter[tuple[str, str]]:
        """Return how often the rows of each file version, by address and ETag, are in the tables.

        A write replaces the rows of the same run, as the real append does.
        """
        slices = {(write.table, write.run_id): write.files for write in self.writes}
        return Counter(file for files in slices.values() for file in files)

    def jobs(self) -> Counter[tuple[str, str, int]]:
        """Return how often each attempt, by run, node and number, was executed."""
        return Counter((write.run_id, write.node, write.attempt) for write in self.writes)


def _write(line: dict[str, Any]) -> Write:
    return Write(
        table=line["table"],
        run_id=line["run_id"],
        node=line["node"],
        attempt=line["attempt"],
        started_at=line["started_at"],
        files=tuple((uri, etag) for uri, etag in line["files"]),
    )
