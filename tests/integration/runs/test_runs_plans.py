"""The pinned plan: row by row into SQL and back, and no value of it grows with the number of its nodes."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.inserting import ROWS_AT_ONCE
from landfall.metadata.tables import data_products, metadata, runs
from landfall.planning.plan import Plan
from landfall.planning.ranking import NOTHING_KNOWN, ranks
from landfall.planning.select import make_plan
from landfall.runs.ids import RunID
from landfall.runs.plans import read_plan, write_plan
from landfall.spec.model import ExecutionMode, Layer, Product, RunSettings
from landfall.spec.payload import OBJECTS_OF_A_PART
from tests.builders import a_product, a_transformation
from tests.databases import a_database
from tests.integration.runs.acting import NOW, apply, begin, land
from tests.sql_counting import SqlCounter

RUN = RunID("r1")
AIRPORT = "mobility/airports.airport@3"
# Inputs neither in the order of the plan nor of the alphabet, and a node for which there is nothing to read.
TANGLED = a_product(
    a_transformation("build_z", inputs=[AIRPORT, "orders_landed"]),
    a_transformation("build_b", inputs=["z", "orders_landed"]),
    a_transformation("build_a", inputs=["b", AIRPORT, "z"], depends_on=["build_b"]),
    a_transformation("build_left", inputs=["never", "z"]),
    a_transformation("build_never", inputs=["nothing_landed"]),
    landed=["orders_landed", "nothing_landed"],
)


def a_plan(product: Product) -> Plan:
    plan = make_plan(
        product,
        metadata_version=1,
        changed={"orders_landed"},
        published={AIRPORT},
        port_layers={AIRPORT: Layer.GOLD},
    )
    return plan.with_ports_at({AIRPORT: 7})


def test_a_plan_is_read_back_as_it_was_written(database: Database) -> None:
    plan = _written(database, a_plan(TANGLED))

    found, digest, definitions = database.read(
        lambda c: (
            (read := read_plan(c, RUN)),
            read.sha256(),
            [node.definition for node in reversed(read.nodes)],
        )
    )

    assert found == plan
    assert plan.nodes[-1].inputs == ("b", AIRPORT, "z")
    assert list(plan.left_out) == ["build_left"]
    assert digest == plan.sha256() == sha256(_compact(plan.to_payload())).hexdigest()
    assert definitions == [node.definition for node in reversed(plan.nodes)]
    assert definitions[0]["inputs"][1]["version"] == 7


def test_a_plan_that_differs_in_anything_has_another_hash() -> None:
    plan = a_plan(TANGLED)
    *before, last = plan.nodes
    others = [
        plan,
        replace(plan, metadata_version=2),
        replace(plan, changed=("z",)),
        replace(plan, left_out={}),
        replace(plan, nodes=tuple(before)),
        replace(plan, nodes=(*before, replace(last, pinned=lambda _: {**last.definition, "steps": []}))),
        plan.with_ports_at({AIRPORT: 8}),
    ]

    assert len({other.sha256() for other in others}) == len(others)


def test_definitions_are_read_by_the_hundreds(database: Database) -> None:
    nodes = ROWS_AT_ONCE + 20
    _written(database, make_plan(_chain(nodes), metadata_version=1, changed={"orders_landed"}, published=()))

    def walk(connection: sa.Connection) -> tuple[int, int]:
        plan = read_plan(connection, RUN)
        counter = SqlCounter(database.engine)
        steps = sum(len(node.definition["steps"]) for node in plan.nodes)
        counter.stop()
        return steps, counter.round_trips

    assert database.read(walk) == (nodes, 2)


@pytest.mark.parametrize("execution", list(ExecutionMode))
def test_no_value_in_the_store_grows_with_the_nodes_of_a_product(
    tmp_path: Path, execution: ExecutionMode
) -> None:
    few, many = (
        _largest_values(tmp_path / str(nodes), _chain(nodes, execution))
        for nodes in (2 * OBJECTS_OF_A_PART, 6 * OBJECTS_OF_A_PART)
    )

    # The nodes of both are named by as many characters, and written in the same way.
    assert {name for name in many if many[name] > 1.1 * few[name] + 8} == set()
    assert max(many, key=many.__getitem__) == "MetadataVersionParts.Spec"


def _largest_values(folder: Path, product: Product) -> dict[str, int]:
    """Return the length of the longest text of each column after a run of a product has been opened."""
    folder.mkdir()
    database = a_database(folder)
    apply(database, product)
    land(database)
    assert begin(database, RUN) == RUN

    def look(connection: sa.Connection) -> dict[str, int]:
        return {
            f"{table.name}.{column.name}": connection.execute(
                sa.select(sa.func.coalesce(sa.func.max(sa.func.length(sa.cast(column, sa.Text))), 0))
            ).scalar_one()
            for table in metadata.sorted_tables
            for column in table.columns
        }

    found = database.read(look)
    database.close()
    return found


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _chain(nodes: int, execution: ExecutionMode = ExecutionMode.SINGLE) -> Product:
    """Return a product in which one node reads what the one before it builds."""
    return a_product(
        *(
            a_transformation(f"build_{number:04}", inputs=[f"{number - 1:04}" if number else "orders_landed"])
            for number in range(nodes)
        ),
        run=RunSettings(execution=execution),
    )


def _written(database: Database, plan: Plan) -> Plan:
    apply(database, a_product(a_transformation()))

    def write(connection: sa.Connection) -> None:
        product_id: int = connection.execute(sa.select(data_products.c.DataProductID)).scalar_one()
        connection.execute(
            sa.insert(runs).values(
                RunID=RUN,
                DataProductID=product_id,
                MetadataVersion=1,
                Trigger="landing",
                State="pending",
                NodeCount=len(plan.nodes),
                OpenNodes=len(plan.nodes),
                MaxParallelNodes=8,
                Settings={},
                CreatedAt=NOW,
            )
        )
        write_plan(connection, RUN, product_id, plan, {}, ranks(plan, NOTHING_KNOWN))

    database.transact(write)
    return plan
