"""Plans as people read them: why a node runs, as a tree, and as a Mermaid flowchart."""

from landfall.planning.draw import to_mermaid, to_text
from landfall.planning.explain import explain, reasons
from landfall.planning.plan import Plan
from landfall.planning.select import make_plan
from tests.builders import a_product, a_transformation


def a_diamond(*, rebuild: bool = False) -> Plan:
    """Return a plan in which two nodes read orders and one reads both, and a node left out."""
    product = a_product(
        a_transformation("build_orders", inputs=["orders_landed"], output="orders"),
        a_transformation("by_day", inputs=["orders"]),
        a_transformation("by_customer", inputs=["orders"]),
        a_transformation("report", inputs=["by_day", "by_customer"]),
        a_transformation("forecast", inputs=["by_day", "mobility/weather.hourly@1"]),
    )
    changed = [] if rebuild else ["orders_landed"]
    published = ["orders_landed"] if rebuild else []
    return make_plan(product, metadata_version=1, changed=changed, published=published, rebuild=rebuild)


def test_an_explanation_names_the_new_inputs_and_the_node_that_brings_them() -> None:
    explanation = explain(a_diamond())[-1]

    assert (explanation.node, explanation.new_inputs, explanation.cause) == (
        "report",
        ("by_day", "by_customer"),
        "by_day",
    )


def test_a_reason_is_the_chain_back_to_what_changed() -> None:
    assert reasons(a_diamond()) == {
        "ingest.orders_landed": "orders_landed has new data -> ingest.orders_landed",
        "build_orders": "orders_landed has new data -> ingest.orders_landed -> build_orders",
        "by_day": "orders_landed has new data -> ingest.orders_landed -> build_orders -> by_day",
        "by_customer": "orders_landed has new data -> ingest.orders_landed -> build_orders -> by_customer",
        "report": "orders_landed has new data -> ingest.orders_landed -> build_orders -> by_day -> report",
    }


def test_the_reasons_of_a_rebuild_begin_at_the_first_node_built() -> None:
    told = reasons(a_diamond(rebuild=True))

    assert told["build_orders"] == "everything is built again"
    assert told["by_day"] == "build_orders is built again -> by_day"


def test_a_changed_table_begins_a_chain_at_its_reader() -> None:
    product = a_product(a_transformation("totals", inputs=["crm/customers.customer@1"]))
    port = ["crm/customers.customer@1"]

    told = reasons(make_plan(product, metadata_version=1, changed=port, published=port))

    assert told == {"totals": "crm/customers.customer@1 has new data -> totals"}


def test_a_long_chain_is_shortened_in_the_middle() -> None:
    chain = [a_transformation(f"t{n}", inputs=[f"d{n}"], output=f"d{n + 1}") for n in range(10)]
    plan = make_plan(a_product(*chain, landed=["d0"]), metadata_version=1, changed=["d0"], published=[])

    assert reasons(plan)["t9"] == "d0 has new data -> ingest.d0 -> … 6 more … -> t6 -> t7 -> t8 -> t9"


def test_the_tree_draws_each_node_in_full_once() -> None:
    assert to_text(a_diamond()) == (
        "ingest.orders_landed -> orders_landed\n"
        "└─ build_orders -> orders\n"
        "   ├─ by_day\n"
        "   │  └─ report\n"
        "   └─ by_customer\n"
        "      └─ report ^\n"
        "\n"
        "left out:\n"
        "  forecast: reads mobility/weather.hourly@1, which has never been published "
        "and is not built by this run\n"
    )


def test_a_chain_longer_than_the_call_stack_is_drawn() -> None:
    chain = [a_transformation(f"t{n}", inputs=[f"d{n}"], output=f"d{n + 1}") for n in range(1200)]
    plan = make_plan(a_product(*chain, landed=["d0"]), metadata_version=1, changed=["d0"], published=[])

    assert to_text(plan).count("\n") == 1201


def test_the_flowchart_has_every_node_edge_and_left_out_node() -> None:
    assert to_mermaid(a_diamond()).splitlines() == [
        "flowchart LR",
        '  n0[("ingest.orders_landed")]',
        '  n1["build_orders"]',
        '  n2["by_day"]',
        '  n3["by_customer"]',
        '  n4["report"]',
        "  n0 --> n1",
        "  n1 --> n2",
        "  n1 --> n3",
        "  n2 --> n4",
        "  n3 --> n4",
        '  x0["forecast"]:::left_out',
        "  classDef left_out stroke-dasharray: 4 4,color:#777",
    ]
