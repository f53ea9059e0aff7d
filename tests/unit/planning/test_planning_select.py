"""What a run executes: chosen nodes, those left out, priorities and the pinned plan."""

import json
from collections.abc import Collection
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from landfall.planning.graph import build_graph
from landfall.planning.plan import Plan, definition_text
from landfall.planning.select import make_plan, select_nodes
from landfall.spec.model import (
    Check,
    Column,
    FileFormat,
    Layer,
    Port,
    Product,
    Severity,
    Source,
    SourceType,
    Step,
    StepType,
    Write,
    WriteMode,
)
from tests.builders import a_built_dataset, a_landed_dataset, a_product, a_rule, a_transformation
from tests.unit.planning.strategies import dataset_names, landed_names, products

AIRPORT = "mobility/airports.airport@1"


def two_branches() -> Product:
    """Return orders and customers, each landed and cleaned, and totals over both."""
    return a_product(
        a_transformation("build_orders", inputs=["orders_landed"], output="orders"),
        a_transformation("build_customers", inputs=["customers_landed"], output="customers"),
        a_transformation("build_totals", inputs=["orders", "customers"], output="totals"),
        landed=["orders_landed", "customers_landed"],
    )


def a_plan(
    product: Product,
    *,
    changed: Collection[str] = (),
    published: Collection[str] = (),
    rebuild: bool = False,
) -> Plan:
    return make_plan(product, metadata_version=3, changed=changed, published=published, rebuild=rebuild)


def keys(plan: Plan) -> list[str]:
    return [node.key for node in plan.nodes]


def test_only_what_is_downstream_of_the_change_runs() -> None:
    plan = a_plan(two_branches(), changed=["orders_landed"], published=["customers"])

    assert keys(plan) == ["ingest.orders_landed", "build_orders", "build_totals"]
    assert plan.left_out == {}


def test_a_node_whose_input_was_never_published_is_left_out_with_the_reason() -> None:
    plan = a_plan(two_branches(), changed=["orders_landed"])

    assert keys(plan) == ["ingest.orders_landed", "build_orders"]
    assert plan.left_out == {
        "build_totals": "reads customers, which has never been published and is not built by this run"
    }


def test_what_reads_a_left_out_node_is_left_out_and_says_so() -> None:
    product = a_product(
        a_transformation("build_a", inputs=["orders_landed", AIRPORT], output="a"),
        a_transformation("build_b", inputs=["a"], output="b"),
    )

    plan = a_plan(product, changed=["orders_landed"])

    assert keys(plan) == ["ingest.orders_landed"]
    assert plan.left_out == {
        "build_a": f"reads {AIRPORT}, which has never been published and is not built by this run",
        "build_b": "reads a, whose node build_a is left out",
    }


def test_a_published_foreign_port_lets_its_reader_run() -> None:
    product = a_product(a_transformation("build_a", inputs=["orders_landed", AIRPORT], output="a"))

    plan = a_plan(product, changed=["orders_landed"], published=[AIRPORT])

    assert keys(plan) == ["ingest.orders_landed", "build_a"]
    assert plan.nodes[1].inputs == ("orders_landed", AIRPORT)


def test_new_data_in_a_foreign_port_runs_its_readers() -> None:
    product = a_product(a_transformation("build_a", inputs=[AIRPORT], output="a"))

    plan = a_plan(product, changed=[AIRPORT], published=[AIRPORT])

    assert keys(plan) == ["build_a"]


def test_an_old_table_behind_a_left_out_node_starts_nothing() -> None:
    # The table `a` exists from before its node began to read a port that nobody has published.
    product = a_product(
        a_transformation("build_a", inputs=["orders_landed", AIRPORT], output="a"),
        a_transformation("build_b", inputs=["a"], output="b"),
    )

    plan = a_plan(product, changed=["orders_landed"], published=["a"])

    assert keys(plan) == ["ingest.orders_landed"]
    assert plan.left_out["build_b"] == "nothing new reaches it: reads a, whose node build_a is left out"


def test_depends_on_is_an_order_and_no_reason_to_run() -> None:
    product = a_product(
        a_transformation("build_orders", inputs=["orders_landed"]),
        a_transformation("build_customers", inputs=["customers_landed"], depends_on=["build_orders"]),
        landed=["orders_landed", "customers_landed"],
    )

    only_orders = a_plan(product, changed=["orders_landed"], published=["customers_landed"])
    both = a_plan(product, changed=["orders_landed", "customers_landed"])

    assert keys(only_orders) == ["ingest.orders_landed", "build_orders"]
    assert both.nodes[-1].depends_on == ("ingest.customers_landed", "build_orders")


