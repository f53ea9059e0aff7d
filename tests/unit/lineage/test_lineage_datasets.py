"""The edges between datasets that a plan implies."""

from landfall.lineage.datasets import DatasetEdge, dataset_edges
from landfall.planning.plan import NodeKey, Plan
from landfall.planning.select import make_plan
from tests.builders import a_product, a_transformation


def edges_of(plan: Plan) -> tuple[DatasetEdge, ...]:
    return dataset_edges(plan.product, ((node.key, node.definition) for node in plan.nodes))


def test_edges_lead_from_each_input_to_the_output_under_full_names() -> None:
    product = a_product(
        a_transformation("build_orders", inputs=["orders_landed", "crm/base.customer@3"], output="orders"),
        a_transformation("totals", inputs=["orders"]),
    )
    plan = make_plan(
        product, metadata_version=1, changed=["orders_landed"], published=["crm/base.customer@3"]
    )

    ingest, orders, totals = map(NodeKey, ("ingest.orders_landed", "build_orders", "totals"))
    assert edges_of(plan) == (
        DatasetEdge(ingest, "landing/sales/orders.orders_landed", "sales/orders.orders_landed"),
        DatasetEdge(orders, "sales/orders.orders_landed", "sales/orders.orders"),
        DatasetEdge(orders, "crm/base.customer", "sales/orders.orders"),
        DatasetEdge(totals, "sales/orders.orders", "sales/orders.totals"),
    )


def test_two_nodes_between_the_same_datasets_give_one_edge() -> None:
    product = a_product(
        a_transformation("first", output="orders"), a_transformation("second", output="orders")
    )
    plan = make_plan(product, metadata_version=1, changed=["orders_landed"], published=[])

    _, edge = edges_of(plan)
    assert edge.node == "first"
