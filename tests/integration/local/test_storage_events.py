"""Uploads to the real emulator become events at a webhook, whatever is away meanwhile."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobBlock

from landfall.lake import Lake
from landfall.landing.events import BlobEvent, parse_storage_event
from landfall.local.storage_events import READY
from tests.fakes.event_webhook import Webhook
from tests.loopback import PATIENCE_S, Emulator, free_port, wait_until

pytestmark = pytest.mark.stack


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook(free_port(), "kéy")
    webhook.start()
    yield webhook
    webhook.stop()


@pytest.fixture
def folder() -> str:
    """A folder of this test's own: the emulator is shared."""
    return uuid.uuid4().hex


class Events:
    """The process under test, fed with the emulator's access log as the supervisor does."""

    def __init__(self, emulator: Emulator, webhook: Webhook, outbox: Path) -> None:
        self._log = emulator.log.open("rb")
        self._log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "landfall.local.storage_events", "--endpoint", emulator.endpoint),
                "--webhook",
                f"http://127.0.0.1:{webhook.port}/runtime/webhooks/eventgrid?functionName=on_blob_created",
                *("--outbox", str(outbox)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "LANDFALL_EVENTGRID_KEY": "kéy"},
        )
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        assert self.process.stdout.readline().decode().strip() == READY
        self._done = threading.Event()
        self._pump = threading.Thread(target=self._feed, daemon=True)
        self._pump.start()

    def _feed(self) -> None:
        assert self.process.stdin is not None
        while not self._done.is_set():
            if chunk := self._log.read():
                with contextlib.suppress(BrokenPipeError):  # a test killed it
                    self.process.stdin.write(chunk)
                    self.process.stdin.flush()
            else:
                self._done.wait(0.002)

    def stop(self) -> int:
        self._done.set()
        self._pump.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()
        return self.process.wait(PATIENCE_S)


Start = Callable[[], Events]


@pytest.fixture
def start(emulator: Emulator, webhook: Webhook, tmp_path: Path) -> Iterator[Start]:
    started: list[Events] = []

    def start() -> Events:
        started.append(Events(emulator, webhook, tmp_path / "events.db"))
        return started[-1]

    yield start
    for events in started:
        if events.process.poll() is None:
            events.stop()


def test_an_upload_is_an_event_at_once(start: Start, lake: Lake, webhook: Webhook, folder: str) -> None:
    start()
    delays_s = []
    for number in range(5):
        lake.upload_landing("d", folder, f"{number}.csv", b"x")
        uploaded_at = time.monotonic()
        wait_until(lambda path=f"d/{folder}/{number}.csv": path in webhook.paths())  # type: ignore[misc]
        delays_s.append(webhook.events[-1][0] - uploaded_at)

    # The median: tests that run beside this one may take the machine for a moment.
    assert sorted(delays_s)[2] < 0.5, delays_s
    assert webhook.handshakes == 1


def test_an_event_names_the_version_that_was_uploaded(
    start: Start, lake: Lake, webhook: Webhook, folder: str
) -> None:
    start()

    landed = lake.upload_landing("d", folder, "ä b%41.csv", b"hello")
    wait_until(lambda: landed.address.path in webhook.paths())

    payload = next(event for _, event in webhook.events if event["data"]["url"] == landed.url)
    event = parse_storage_event(payload)
    assert isinstance(event, BlobEvent)
    assert (event.path, event.container) == (landed.address.path, "landing")
    assert (event.etag, event.size_bytes) == (landed.etag, 5)
    assert payload["data"]["api"] == "PutBlob"


def test_blobs_from_before_the_start_are_announced_once(
    start: Start, lake: Lake, webhook: Webhook, folder: str
) -> None:
    lake.upload_landing("d", folder, "early.csv", b"x")
    first = start()
    wait_until(lambda: f"d/{folder}/early.csv" in webhook.paths())
    assert first.stop() == 0

    start()
    lake.upload_landing("d", folder, "late.csv", b"x")
    wait_until(lambda: f"d/{folder}/late.csv" in webhook.paths())

    assert webhook.paths().count(f"d/{folder}/early.csv") == 1


def test_only_results_of_control_are_announced(
    start: Start, lake: Lake, webhook: Webhook, folder: str
) -> None:
    start()
    lake.write_control(f"d/{folder}/r/n/1/spec.json", "{}")
    lake.write_control(f"d/{folder}/r/n/1/result/part-0.txt", "{}")
    lake.upload_landing("d", folder, "after.csv", b"x")
    wait_until(lambda: f"d/{folder}/after.csv" in webhook.paths())
    wait_until(lambda: len([path for path in webhook.paths() if folder in path]) >= 2)

    assert sorted(path for path in webhook.paths() if folder in path) == [
        f"d/{folder}/after.csv",
        f"d/{folder}/r/n/1/result/part-0.txt",
    ]


def test_a_staged_upload_is_one_event(
    start: Start, emulator: Emulator, webhook: Webhook, folder: str
) -> None:
    start()
    with emulator.service() as service:
        blob = service.get_blob_client("landing", f"d/{folder}/staged.csv")
        blob.stage_block("AAAA", b"one")
        blob.stage_block("BBBB", b"two")
        blob.commit_block_list([BlobBlock("AAAA"), BlobBlock("BBBB")])
    wait_until(lambda: f"d/{folder}/staged.csv" in webhook.paths())

    mine = [event for _, event in webhook.events if folder in event["subject"]]
    assert [(event["data"]["api"], event["data"]["contentLength"]) for event in mine] == [("PutBlockList", 6)]


def test_an_event_is_sent_again_until_it_is_taken(
    start: Start, lake: Lake, webhook: Webhook, folder: str
) -> None:
    start()
    lake.upload_landing("d", folder, "first.csv", b"x")
    wait_until(lambda: f"d/{folder}/first.csv" in webhook.paths())

    webhook.refusals = [500, 404]
    lake.upload_landing("d", folder, "again.csv", b"x")
    wait_until(lambda: f"d/{folder}/again.csv" in webhook.paths())

    assert webhook.refused == 2


def test_events_wait_for_a_host_that_is_away(start: Start, lake: Lake, webhook: Webhook, folder: str) -> None:
    events = start()
    lake.upload_landing("d", folder, "before.csv", b"x")
    wait_until(lambda: f"d/{folder}/before.csv" in webhook.paths())
    webhook.stop()
    for number in range(20):
        lake.upload_landing("d", folder, f"{number}.csv", b"x")
    assert events.process.poll() is None

    webhook.start()

    wait_until(lambda: len({path for path in webhook.paths() if folder in path}) == 21)
    assert webhook.handshakes >= 2


def test_events_on_their_way_survive_the_process(
    start: Start, lake: Lake, webhook: Webhook, folder: str
) -> None:
    webhook.stop()
    events = start()
    lake.upload_landing("d", folder, "kept.csv", b"x")
    events.process.kill()
    events.process.wait(PATIENCE_S)

    webhook.start()
    start()

    wait_until(lambda: f"d/{folder}/kept.csv" in webhook.paths())


def test_every_file_of_a_burst_is_announced(start: Start, lake: Lake, webhook: Webhook, folder: str) -> None:
    start()

    async def burst() -> None:
        await asyncio.gather(
            *(
                asyncio.to_thread(lake.upload_landing, "d", folder, f"{number}.csv", b"x")
                for number in range(100)
            )
        )

    asyncio.run(burst())

    wait_until(lambda: len({path for path in webhook.paths() if folder in path}) == 100)