def test_dependencies_name_nodes_of_the_plan_only() -> None:
    plan = a_plan(two_branches(), changed=["orders_landed"], published=["customers"])

    assert plan.nodes[-1].depends_on == ("build_orders",)


def test_a_rebuild_starts_at_the_tables_without_any_landed_file() -> None:
    plan = a_plan(two_branches(), published=["orders_landed", "customers_landed"], rebuild=True)

    assert keys(plan) == ["build_orders", "build_customers", "build_totals"]
    assert plan.changed == ()


def test_a_rebuild_leaves_out_what_has_no_input_yet() -> None:
    plan = a_plan(two_branches(), published=["orders_landed"], rebuild=True)

    assert keys(plan) == ["build_orders"]
    assert list(plan.left_out) == ["build_customers", "build_totals"]


def test_a_rebuild_takes_waiting_files_along() -> None:
    plan = a_plan(two_branches(), changed=["customers_landed"], published=["orders_landed"], rebuild=True)

    assert keys(plan) == ["ingest.customers_landed", "build_orders", "build_customers", "build_totals"]


def test_a_dataset_that_the_product_no_longer_has_is_named_and_stops_nothing() -> None:
    plan = a_plan(two_branches(), changed=["orders_landed", "gone"])

    assert keys(plan) == ["ingest.orders_landed", "build_orders"]
    assert plan.left_out["ingest.gone"] == "sales/orders has no dataset gone"


def test_an_ingest_node_pins_what_its_job_needs() -> None:
    landed = a_landed_dataset(
        columns=[Column("id", "int", nullable=False)],
        quality=[a_rule("id_range", check=Check.RANGE, config={"column": "id", "min": 1}, filter="id > 0")],
    )
    product = replace(
        a_product(landed=[landed]),
        sources=(Source("files", SourceType.FILE, FileFormat.CSV, options={"null_value": "NA"}),),
    )

    plan = a_plan(product, changed=["orders_landed"])

    column = {"name": "id", "type": "int", "nullable": False}
    assert plan.nodes[0].definition == {
        "kind": "ingest",
        "source": {"format": "csv", "options": {"null_value": "NA"}, "captured": [], "drift": "quarantine"},
        "inputs": [],
        "columns": [column],
        "steps": [],
        "rules": [
            {
                "name": "id_range",
                "check": "range",
                "severity": "quarantine",
                "config": {"column": "id", "min": 1},
                "filter": "id > 0",
            }
        ],
        "output": {
            "dataset": "orders_landed",
            "layer": "bronze",
            "write": {"mode": "append", "keys": []},
            "columns": [column],
        },
        "load": None,
    }


def test_a_transformation_pins_what_its_job_needs() -> None:
    product = a_product(
        a_transformation(
            "build_orders",
            inputs=["orders_landed", AIRPORT],
            output="orders",
            layer=Layer.GOLD,
            steps=[Step(StepType.JOIN, {"with": "airport", "on": ("id",)})],
            write=Write(WriteMode.MERGE, ("id",)),
        ),
        built=[a_built_dataset("orders", layer=Layer.GOLD, quality=[a_rule(severity=Severity.FAIL)])],
    )

    plan = make_plan(
        product,
        metadata_version=1,
        changed=["orders_landed"],
        published=[AIRPORT],
        port_layers={AIRPORT: Layer.SILVER},
    )

    assert plan.nodes[1].definition == {
        "kind": "transform",
        "source": None,
        "inputs": [
            {
                "name": "orders_landed",
                "dataset": "orders_landed",
                "layer": "bronze",
                "product": "sales/orders",
                "version": None,
            },
            {
                "name": "airport",
                "dataset": "airport",
                "layer": "silver",
                "product": "mobility/airports",
                "version": None,
            },
        ],
        "columns": [],
        "steps": [{"type": "join", "config": {"with": "airport", "on": ["id"]}}],
        "rules": [
            {
                "name": "id_known",
                "check": "not_null",
                "severity": "fail",
                "config": {"columns": ["id"]},
                "filter": None,
            }
        ],
        "output": {
            "dataset": "orders",
            "layer": "gold",
            "write": {"mode": "merge", "keys": ["id"]},
            "columns": [],
        },
        "load": None,
    }


