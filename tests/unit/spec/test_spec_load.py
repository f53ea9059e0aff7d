"""From the files of a project to its products: variables, files beside, other products, targets."""

from pathlib import Path

import pytest

from landfall.spec.faults import InvalidSpec, NoProject, UnknownProduct, UnknownTarget
from landfall.spec.load import check_products, load_products
from landfall.spec.model import Layer, RunSettings, Schedule, Severity
from landfall.spec.project import find_project, load_project
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

CONSUMER_PATH = "data_products/finance/revenue/product.yml"
CONSUMER = """\
api_version: landfall/v1
domain: finance
name: revenue
owner: {team: finance, email: finance@example.com}
transformations:
  - name: monthly
    inputs: [sales/orders.daily_sales@1]
    steps:
      - aggregate: {by: [placed_on], measures: {revenue: sum(revenue)}}
    output: {dataset: monthly, layer: gold}
"""


def test_the_project_is_found_from_any_folder_below(write_project: WriteProject) -> None:
    root = write_project({})

    assert find_project(root / "data_products" / "sales") == root


def test_no_project_is_said_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NoProject, match="landfall init"):
        find_project(tmp_path)


def test_a_project_file_gives_targets_variables_and_defaults(write_project: WriteProject) -> None:
    root = write_project(
        {
            "landfall.yml": "name: shop\ndefault_target: dev\n"
            "targets:\n  dev: {job_id: 7, storage_account: lakedev, variables: {folder: in}}\n  prod: {}\n"
            "variables: {folder: orders}\ndefaults: {run: {settle: 2s, retries: 5, timeout: 2h}}\n"
        }
    )

    project = load_project(root)

    assert project.default_target == "dev"
    assert project.targets["dev"].settings == {"job_id": 7, "storage_account": "lakedev"}
    assert project.variables_for() == {"folder": "in"}
    assert project.variables_for("prod") == {"folder": "orders"}
    assert project.run == RunSettings(
        settle_s=2.0, retries=5, node_timeout_s=7200, stated=("node_timeout_s", "retries", "settle_s")
    )
    with pytest.raises(UnknownTarget, match="did you mean 'prod'"):
        project.variables_for("prd")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: shop\ntargts: {}\n", "landfall.yml:2: LF1020 unknown key 'targts'; did you mean 'targets'?"),
        (
            "name: shop\ntargets:\n  dev: {storage_acount: x}\n",
            "landfall.yml:3: LF1020 unknown key 'storage_acount'; did you mean 'storage_account'?",
        ),
        ("targets: {}\n", "landfall.yml:1: LF1021 key 'name' is missing; add name:"),
        (
            "name: shop\ntargets:\n  dev:\n    databricks_token: dapi123\n",
            "landfall.yml:4: LF1024 a project file holds no secrets; remove it; secrets come from the environment "
            "or from a managed identity",
        ),
        (
            "name: shop\ntargets:\n  dev:\n    database_url: mssql+pyodbc://sa:hunter2@db/x\n",
            "landfall.yml:4: LF1024 database_url of target 'dev' holds a password; remove it; Landfall signs in with "
            "an Entra token",
        ),
        (
            "name: shop\ndefault_target: pord\ntargets: {prod: {}}\n",
            "landfall.yml:2: LF1040 unknown target 'pord'; did you mean 'prod'?",
        ),
    ],
)
def test_a_faulty_project_file_says_where(write_project: WriteProject, text: str, line: str) -> None:
    root = write_project({"landfall.yml": text})

    with pytest.raises(InvalidSpec) as raised:
        load_project(root)

    assert [str(fault) for fault in raised.value.faults] == [line]


def test_variables_keep_their_type_and_differ_by_target(write_project: WriteProject) -> None:
    project = (
        "name: shop\nvariables: {folder: orders, smallest: 0}\ntargets: {prod: {variables: {smallest: 5}}}\n"
    )
    text = PRODUCT.replace('"orders/*.csv"', '"${var.folder}/*.csv"').replace(
        "min: 0", "min: '${var.smallest}'"
    )
    root = write_project({"landfall.yml": project, PRODUCT_PATH: text})

    (here,) = load_products(root)
    (there,) = load_products(root, target="prod")

    assert here.datasets[0].landing == "orders/*.csv"
    assert [product.datasets[0].quality[0].config["min"] for product in (here, there)] == [0, 5]


