"""Files that land in one burst, from the first upload to the last table, with everything that they cost."""

import json
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.orchestrating.graphs import LANDED, chain, product_of
from benchmarks.orchestrating.measuring import TAIL_S, WARM_UP, Counts, observe
from benchmarks.orchestrating.stack import BenchStack, bench_stack
from landfall.local.azurite import ACCOUNT
from landfall.local.storage_events.events import BlobVersion, blob_created
from landfall.metadata.tables import landed_files, runs
from landfall.runs.states import FINAL_RUN_STATES, FileState
from landfall.spec.model import RunSettings
from tests import noop_node
from tests.noop_node.landfall_noop_node import Storage

PRODUCT = "burst"
NODES = 3
UPLOADS_AT_ONCE = 4
REPEATED_SHARE = 10
EVENTS_IN_A_REQUEST = 10
_STALLED_S = 600.0
_TELL_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst cost.

    Attributes:
        landed_s: Seconds from the first upload until all files were in the ledger.
        wall_s: Seconds from the first upload until all runs had ended.
        runs: Runs that the files were joined to.
        cpu_s: CPU seconds by process, the uploads' own not included, what storage did for them included.
        peak_mb: Most resident memory at one time by process and all below it.
        longest: Rows of the longest history.
        repeated: Events that came a second time afterwards, with what they cost.
    """

    files: int
    runs: int
    landed_s: float
    wall_s: float
    cpu_s: dict[str, float]
    peak_mb: dict[str, float]
    sql: int
    storage: int
    jobs_api: int
    longest: int
    repeated: int
    repeat_cpu_s: float
    repeat_sql: int

    @property
    def cpu_ms_per_file(self) -> float:
        return 1000 * sum(self.cpu_s.values()) / self.files


def measure(files: int) -> Burst:
    """Start a stack, let it run a small product to get warm, then land the files all at once."""
    # Files are joined as they are where a product says nothing about it.
    burst = replace(product_of(chain(NODES), PRODUCT), run=RunSettings())
    with (
        tempfile.TemporaryDirectory(prefix="landfall-burst-") as folder,
        bench_stack(Path(folder), [product_of(chain(NODES), WARM_UP), burst]) as stack,
    ):
        stack.land(WARM_UP)
        stack.wait_for_run(WARM_UP)
        time.sleep(TAIL_S)
        return _measure(stack, files)


def _measure(stack: BenchStack, files: int) -> Burst:
    warm_up_runs = len(_states(stack, runs.c.State))
    landed_s = 0.0

    def land_all() -> None:
        nonlocal landed_s
        started = time.monotonic()
        with ThreadPoolExecutor(1) as uploading:
            uploads = uploading.submit(_upload, stack, files)
            landed_s = _wait(stack, files, started)
            uploads.result()

    seen = observe(stack, land_all)
    before, after = seen.before, seen.after
    _check(stack, files)
    repeated = _repeat(stack, max(1, files // REPEATED_SHARE))
    time.sleep(TAIL_S)
    last = Counts.of(stack)
    _check(stack, files)
    return Burst(
        files=files,
        runs=len(_states(stack, runs.c.State)) - warm_up_runs,
        landed_s=round(landed_s, 2),
        wall_s=seen.wall_s,
        cpu_s=after.cpu_since(before),
        peak_mb=seen.peak_mb,
        sql=after.sql - before.sql,
        # The uploads are the benchmark's own.
        storage=after.storage - before.storage - files,
        jobs_api=after.jobs_api - before.jobs_api,
        longest=max(map(len, after.histories)),
        repeated=repeated,
        repeat_cpu_s=round(sum(last.cpu_since(after).values()), 2),
        repeat_sql=last.sql - after.sql,
    )


def _upload(stack: BenchStack, files: int) -> None:
    def some(first: int) -> None:
        storage = Storage(stack.endpoint, stack.signature())
        for number in range(first, files, UPLOADS_AT_ONCE):
            storage.request("PUT", stack.landing_blob(PRODUCT, LANDED, f"{number:06}.csv"), b"id\n1\n")

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(some, range(UPLOADS_AT_ONCE)))


def _wait(stack: BenchStack, files: int, started: float) -> float:
    """Wait until every file and run has ended, and return after how many seconds the ledger had all files."""
    landed_s, tell_at, moved_at, former = 0.0, started + _TELL_EVERY_S, started, None
    while True:
        states = _states(stack, landed_files.c.State)
        # The warm-up's file is one of them.
        done, known = states.count(FileState.DONE) - 1, len(states) - 1
        if known == files and not landed_s:
            landed_s = time.monotonic() - started
        if done == files and set(_states(stack, runs.c.State)) <= FINAL_RUN_STATES:
            return landed_s
        now = time.monotonic()
        if (done, known) != former:
            former, moved_at = (done, known), now
        assert now - moved_at < _STALLED_S, f"{known} of {files} files in the ledger, {done} done"
        if now > tell_at:
            tell_at = now + _TELL_EVERY_S
            print(f"{known} of {files} files in the ledger, {done} done", file=sys.stderr, flush=True)
        time.sleep(0.5)


def _states(stack: BenchStack, column: "sa.Column[Any]") -> list[str]:
    return stack.database.read(lambda connection: list(connection.scalars(sa.select(column))))


def _check(stack: BenchStack, files: int) -> None:
    """Fail unless every file is in the tables exactly once."""
    taken = noop_node.Tables.read(stack.tables).taken_in()
    burst = {file: times for file, times in taken.items() if f"/{PRODUCT}/" in file[0]}
    assert len(burst) == files, f"{len(burst)} of {files} files are in the tables"
    assert set(burst.values()) == {1}, "files were taken in more than once"


def _repeat(stack: BenchStack, count: int) -> int:
    """Send events that were delivered before once more, and return how many."""
    newest = sa.select(landed_files).order_by(landed_files.c.LandedFileID.desc()).limit(count)
    rows = stack.database.read(lambda connection: connection.execute(newest).all())
    events = [
        blob_created(
            BlobVersion(
                "landing", row.Url.partition("/landing/")[2], row.ETag, row.SizeBytes, "text/csv", "BlockBlob"
            ),
            api="PutBlob",
            endpoint=stack.endpoint,
            account=ACCOUNT,
            written_at=datetime.now(UTC),
            sequencer=int(row.Sequencer, 16),
        )
        for row in rows
    ]
    for first in range(0, len(events), EVENTS_IN_A_REQUEST):
        body = json.dumps(events[first : first + EVENTS_IN_A_REQUEST]).encode()
        headers = {"aeg-event-type": "Notification", "Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(stack.webhook, body, headers), timeout=60
        ) as answer:
            assert answer.status < 300, answer.status
    return len(events)
