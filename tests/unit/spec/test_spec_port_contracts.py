"""What a port promises of its columns is known once a product is read, and is pinned with the node that builds it."""

from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import build_graph
from landfall.planning.promises import promised_rules
from landfall.spec.load import check_products, load_products
from landfall.spec.model import (
    Check,
    Column,
    Dataset,
    DatasetName,
    Layer,
    Port,
    Product,
    QualityRule,
    Severity,
    Write,
    WriteMode,
)
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

PORT = "  - {dataset: daily_sales, version: 1}\n"
BY_HAND = PRODUCT.replace(
    PORT, "  - {dataset: daily_sales, version: 1, contract: contracts/sales.odcs.yaml}\n"
)
CONTRACT_PATH = "data_products/sales/orders/contracts/sales.odcs.yaml"
CONTRACT = """\
kind: DataContract
schema:
  - name: daily_sales
    properties:
      - {name: revenue, physicalType: "DECIMAL(20, 2)"}
      - {name: margin, physicalType: double}
"""


def port_of(product: Product) -> Port:
    (port,) = product.ports
    return port


def test_a_port_promises_the_columns_that_its_steps_yield(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({}))

    columns = dict(port_of(product).columns)

    assert list(columns) == ["placed_on", "orders", "revenue"]
    assert columns["placed_on"] == "date"


def test_a_contract_by_hand_adds_its_columns_and_types(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({PRODUCT_PATH: BY_HAND, CONTRACT_PATH: CONTRACT}))

    columns = dict(port_of(product).columns)

    assert (columns["revenue"], columns["margin"]) == ("decimal(20,2)", "double")


def test_a_contract_that_is_not_there_or_cannot_be_read_is_a_fault(write_project: WriteProject) -> None:
    _, missing = check_products(write_project({PRODUCT_PATH: BY_HAND}))
    _, unknown = check_products(
        write_project({PRODUCT_PATH: BY_HAND, CONTRACT_PATH: CONTRACT.replace("double", "dubble")})
    )

    assert ["LF1042 no file 'contracts/sales.odcs.yaml'" in str(fault) for fault in missing] == [True]
    assert ["sales.odcs.yaml:6: LF1023 physicalType of 'margin'" in str(f) for f in unknown] == [True]


def test_what_a_contract_by_hand_requires_stops_the_node_that_breaks_it(write_project: WriteProject) -> None:
    keyed = CONTRACT + (
        "      - {name: orders, required: true, primaryKey: true, primaryKeyPosition: 2}\n"
        "      - {name: placed_on, primaryKey: true, primaryKeyPosition: 1}\n"
    )
    (product,) = load_products(write_project({PRODUCT_PATH: BY_HAND, CONTRACT_PATH: keyed}))

    definitions = NodeDefinitions(product, {})
    (node,) = (node for node in build_graph(product).nodes if node.output == "daily_sales")
    rules = {rule["name"]: rule for rule in definitions.of(node)["rules"]}

    assert rules["contract_v1_required"]["severity"] == "fail"
    assert rules["contract_v1_required"]["config"] == {"columns": ["orders"]}


def test_what_rules_of_the_product_keep_out_is_left_to_them() -> None:
    port = Port(DatasetName("orders"), 2, "c.odcs.yaml", required=("id", "paid", "note"), key=("day", "id"))
    own = Dataset(
        DatasetName("orders"),
        Layer.GOLD,
        columns=(Column("id", "int", nullable=False),),
        quality=(QualityRule("paid", Check.NOT_NULL, Severity.QUARANTINE, {"columns": ["paid"]}),),
    )

    loose = promised_rules(own, [port], Write(WriteMode.APPEND))
    keyed = promised_rules(own, [port], Write(WriteMode.MERGE, keys=("ID",)))

    assert [(rule.name, rule.check, rule.config["columns"]) for rule in loose] == [
        ("contract_v2_required", Check.NOT_NULL, ["note"]),
        ("contract_v2_key", Check.UNIQUE, ["day", "id"]),
    ]
    assert [rule.name for rule in keyed] == ["contract_v2_required"]


def test_the_node_that_builds_a_port_is_told_what_it_promises(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({PRODUCT_PATH: BY_HAND, CONTRACT_PATH: CONTRACT}))
    definitions = NodeDefinitions(product, {})
    outputs = {str(node.output): definitions.of(node)["output"] for node in build_graph(product).nodes}

    (contract,) = outputs["daily_sales"]["contracts"]
    assert contract["port"] == "sales/orders.daily_sales@1"
    assert contract["columns"]["margin"] == "double"
    assert "contracts" not in outputs["orders"]