def test_run_defaults_of_the_project_hold_where_the_product_says_nothing(write_project: WriteProject) -> None:
    root = write_project({"landfall.yml": "name: shop\ndefaults: {run: {settle: 9s, retries: 4}}\n"})

    (product,) = load_products(root)

    assert product.run == RunSettings(
        schedules=(Schedule("0 6 * * *"),),
        settle_s=0.5,
        retries=4,
        stated=("on_landing", "on_upstream", "retries", "schedules", "settle_s"),
    )


def test_a_built_dataset_is_listed_although_the_file_says_nothing_of_it(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({}))

    assert [(dataset.name, dataset.layer, dataset.landing) for dataset in product.datasets] == [
        ("orders_landed", Layer.BRONZE, "orders/*.csv"),
        ("customers_landed", Layer.BRONZE, "customers/*.parquet"),
        ("orders", Layer.SILVER, None),
        ("daily_sales", Layer.GOLD, None),
    ]


def test_a_long_product_moves_objects_into_files_beside_it(write_project: WriteProject) -> None:
    folder = "data_products/sales/orders"
    root = write_project(
        {
            f"{folder}/datasets/returns.yml": "name: returns_landed\nsource: files\n"
            'landing: {path: "returns/*.csv"}\ncolumns: [{name: order_id, type: bigint}]\n',
            f"{folder}/transformations/returns.yml": "- name: clean_returns\n  inputs: [returns_landed]\n"
            "  steps: [{dedupe: {keys: [order_id]}}]\n  output: {dataset: returns, layer: silver}\n",
            f"{folder}/rules/all.yml": "orders:\n  - {name: paid, check: not_null, columns: [amount]}\n"
            "daily_sales:\n  - {name: sold, check: range, column: orders, min: 1, severity: warn}\n",
        }
    )

    (product,) = load_products(root)

    rules = {str(dataset.name): [rule.name for rule in dataset.quality] for dataset in product.datasets}
    assert rules["orders"] == ["one_row_per_order", "paid"]
    assert rules["daily_sales"] == ["sold"]
    assert {"returns_landed", "returns"} <= rules.keys()
    assert product.datasets[-2].quality[0].severity is Severity.WARN


def test_a_fault_in_a_file_beside_names_that_file(write_project: WriteProject) -> None:
    path = "data_products/sales/orders/rules/orders.yml"
    root = write_project({path: "orders:\n  - {name: paid, check: not_null, columns: [amont]}\n"})

    _, faults = check_products(root)

    assert [str(fault) for fault in faults] == [
        f"{path}:2: LF1051 unknown column 'amont'; did you mean 'amount'?"
    ]


def test_columns_are_followed_through_ports_of_other_products(write_project: WriteProject) -> None:
    root = write_project({CONSUMER_PATH: CONSUMER.replace("sum(revenue)", "sum(revenues)")})

    _, faults = check_products(root)

    assert [str(fault) for fault in faults] == [
        f"{CONSUMER_PATH}:9: LF1051 unknown column 'revenues'; did you mean 'revenue'?"
    ]


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("sales/orders.daily_sales@2", "sales/orders publishes no port 'daily_sales@2'"),
        ("sales/orders.orders@1", "sales/orders publishes no port 'orders@1'"),
        ("sales/ordres.daily_sales@1", "no product 'sales/ordres'"),
        ("finance/revenue.monthly@1", "'finance/revenue.monthly@1' is a dataset of this product"),
    ],
)
def test_a_port_that_is_not_published_is_refused(write_project: WriteProject, ref: str, message: str) -> None:
    root = write_project({CONSUMER_PATH: CONSUMER.replace("sales/orders.daily_sales@1", ref)})

    _, faults = check_products(root, "finance/revenue")

    assert (7, "LF1042", message) in [(fault.line, fault.code, fault.message) for fault in faults]


def test_a_port_of_a_product_elsewhere_is_taken_on_trust(write_project: WriteProject) -> None:
    root = write_project({CONSUMER_PATH: CONSUMER.replace("sales/orders", "weather/stations")})

    _, faults = check_products(root)

    assert faults == ()


