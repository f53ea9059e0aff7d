"""Formats and options of sources: what the engine of a target can read, and what both sides know."""

import pytest

from landfall.spec.load import check_products
from landfall.spec.model import FileFormat
from landfall.spec.source_checks import OPTIONS, PACKAGES
from spark_runtime.reader_options import OPTIONS as RUNTIME_OPTIONS
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

TARGETS = """\
name: shop
targets:
  laptop: {}
  bare: {databricks_host: "https://adb-1.2.azuredatabricks.net"}
  equipped:
    databricks_host: "https://adb-1.2.azuredatabricks.net"
    job_packages: [fastavro, openpyxl]
"""


def product_of(file_format: FileFormat | str) -> str:
    """Return the sound product, its orders landing in another format."""
    options = "{row_tag: order}" if file_format == "xml" else "{}"
    text = PRODUCT.replace(
        "format: csv, options: {header: true}", f"format: {file_format}, options: {options}"
    )
    if file_format == "fixed":
        for name in ("order_id", "customer", "amount", "placed_on"):
            text = text.replace(f"- {{name: {name}, type", f"- {{name: {name}, width: 9, type", 1)
    return text


@pytest.mark.parametrize("target", ["laptop", "bare", "equipped"])
@pytest.mark.parametrize("file_format", list(FileFormat))
def test_a_format_is_refused_where_the_engine_cannot_read_it(
    file_format: FileFormat, target: str, write_project: WriteProject
) -> None:
    root = write_project({"landfall.yml": TARGETS, PRODUCT_PATH: product_of(file_format)})

    _, faults = check_products(root, target=target)

    package = PACKAGES.get(file_format) if target == "bare" else None
    assert [(fault.line, fault.code) for fault in faults] == ([] if package is None else [(6, "LF1060")])
    assert all(f"cannot read {file_format} without {package}" in fault.message for fault in faults)


@pytest.mark.parametrize("file_format", ["delta", "iceberg", "hudi"])
def test_a_table_is_no_landed_file(file_format: str, write_project: WriteProject) -> None:
    root = write_project({PRODUCT_PATH: product_of(file_format)})

    _, faults = check_products(root)

    (only,) = faults
    assert (only.line, only.code) == (6, "LF1030")
    assert "domain/product.dataset@version" in str(only)


def test_validation_and_runtime_know_the_same_options() -> None:
    """The runtime is a wheel of its own and imports nothing of the rest, so each side has its list."""
    declared = {file_format.value: options for file_format, options in OPTIONS.items()}

    assert declared == {file_format.value: options for file_format, options in RUNTIME_OPTIONS.items()}
    assert set(declared) == {file_format.value for file_format in FileFormat}
