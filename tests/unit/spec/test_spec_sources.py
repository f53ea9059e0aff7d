"""Formats and options of sources: what the engine of a target can read, and what both sides know."""

import pytest

from landfall.spec.landing_patterns import match_path, table_of
from landfall.spec.load import check_products, load_products
from landfall.spec.model import FileFormat
from landfall.spec.source_checks import NOT_UNPACKED, OPTIONS, PACKAGES, PACKED
from spark_runtime.reader_options import OPTIONS as RUNTIME_OPTIONS
from spark_runtime.readers import containers
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


@pytest.mark.parametrize("file_format", ["iceberg", "hudi"])
def test_a_table_whose_log_is_not_followed_is_no_source(
    file_format: str, write_project: WriteProject
) -> None:
    root = write_project({PRODUCT_PATH: product_of(file_format)})

    _, faults = check_products(root)

    (only,) = faults
    assert (only.line, only.code) == (6, "LF1030")
    assert "land Parquet files or a Delta table" in str(only)


def test_what_lands_of_a_delta_table_are_its_commits(write_project: WriteProject) -> None:
    text = product_of("delta").replace("orders/*.csv", "orders/{region}")

    (product,) = load_products(write_project({PRODUCT_PATH: text}))

    landing = product.datasets[0].landing or ""
    assert table_of(landing) == "orders/{region}"
    commit = "orders/eu/_delta_log/00000000000000000007.json"
    assert match_path(landing, commit) == {"region": "eu"}
    for other in ("00000000000000000000.00000000000000000007.compacted.json", "_last_checkpoint", "7.json"):
        assert match_path(landing, f"orders/eu/_delta_log/{other}") is None
    assert match_path(landing, "orders/eu/a.parquet") is None


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("orders/*.csv", "orders/*.parquet", "LF1026"),
        ("orders/*.csv", "orders/_delta_log/*.json", "LF1026"),
        ("type: file, format: delta", "type: sftp, format: delta, connection: sftp://a@b", "LF1030"),
        ("options: {}", "options: {removed_rows: keep}", "LF1021"),
        ("options: {}", "options: {header: true}", "LF1030"),
    ],
    ids=["files", "log", "copied", "value", "option"],
)
def test_a_delta_table_that_cannot_land_is_refused(
    old: str, new: str, code: str, write_project: WriteProject
) -> None:
    text = product_of("delta")
    assert old in text

    _, faults = check_products(write_project({PRODUCT_PATH: text.replace(old, new)}))

    assert code in {fault.code for fault in faults}


@pytest.mark.parametrize(
    ("kind", "drift", "fault"),
    [
        ("struct<city:string,zip:int>", "evolve", "gets no further fields by schema_drift: evolve"),
        ("array<struct<zip:int>>", "evolve", "gets no further fields by schema_drift: evolve"),
        ("array<int>", "evolve", None),
        ("struct<zip:int>", "rescue", None),
        ("struct<zip:int,ZIP:string>", "rescue", "field 'ZIP' comes twice"),
    ],
    ids=["struct", "within", "no struct", "kept", "twice"],
)
def test_a_struct_that_cannot_hold_what_lands_is_refused(
    kind: str, drift: str, fault: str | None, write_project: WriteProject
) -> None:
    text = product_of("json").replace(
        '{name: amount, type: "decimal(10,2)"', f'{{name: amount, type: "{kind}"', 1
    )
    text = text.replace("check: range, column: amount, min: 0", "check: not_null, columns: [amount]", 1)
    text = text.replace("    source: files\n", f"    source: files\n    schema_drift: {drift}\n", 1)

    _, faults = check_products(write_project({PRODUCT_PATH: text}))

    found = [item.message for item in faults if item.code in ("LF1023", "LF1030")]
    assert [fault in message for message in found] == [True] if fault else found == []


def test_validation_and_runtime_know_the_same_options() -> None:
    """The runtime is a wheel of its own and imports nothing of the rest, so each side has its list."""
    declared = {file_format.value: options for file_format, options in OPTIONS.items()}

    assert declared == {file_format.value: options for file_format, options in RUNTIME_OPTIONS.items()}
    assert set(declared) == {file_format.value for file_format in FileFormat}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{delimiter: '\"'}", "delimiter and quote are the same character"),
        ("{comment: ','}", "delimiter and comment are the same character"),
        ("{delimiter: ';', escape: ';'}", "delimiter and escape are the same character"),
        ("{quote: '#', comment: '#'}", "quote and comment are the same character"),
        ("{delimiter: '\n\n'}", "must be one ASCII character that ends no line"),
        (r"{escape: '\', null_value: [NA, '\N']}", r"null_value '\N' holds the escape character"),
        ("{thousands: '-'}", "'-' must be one character that is neither letter nor digit nor sign"),
        ("{encoding: base64}", "encoding 'base64' is not known"),
    ],
)
def test_options_by_which_a_file_could_be_read_in_two_ways_are_refused(
    options: str, message: str, write_project: WriteProject
) -> None:
    root = write_project({PRODUCT_PATH: PRODUCT.replace("{header: true}", options)})

    _, faults = check_products(root)

    assert [message in fault.message for fault in faults] == [True]


@pytest.mark.parametrize("options", ["{quote: '\"', escape: '\"'}", "{quote: '', comment: '\"'}"])
def test_a_quote_that_escapes_itself_or_is_turned_off_is_no_conflict(
    options: str, write_project: WriteProject
) -> None:
    root = write_project({PRODUCT_PATH: PRODUCT.replace("{header: true}", options)})

    _, faults = check_products(root)

    assert faults == ()


def test_validation_and_runtime_unpack_the_same_files() -> None:
    assert containers.PACKED == PACKED
    assert containers.NOT_UNPACKED == NOT_UNPACKED
