"""What the statements of files and nodes cost in a full store: ``python benchmarks/hot_path.py --help``.

Lets the stories of tests/chaos/hot_path.py happen in a copy of a database with so many node runs (minutes to write;
kept for the next time) and in an empty one, and looks at every statement that the app sent: the plan that the full
database makes of it, with statistics and without, and the instructions that SQLite executes for it in both,
which do not depend on how busy the machine is. Ends with 1 if one reads a table that grows.
"""

import contextlib
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from operators_store import open_store, store_parser, store_path

from landfall.metadata.engine import Database, create_engine
from landfall.spec.model import ExecutionMode

# The stories belong to the tests.
sys.path.insert(0, str(Path(__file__).parents[1]))
import tests.chaos.world as worlds
from tests.chaos.hot_path import STORIES, Sent, one_of, tell, wide_steps
from tests.databases import a_database

REPEATS = 15
# The timers go through all products of the store, a purge that is due once a day among them.
worlds.RECONCILE_EVERY_S = 150.0
# Each chunk of a backfill that is done had a run, which the store leaves out.
_WITH_RUNS = "UPDATE BackfillChunks SET RunID = BackfillID || '-' || ChunkNumber;"
# The store has runs that go on: nobody works at them here, and the stories would wait for their end.
_ENDED = """
UPDATE NodeRuns SET State = 'cancelled', FinishedAt = ClaimedAt WHERE RunID IN
    (SELECT RunID FROM Runs WHERE State IN ('pending', 'running')) AND State NOT IN
    ('succeeded', 'failed', 'skipped', 'cancelled');
UPDATE NodeAttempts SET State = 'cancelled', FinishedAt = SubmittedAt WHERE FinishedAt IS NULL;
UPDATE Runs SET State = 'cancelled', FinishedAt = CreatedAt, OpenNodes = 0, ActiveNodes = 0, ReadyNodes = 0
    WHERE State IN ('pending', 'running');
UPDATE LandedFiles SET State = 'rejected' WHERE State IN ('pending', 'claimed');
UPDATE Backfills SET State = 'done' WHERE State = 'running';
UPDATE LandingSets SET State = 'complete' WHERE State = 'open';
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a statement takes: instructions of SQLite's machine, and seconds in the median."""

    steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One statement in an empty store and in a full one."""

    statement: str
    empty: Cost
    full: Cost

    @property
    def ratio(self) -> float:
        return self.full.steps / max(self.empty.steps, 1)


def main() -> None:
    parser = store_parser(__doc__)
    parser.add_argument(
        "--stories", nargs="+", choices=STORIES, default=list(STORIES), metavar="STORY", help="only these"
    )
    parser.add_argument("--show", type=int, default=8, help="statements to show (default: %(default)s)")
    arguments = parser.parse_args()
    node_runs = arguments.node_runs
    with tempfile.TemporaryDirectory(prefix="landfall-hot-path-") as name:
        folder = Path(name)
        compared, wide = compare(store_path(arguments), node_runs, arguments.stories, folder)
    print(f"{len(compared)} statements in a store of {node_runs:,} node runs and in an empty one")
    for quantity, empty, full in (
        ("instructions", [one.empty.steps for one in compared], [one.full.steps for one in compared]),
        (
            "microseconds",
            [one.empty.seconds * 1e6 for one in compared],
            [one.full.seconds * 1e6 for one in compared],
        ),
    ):
        print(
            f"{quantity}: median {median(empty):.0f} and {median(full):.0f}, "
            f"most {max(empty):.0f} and {max(full):.0f}, all together {sum(empty):.0f} and {sum(full):.0f}"
        )
    for one in sorted(compared, key=lambda one: one.empty.steps - one.full.steps)[: arguments.show]:
        text = " ".join(one.statement.split())
        print(
            f"{one.empty.steps} to {one.full.steps} instructions, {one.empty.seconds * 1e6:.0f} to "
            f"{one.full.seconds * 1e6:.0f} us: {text[:300]}"
        )
    if wide:
        sys.exit("\n".join(["read a table that grows:", *sorted(wide)]))


def compare(
    store: Path, node_runs: int, stories: Sequence[str], folder: Path
) -> tuple[list[Compared], set[str]]:
    """Return each statement with its cost in both databases, and the steps in the full one that read too much."""
    open_store(store, node_runs).close()
    full = folder / "full.db"
    shutil.copyfile(store, full)
    with contextlib.closing(sqlite3.connect(full)) as connection:
        # Statistics as a busy installation has them: among them that hardly any run is open.
        connection.executescript(f"{_WITH_RUNS} ANALYZE; {_ENDED}")
    a_database(folder, "empty.db").close()
    costs: dict[Path, dict[str, Cost]] = {}
    told: dict[Path, Sent] = {}
    for file in (folder / "empty.db", full):
        told[file] = _tell_all(file, stories, folder)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            costs[file] = dict(_costs(connection, told[file]))
    with contextlib.closing(sqlite3.connect(full)) as connection:
        wide = {f"with statistics, {step}" for step in wide_steps(connection, told[full])}
        connection.executescript("DELETE FROM sqlite_stat1;")
    with contextlib.closing(sqlite3.connect(full)) as connection:
        wide |= set(wide_steps(connection, told[full]))
    empty = costs[folder / "empty.db"]
    both = [
        Compared(statement, empty[statement], cost)
        for statement, cost in costs[full].items()
        if statement in empty
    ]
    return both, wide


def _tell_all(file: Path, stories: Sequence[str], folder: Path) -> Sent:
    """Let every story happen to a product of its own in one database."""
    sent = Sent()
    for execution in ExecutionMode:
        for number, story in enumerate(stories):
            database = Database(create_engine(f"sqlite:///{file}"))
            started = time.perf_counter()
            place = folder / f"{file.stem}-{execution}-{number}"
            place.mkdir()
            for statement, parameters in tell(
                story, execution, place, name=f"{execution}_{number}", into=database
            ).items():
                sent.setdefault(statement, parameters)
            database.close()
            print(
                f"{file.stem}: {story}, {execution}: {time.perf_counter() - started:.1f} s", file=sys.stderr
            )
    return sent


def _costs(connection: sqlite3.Connection, sent: Sent) -> Iterator[tuple[str, Cost]]:
    """Yield what each statement takes when it is sent once more, without leaving anything behind."""
    for statement, parameters in sent.items():
        steps, seconds = 0, []

        def step() -> None:
            nonlocal steps
            steps += 1

        for counted in (False, True, *(False for _ in range(REPEATS))):
            connection.execute("BEGIN IMMEDIATE")
            connection.set_progress_handler(step if counted else None, 1)
            started = time.perf_counter()
            # What is there already cannot be written again: its place was looked for all the same.
            with contextlib.suppress(sqlite3.IntegrityError):
                connection.execute(statement, one_of(parameters)).fetchall()
            seconds.append(time.perf_counter() - started)
            connection.set_progress_handler(None, 1)
            connection.execute("ROLLBACK")
        yield statement, Cost(steps, median(seconds[2:]))


if __name__ == "__main__":
    main()
