"""What one landed file and one node cost in SQL round trips, storage operations and calls of the Jobs API."""

from dataclasses import dataclass
from pathlib import Path

from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.world import World
from tests.sql_counting import SqlCounter

FEW, MANY = 4, 14


@dataclass(frozen=True)
class Costs:
    """Counts; the node's are of one attempt whose job ends before the first look at it."""

    sql: float
    storage: float
    jobs: float

    def __sub__(self, other: "Costs") -> "Costs":
        return Costs(self.sql - other.sql, self.storage - other.storage, self.jobs - other.jobs)

    def over(self, number: int) -> "Costs":
        return Costs(self.sql / number, self.storage / number, self.jobs / number)


def test_a_file_and_a_node_cost_what_the_documents_say(tmp_path: Path) -> None:
    few = _chain(tmp_path / "few", FEW)
    many = _chain(tmp_path / "many", MANY)
    per_node = (many - few).over(MANY - FEW)
    per_file, per_repeat = _file(tmp_path / "file")

    print(f"a node: {per_node}; a new file: {per_file} SQL round trips; a repeated event: {per_repeat}")
    # Room for a column more or less, not for a query per node of the run.
    assert per_node.sql <= 23
    assert per_node.storage <= 3
    assert per_node.jobs <= 3
    assert per_file <= 8
    assert per_repeat <= 8


def _chain(folder: Path, length: int) -> Costs:
    """Return what a whole run costs whose nodes form a chain."""
    folder.mkdir()
    product = a_product(
        *(
            a_transformation(f"build_t{number}", inputs=[f"t{number - 1}" if number else "orders_landed"])
            for number in range(length)
        ),
        run=RunSettings(settle_s=0),
    )
    world = World(folder, product, plan=Plan(takes_s=0.5))
    # Between the ticks the test looks at the books, which is not the app's doing.
    counter = SqlCounter(world.database.engine, lambda: not world.is_watched)
    world.land("sales/orders/orders_landed/a.csv")
    world.finish()
    # A result is found by a listing and then read.
    calls = world.lake.calls.total() + world.lake.calls["read_control_result"]
    costs = Costs(counter.round_trips, calls, world.jobs.calls.total())
    check_world(world)
    world.close()
    return costs


def _file(folder: Path) -> tuple[int, int]:
    """Return the round trips of a new file and of its repeated event, while the product's coordinator is at work."""
    folder.mkdir()
    world = World(folder, a_product(a_transformation(), run=RunSettings(settle_s=60)))
    world.land("sales/orders/orders_landed/first.csv")
    for _ in range(3):
        world.tick(0.1)
    counts = []
    for _ in range(2):
        world.land("sales/orders/orders_landed/second.csv")
        counter = SqlCounter(world.database.engine)
        world.tick(0.1)
        counts.append(counter.round_trips)
        counter.stop()
    world.close()
    return counts[0], counts[1]
