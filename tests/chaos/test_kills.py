"""A storm of repeated events on real processes, while the function host is killed again and again."""

import time
from pathlib import Path

from landfall.spec.model import Product, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_books, check_files
from tests.chaos.forms import form, full
from tests.chaos.stack import Stack

PRODUCTS = full(short=5, long=20)
FILES = form(short=100, long=10_000)
TIMES = 5
KILLS = full(short=2, long=20)
# The longest time without anything that moves, longer than any pause between attempts: however long the storm, a stuck
# run is noticed as soon.
STALLED_S = 600
# Events of one delivery, at most; Event Grid batches as well.
BATCH = full(short=3, long=20)
# Share of the activities that the host delivers a second time.
REDELIVER = "0.2"


def _product(number: int) -> Product:
    return a_product(
        a_transformation("build_a"),
        a_transformation("build_b", inputs=["a"]),
        name=f"p{number}",
        run=RunSettings(settle_s=0.5, retries=20),
    )


def test_every_file_is_taken_in_once_while_the_host_is_killed_at_random(tmp_path: Path) -> None:
    stack = Stack(
        tmp_path,
        [_product(number) for number in range(PRODUCTS)],
        host_options=("--redeliver", REDELIVER),
        batch=BATCH,
    )
    try:
        landed = [
            (f"sales/p{number % PRODUCTS}/orders_landed/{number}.csv", f"0x{number:X}")
            for number in range(FILES)
        ]
        events = [stack.event(path, etag=etag) for path, etag in landed]
        storm = events * TIMES
        stack.chance.shuffle(storm)
        started = time.monotonic()
        stack.grid.send(storm)

        while stack.kills < KILLS:
            time.sleep(stack.chance.uniform(0.3, 3.0))
            stack.kill_host()
            stack.start_host()
        restarted = time.monotonic()
        stack.wait_until_done(STALLED_S)
        ended = time.monotonic()

        versions = {(event["data"]["url"], event["data"]["eTag"]) for event in events}
        tables = stack.tables()
        taken_in = tables.taken_in()
        stack.database.read(check_books)
        stack.database.read(lambda connection: check_files(connection, versions, taken_in))
        assert len(taken_in) == FILES
        print(
            f"{len(storm)} events, {stack.kills} kills: {ended - started:.1f} s in all, "
            f"{len(storm) / (ended - started):.0f} events/s, done {ended - restarted:.1f} s after the last restart, "
            f"{len(tables.writes)} jobs, refused {len(stack.grid.refused)}"
        )
    finally:
        stack.close()