def test_products_that_are_built_from_each_other_are_refused(write_project: WriteProject) -> None:
    orders = PRODUCT.replace("inputs: [orders_landed, customers_landed]", "inputs: [orders_landed, customers_landed, "
                             "finance/revenue.monthly@1]")  # fmt: skip
    consumer = CONSUMER + "ports: [{dataset: monthly, version: 1}]\n"
    root = write_project({PRODUCT_PATH: orders, CONSUMER_PATH: consumer})

    _, faults = check_products(root)

    assert [fault.message for fault in faults] == [
        "datasets of several products are built from each other: finance/revenue.monthly -> sales/orders.orders -> "
        "sales/orders.daily_sales -> finance/revenue.monthly"
    ]


def test_only_one_product_is_read_and_judged(write_project: WriteProject) -> None:
    root = write_project({CONSUMER_PATH: "not: [a product"})

    products, faults = check_products(root, "sales/orders")

    assert [product.key for product in products] == ["sales/orders"]
    assert faults == ()
    with pytest.raises(UnknownProduct, match="did you mean 'sales/orders'"):
        check_products(root, "sales/order")


def test_extension_keys_pass_everywhere(write_project: WriteProject) -> None:
    text = (
        PRODUCT.replace("    layer: silver\n", "    layer: silver\n    x-jira: {board: 7}\n") + "x-cost: 12\n"
    )

    products, faults = check_products(write_project({PRODUCT_PATH: text}))

    assert faults == ()
    assert len(products) == 1


def test_a_file_that_is_not_utf8_is_a_fault(write_project: WriteProject) -> None:
    root = write_project({})
    (root / PRODUCT_PATH).write_bytes(b"name: \xff\xfe\n")

    _, faults = check_products(root)

    assert [(fault.line, fault.code) for fault in faults] == [(1, "LF1010")]


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("mask: {}", "it is a key of transformations.steps"),
        ("retries: 3", "it is a key of run and of transformations.run"),
        ("service_levels: {}", "it is a key of the file itself"),
        # It has places in four sections' parts, of which one is a section.
        ("format: csv", "it is a key of sources"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_with_its_own(
    line: str, remedy: str, write_project: WriteProject
) -> None:
    root = write_project(
        {PRODUCT_PATH: PRODUCT.replace("datasets:\n  - ", f"datasets:\n  - {line}\n    ", 1)}
    )

    _, faults = check_products(root)

    assert [fault.remedy for fault in faults if fault.code == "LF1020"] == [remedy]


@pytest.mark.parametrize("section", ["datasets", "transformations", "rules", "tests"])
def test_a_folder_whose_name_lacks_an_s_is_a_fault(section: str, write_project: WriteProject) -> None:
    path = f"data_products/sales/orders/{section.removesuffix('s')}/some.yml"
    root = write_project({path: "- name: x\n"})

    _, faults = check_products(root)

    assert [str(fault) for fault in faults] == [
        f"{path}:1: LF1014 nothing is read from {section.removesuffix('s')}/, so nothing in it counts; "
        f"call the folder {section}"
    ]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("rules.yml", "move it to rules/rules.yml"),
        ("dataset.yaml", "move it to datasets/dataset.yaml"),
        ("product.yaml", "move what it says to product.yml"),
    ],
)
def test_a_file_beside_the_products_that_seems_to_count_is_a_fault(
    name: str, remedy: str, write_project: WriteProject
) -> None:
    folder = "data_products/sales/orders"
    root = write_project(
        {f"{folder}/{name}": "orders: []\n", f"{folder}/contract.odcs.yaml": "kind: DataContract\n"}
    )

    _, faults = check_products(root)

    assert [str(fault) for fault in faults] == [
        f"{folder}/{name}:1: LF1014 nothing is read from {name}, so nothing in it counts; {remedy}"
    ]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("data_products/sales/returns/produkt.yml", "there is no product.yml beside this file"),
        ("data_products/sales/returns/product.yaml", "there is no product.yml beside this file"),
        ("data_products/sales/product.yml", "no product is read from here"),
        ("data_products/product.yml", "no product is read from here"),
    ],
)
def test_a_file_that_would_be_passed_over_is_a_fault(
    write_project: WriteProject, path: str, what: str
) -> None:
    root = write_project({path: PRODUCT})

    products, faults = check_products(root)

    assert [product.key for product in products] == ["sales/orders"]
    assert [str(fault) for fault in faults] == [
        f"{path}:1: LF1014 {what}, so nothing in its folder counts; "
        "a product's file is data_products/<domain>/<product>/product.yml"
    ]
    assert not check_products(root, "sales/orders")[1]