def test_the_hash_does_not_depend_on_what_no_node_of_the_plan_uses() -> None:
    product = two_branches()
    unused = Source("unused", SourceType.FILE, FileFormat.JSON)
    same = replace(
        product,
        description="Another text.",
        sources=(unused, *product.sources),
        datasets=product.datasets[:2] + product.datasets[:1:-1],
        ports=(Port(product.datasets[0].name, 1),),
    )

    first = a_plan(product, changed=["customers_landed", "orders_landed"], published=["a", "b"]).sha256()
    second = a_plan(same, changed=["orders_landed", "customers_landed"], published=["b", "a"]).sha256()

    assert first == second


def test_the_hash_changes_with_what_a_node_does() -> None:
    product = two_branches()
    other_filter = replace(product.transformations[0], steps=(Step(StepType.FILTER, "id > 7"),))
    other = replace(product, transformations=(other_filter, *product.transformations[1:]))

    changed = ["orders_landed"]

    assert a_plan(product, changed=changed).sha256() != a_plan(other, changed=changed).sha256()


@given(st.data())
def test_the_selection_equals_a_naive_one(data: st.DataObject) -> None:
    product = data.draw(products())
    changed = data.draw(landed_names(product))
    published = data.draw(dataset_names(product))
    rebuild = data.draw(st.booleans())

    selection = select_nodes(build_graph(product), changed=changed, published=published, rebuild=rebuild)

    assert {node.key for node in selection.nodes} == naive_selection(product, changed, published, rebuild)
    assert not {node.key for node in selection.nodes} & set(selection.left_out)


@given(st.data())
def test_every_node_that_new_data_reaches_runs_or_is_left_out(data: st.DataObject) -> None:
    product = data.draw(products())
    changed = data.draw(landed_names(product))
    published = data.draw(dataset_names(product))

    plan = a_plan(product, changed=changed, published=published)

    assert {*keys(plan), *plan.left_out} == naively_reached(product, changed)


@given(st.data())
def test_the_plan_has_predecessors_first(data: st.DataObject) -> None:
    product = data.draw(products())
    plan = a_plan(
        product, changed=data.draw(landed_names(product)), published=data.draw(dataset_names(product))
    )

    seen: set[str] = set()
    for node in plan.nodes:
        assert seen.issuperset(node.depends_on)
        seen.add(node.key)


def naive_selection(
    product: Product, changed: Collection[str], published: Collection[str], rebuild: bool
) -> set[str]:
    """Return the chosen keys by adding nodes until nothing more can be added."""
    chosen = {f"ingest.{name}" for name in changed}
    built = set(changed)
    while True:
        more = {
            transformation
            for transformation in product.transformations
            if transformation.name not in chosen
            and (rebuild or any(str(ref) in built for ref in transformation.inputs))
            # A node waits for every builder of its inputs that runs, so an input that is built later
            # in this loop is available as well.
            and all(str(ref) in built or str(ref) in published for ref in transformation.inputs)
        }
        if not more:
            return chosen
        chosen |= {str(transformation.name) for transformation in more}
        built |= {str(transformation.output.dataset) for transformation in more}


def naively_reached(product: Product, changed: Collection[str]) -> set[str]:
    """Return the ingest nodes of what changed and every transformation on a path from there."""
    nodes = {f"ingest.{name}" for name in changed}
    datasets = set(changed)
    for _ in product.transformations:
        for transformation in product.transformations:
            if any(str(ref) in datasets for ref in transformation.inputs):
                nodes.add(transformation.name)
                datasets.add(transformation.output.dataset)
    return nodes


def test_the_order_of_measures_survives_storage_and_counts() -> None:
    def plan_with(measures: dict[str, str]) -> Plan:
        step = Step(StepType.AGGREGATE, {"by": ["day"], "measures": measures})
        return a_plan(a_product(a_transformation(steps=[step])), changed=["orders_landed"])

    declared = plan_with({"orders": "count(*)", "amount": "sum(amount)"})
    stored = json.loads(definition_text(declared.nodes[1].definition))

    assert list(stored["steps"][0]["config"]["measures"]) == ["orders", "amount"]
    assert declared.sha256() != plan_with({"amount": "sum(amount)", "orders": "count(*)"}).sha256()
