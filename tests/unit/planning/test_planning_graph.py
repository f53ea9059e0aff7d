"""The graph of a product: what its edges are, in which order its nodes stand, and how a circle is told."""

import pytest
from hypothesis import given

from landfall.planning.graph import CyclicDependency, Graph, build_graph
from landfall.planning.plan import NodeKind
from landfall.planning.select import make_plan
from landfall.spec.model import Check, Product
from tests.builders import a_built_dataset, a_landed_dataset, a_product, a_rule, a_transformation
from tests.unit.planning.strategies import products


def keys(graph: Graph) -> list[str]:
    return [node.key for node in graph.nodes]


def test_a_landed_dataset_has_an_ingest_node() -> None:
    graph = build_graph(a_product(landed=["orders_landed"]))

    (node,) = graph.nodes
    assert (node.key, node.kind, node.output) == ("ingest.orders_landed", NodeKind.INGEST, "orders_landed")


def test_edges_follow_from_inputs_and_outputs() -> None:
    graph = build_graph(
        a_product(
            a_transformation("build_orders", inputs=["orders_landed"], output="orders"),
            a_transformation("build_totals", inputs=["orders", "customers/crm.customer@2"], output="totals"),
        )
    )

    reads_from = {node.key: node.reads_from for node in graph.nodes}
    assert reads_from == {
        "ingest.orders_landed": (),
        "build_orders": ("ingest.orders_landed",),
        "build_totals": ("build_orders",),
    }


def test_depends_on_orders_nodes_that_share_no_data() -> None:
    graph = build_graph(
        a_product(
            a_transformation("first", depends_on=["second"]),
            a_transformation("second"),
        )
    )

    assert keys(graph) == ["ingest.orders_landed", "second", "first"]
    assert graph.nodes[-1].runs_after == ("second",)


def test_a_dependency_that_data_already_shows_is_one_edge() -> None:
    graph = build_graph(
        a_product(
            a_transformation("build_orders", output="orders"),
            a_transformation("build_totals", inputs=["orders"], depends_on=["build_orders"]),
        )
    )

    assert graph.nodes[-1].predecessors == ("build_orders",)


def test_nodes_that_become_ready_together_stand_as_declared() -> None:
    graph = build_graph(
        a_product(*(a_transformation(name) for name in ("c", "a", "b")), landed=["orders_landed", "a_landed"])
    )

    assert keys(graph) == ["ingest.orders_landed", "ingest.a_landed", "c", "a", "b"]


def test_a_circle_is_told_with_its_path_in_the_direction_of_the_data() -> None:
    product = a_product(
        a_transformation("outside", inputs=["c"]),
        a_transformation("build_b", inputs=["a", "orders_landed"], output="b"),
        a_transformation("build_c", inputs=["b"], output="c"),
        a_transformation("build_a", inputs=["c"], output="a"),
    )

    with pytest.raises(CyclicDependency, match="build_b -> build_c -> build_a -> build_b") as caught:
        build_graph(product)

    assert caught.value.path == ("build_b", "build_c", "build_a", "build_b")


def test_a_node_that_reads_its_own_output_is_a_circle() -> None:
    product = a_product(a_transformation("build_a", inputs=["a"], output="a"))

    with pytest.raises(CyclicDependency) as caught:
        build_graph(product)

    assert caught.value.path == ("build_a", "build_a")


def test_a_circle_through_depends_on_is_found() -> None:
    product = a_product(
        a_transformation("build_a", output="a", depends_on=["build_b"]),
        a_transformation("build_b", inputs=["a"], output="b"),
    )

    with pytest.raises(CyclicDependency) as caught:
        build_graph(product)

    assert caught.value.path == ("build_a", "build_b", "build_a")


def test_a_reference_to_nothing_adds_no_edge() -> None:
    graph = build_graph(a_product(a_transformation("build_a", inputs=["nowhere"], depends_on=["nobody"])))

    assert graph.nodes[-1].predecessors == ()


def test_a_chain_longer_than_the_call_stack_is_ordered() -> None:
    chain = [
        a_transformation(f"t{number}", inputs=[f"d{number}"], output=f"d{number + 1}")
        for number in range(3000)
    ][::-1]

    graph = build_graph(a_product(*chain, landed=[a_landed_dataset("d0")]))

    assert keys(graph) == ["ingest.d0", *(f"t{number}" for number in range(3000))]


@given(products())
def test_every_node_stands_once_and_after_its_predecessors(product: Product) -> None:
    graph = build_graph(product)

    seen: set[str] = set()
    for node in graph.nodes:
        assert node.key not in seen
        assert seen.issuperset(node.predecessors)
        seen.add(node.key)
    landed = sum(dataset.landing is not None for dataset in product.datasets)
    assert len(seen) == landed + len(product.transformations)


def test_a_dataset_that_a_rule_looks_values_up_in_is_read_like_an_input() -> None:
    known = a_rule(check=Check.FOREIGN_KEY, config={"columns": ["id"], "references": "customers"})
    product = a_product(
        a_transformation("build_orders", inputs=["orders_landed"], output="orders"),
        a_transformation("build_customers", inputs=["customers_landed"], output="customers"),
        built=[a_built_dataset("orders", quality=[known, known]), a_built_dataset("customers")],
        landed=["orders_landed", "customers_landed"],
    )

    plan = make_plan(product, metadata_version=1, changed=["customers_landed"], published=["orders_landed"])

    (orders,) = (node for node in plan.nodes if node.key == "build_orders")
    assert orders.inputs == ("orders_landed", "customers")
    assert orders.depends_on == ("build_customers",)
    assert [item["name"] for item in orders.definition["inputs"]] == ["orders_landed", "customers"]


def test_a_rule_over_an_input_adds_nothing() -> None:
    known = a_rule(check=Check.FOREIGN_KEY, config={"columns": ["id"], "references": "orders_landed"})
    product = a_product(a_transformation("build_orders"), built=[a_built_dataset("orders", quality=[known])])

    assert [len(node.inputs) for node in build_graph(product).nodes] == [0, 1]
