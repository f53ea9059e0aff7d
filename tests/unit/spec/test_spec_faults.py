"""Every way to get a product file wrong, and the exact lines that say so."""

from pathlib import Path
from typing import Any

import pytest

from landfall.spec.faults import InvalidSpec
from landfall.spec.load import check_products, load_products
from landfall.spec.yaml_source import read_yaml
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

BROKEN = Path(__file__).with_name("broken_products.yml")
FOLDER = "data_products/sales/orders/"


def broken_products() -> list[dict[str, Any]]:
    entries = read_yaml(BROKEN.read_text(encoding="utf-8"), BROKEN.name).data
    assert isinstance(entries, list)
    return entries


@pytest.mark.parametrize("broken", broken_products(), ids=lambda broken: str(broken["name"]))
def test_a_fault_names_its_line_and_what_to_do(broken: dict[str, Any], write_project: WriteProject) -> None:
    assert PRODUCT.count(broken["replace"]) == 1, "the text to replace must be there once"
    root = write_project({PRODUCT_PATH: PRODUCT.replace(broken["replace"], broken["by"])})

    products, faults = check_products(root)

    assert [str(fault).removeprefix(FOLDER) for fault in faults] == broken["faults"]
    assert products == ()


def test_the_product_that_these_tests_break_is_sound(write_project: WriteProject) -> None:
    products, faults = check_products(write_project({}))

    assert faults == ()
    assert [product.key for product in products] == ["sales/orders"]


def test_all_faults_of_all_files_come_at_once(write_project: WriteProject) -> None:
    text = PRODUCT.replace("type: bigint", "type: bigit").replace("sum(amount)", "sum(amout)")
    other = PRODUCT.replace("name: orders\nowner", "name: returns\nowner").replace(
        "layer: gold", "layer: golden"
    )
    root = write_project({PRODUCT_PATH: text, "data_products/sales/returns/product.yml": other})

    with pytest.raises(InvalidSpec) as raised:
        load_products(root)

    assert [(fault.path, fault.line, fault.code) for fault in raised.value.faults] == [
        (PRODUCT_PATH, 13, "LF1023"),
        (PRODUCT_PATH, 39, "LF1051"),
        ("data_products/sales/returns/product.yml", 40, "LF1021"),
    ]
    assert str(raised.value).splitlines() == [str(fault) for fault in raised.value.faults]


def test_a_secret_never_stands_in_a_message(write_project: WriteProject) -> None:
    root = write_project({PRODUCT_PATH: PRODUCT.replace("keyvault:shop-db", "hunter2")})

    _, faults = check_products(root)

    assert faults
    assert "hunter2" not in "".join(map(str, faults))


def test_a_fault_is_plain_json_for_machines(write_project: WriteProject) -> None:
    root = write_project({PRODUCT_PATH: PRODUCT.replace("type: bigint", "type: bigit")})

    _, (fault,) = check_products(root)

    assert fault.to_payload() == {
        "path": PRODUCT_PATH,
        "line": 13,
        "code": "LF1023",
        "message": "'bigit' is not a column type",
        "remedy": "did you mean 'bigint'?",
    }
