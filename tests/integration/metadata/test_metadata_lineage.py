"""Column lineage on a real database: written with each version, walked from either end."""

import pytest

from landfall.lineage.traces import DatasetColumn
from landfall.metadata.apply import apply_products, rollback
from landfall.metadata.catalog import DatasetNotApplied
from landfall.metadata.engine import Database
from landfall.metadata.lineage import Direction, UnknownColumn, find_subject, walk
from landfall.spec.model import Column, DatasetName, Port, Product, Step, StepType
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.runs.acting import NOW

LANDED = a_landed_dataset("landed", columns=[Column("id", "int"), Column("net", "int"), Column("tax", "int")])


def orders(*, gross: str = "net + tax") -> Product:
    return a_product(
        a_transformation(
            "build_clean", inputs=["landed"], steps=[Step(StepType.DERIVE, {"gross": gross})], output="clean"
        ),
        a_transformation(
            "build_totals",
            inputs=["clean"],
            steps=[
                Step(StepType.FILTER, "id > 0"),
                Step(StepType.AGGREGATE, {"by": [], "measures": {"total": "sum(gross)"}}),
            ],
            output="totals",
        ),
        landed=[LANDED],
        ports=[Port(DatasetName("totals"), 1)],
    )


def report() -> Product:
    return a_product(
        a_transformation(
            "build_shown", inputs=["sales/orders.totals@1"], steps=[Step(StepType.SELECT, ["*"])]
        ),
        landed=[],
        name="report",
    )


def apply(database: Database, *products: Product) -> None:
    apply_products(database, products, actor="ada", now=NOW)


def sources(database: Database, subject: str, direction: Direction, depth: int | None = None) -> set[str]:
    """Return both ends of every edge on the way, without the subject itself."""
    start = database.read(lambda c: find_subject(c, subject))
    links = database.read(lambda c: walk(c, start, direction, depth=depth))
    ends = {str(link.source if direction is Direction.UPSTREAM else link.target) for link in links}
    return {end.removeprefix("sales/orders.") for end in ends}


def test_a_column_is_followed_to_the_landed_files_across_products(database: Database) -> None:
    apply(database, report(), orders())

    found = sources(database, "sales/report.shown.total", Direction.UPSTREAM)

    assert {"totals.total", "clean.gross", "landed.net", "landed.tax", "landed.id"} <= found


def test_what_breaks_if_a_column_goes(database: Database) -> None:
    apply(database, orders(), report())

    assert sources(database, "landed.tax", Direction.DOWNSTREAM) >= {
        "clean.tax",
        "clean.gross",
        "totals.total",
        "sales/report.shown.total",
    }
    assert sources(database, "totals", Direction.DOWNSTREAM) == {"sales/report.shown.total"}
    # A column that decides about rows reaches all of the target.
    assert "totals.*" in sources(database, "clean.id", Direction.DOWNSTREAM)


def test_a_walk_stops_at_the_depth_asked_for(database: Database) -> None:
    apply(database, orders())

    assert sources(database, "totals.total", Direction.UPSTREAM, depth=1) == {"clean.gross", "clean.id"}


def test_lineage_is_that_of_the_current_version(database: Database) -> None:
    apply(database, orders())
    apply(database, orders(gross="net * 2"))
    assert "landed.tax" not in sources(database, "clean.gross", Direction.UPSTREAM)

    rollback(database, "sales/orders", actor="ada", now=NOW)

    assert "landed.tax" in sources(database, "clean.gross", Direction.UPSTREAM)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("clean", DatasetColumn("sales/orders.clean", "*")),
        ("sales/orders.clean", DatasetColumn("sales/orders.clean", "*")),
        ("clean.GROSS", DatasetColumn("sales/orders.clean", "gross")),
        ("sales/orders.landed.net", DatasetColumn("sales/orders.landed", "net")),
    ],
)
def test_a_subject_is_named_short_or_in_full(database: Database, text: str, subject: DatasetColumn) -> None:
    apply(database, orders())

    assert database.read(lambda c: find_subject(c, text)) == subject


def test_what_is_not_there_is_refused_with_the_nearest_name(database: Database) -> None:
    apply(database, orders())

    with pytest.raises(UnknownColumn, match="did you mean 'gross'"):
        database.read(lambda c: find_subject(c, "clean.grosss"))
    with pytest.raises(DatasetNotApplied, match="did you mean 'clean'"):
        database.read(lambda c: find_subject(c, "clear"))
