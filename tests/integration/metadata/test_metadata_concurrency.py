"""Many threads and several processes on one SQLite file: nothing is lost and nobody is turned away."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from landfall.metadata.engine import Database, create_engine
from landfall.metadata.tables import configuration_category, configuration_item
from tests.loopback import PATIENCE_S

THREADS = 16
CHANGES_EACH = 25

# Read, then write what was read plus one: lost unless the transaction holds the write lock from its start.
COUNT = """
import sys
from landfall.metadata.engine import Database, create_engine

def add_one(connection):
    value = connection.exec_driver_sql("SELECT ItemValue FROM ConfigurationItem").scalar_one()
    connection.exec_driver_sql("UPDATE ConfigurationItem SET ItemValue = ?", (str(int(value) + 1),))

database = Database(create_engine(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    database.transact(add_one)
"""


def start_counter(connection: sa.Connection) -> None:
    connection.execute(sa.insert(configuration_category).values(CategoryID=1, CategoryName="counters"))
    connection.execute(sa.insert(configuration_item).values(CategoryID=1, ItemKey="changes", ItemValue="0"))


def add_one(connection: sa.Connection) -> None:
    value = counter(connection)
    connection.execute(sa.update(configuration_item).values(ItemValue=str(value + 1)))


def counter(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(configuration_item.c.ItemValue)).scalar_one() or 0)


def in_threads(number: int, work: Any) -> list[BaseException]:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE_S)
    return failures


def test_threads_that_share_a_database_lose_no_change(database: Database) -> None:
    database.transact(start_counter)

    def work() -> None:
        for _ in range(CHANGES_EACH):
            database.transact(add_one)

    assert in_threads(THREADS, work) == []
    assert database.read(counter) == THREADS * CHANGES_EACH


def test_processes_that_share_a_file_lose_no_change(database: Database, tmp_path: Path) -> None:
    database.transact(start_counter)
    url = f"sqlite:///{tmp_path / 'landfall.db'}"
    changes = 200

    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT, url, str(changes)], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for _ in range(changes):
        database.transact(add_one)
    outcomes = [(process.communicate(timeout=PATIENCE_S)[1], process.returncode) for process in processes]

    assert [code for _, code in outcomes] == [0, 0], outcomes
    assert database.read(counter) == 3 * changes


def test_a_read_sees_one_state_while_others_write(database: Database) -> None:
    database.transact(start_counter)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            database.transact(add_one)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        pairs = [
            database.read(lambda connection: (counter(connection), counter(connection))) for _ in range(200)
        ]
    finally:
        stop.set()
        writer.join(timeout=PATIENCE_S)

    assert all(first == second for first, second in pairs)
    assert pairs[-1][0] > pairs[0][0]


def test_first_connections_at_once_all_come_through(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"

    def work() -> None:
        own = Database(create_engine(url)).unguarded()
        own.transact(
            lambda connection: connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS Notes (Text TEXT)")
        )
        own.close()

    assert in_threads(THREADS, work) == []
