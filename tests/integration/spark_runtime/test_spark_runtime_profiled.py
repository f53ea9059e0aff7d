"""Rules that a profile proposes for a table hold for that table when a product declares them."""

import textwrap
from pathlib import Path

from landfall.cli.profile import as_yaml
from landfall.profiling import profile
from landfall.settings import Settings
from landfall.spec.load import load_products
from landfall.testing.nodes import Nodes
from tests.integration.spark_runtime.workbench import Workbench, counts

# Tables of these tests are folders; of the account only the name is looked at.
SETTINGS = Settings(
    database_url="sqlite://",
    storage_account="lake",
    blob_endpoint="http://127.0.0.1:1/lake",
    storage_key="a2V5",
    databricks_host="",
    databricks_token=None,
    job_id=None,
    functions_url="",
    functions_audience=None,
    managed_identity_client_id=None,
)
ROWS = """
    SELECT id, CAST(id % 3 AS int) AS level, concat('user', id % 90, '@mail.example') AS email, id % 2 = 0 AS paid,
        CASE id % 3 WHEN 0 THEN 'NL' WHEN 1 THEN 'it\\'s' ELSE 'a "b" \\\\ é😀' END AS country,
        concat('n', id % 150) AS customer, CAST(id AS decimal(12,2)) / 3 - 20 AS amount,
        CASE WHEN id % 10 = 0 THEN NULL ELSE id / 7 END AS share, array(id) AS tags,
        CASE WHEN id = 5 THEN double('NaN') ELSE CAST(id AS double) END AS odd, CAST(id - 100 AS float) * 1.5F AS part,
        date_add(date'1582-10-01', CAST(id % 28 AS int)) AS day, CASE WHEN id % 2 = 0 THEN ' ' END AS note,
        timestamp'1969-12-31 23:59:59.5' + make_dt_interval(CAST(id % 28 AS int)) AS moment,
        9223372036854775807 - id AS large, CAST(NULL AS int) AS nothing, one.text AS code,
        CASE WHEN id % 2 = 0 THEN date'0001-01-01' ELSE date'9999-12-31' END AS era,
        CASE WHEN id % 2 = 0 THEN timestamp'0001-01-02 00:00:00' ELSE timestamp'9999-12-31 23:59:59.5' END AS ages,
        CASE WHEN id % 2 = 0 THEN '${var.x}' ELSE '\x7f\ufeff' END AS sign
    FROM range(200) CROSS JOIN (SELECT '123e4567-e89b-12d3-a456-426614174000' AS text) AS one
"""
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources: [{name: files, type: file, format: parquet}]
datasets:
  - {name: landed, source: files, landing: {path: "orders/*.parquet"}, columns: [{name: id, type: bigint}]}
  - name: tested
    layer: silver
    quality:
RULES
transformations:
  - name: test_orders
    inputs: [landed]
    steps: [{sql: "SELECT * FROM landed"}]
    output: {dataset: tested, layer: silver}
"""


def test_a_table_passes_the_rules_that_it_suggests(bench: Workbench, tmp_path: Path) -> None:
    bench.save("landed", ROWS)
    found = profile(SETTINGS, bench.table("landed"))
    product = tmp_path / "project/data_products/sales/orders/product.yml"
    product.parent.mkdir(parents=True)
    product.write_text(PRODUCT.replace("RULES", textwrap.indent(as_yaml(found), "      ")))
    (tmp_path / "project/landfall.yml").write_text("name: shop\n")
    (loaded,) = load_products(tmp_path / "project")
    rules = Nodes(loaded).definition("test_orders")["rules"]

    result = bench.transform(rules=rules, inputs=("landed",), dataset="tested")

    assert result["error"] is None, result["error"]
    assert counts(result) == (200, 200, 0)
    assert {item["name"]: item["rows_failed"] for item in result["rules"]} == {
        rule["name"]: 0 for rule in rules
    }
    checks = {rule["check"] for rule in rules}
    assert checks >= {
        "not_null",
        "unique",
        "range",
        "accepted_values",
        "pattern",
        "length",
        "null_share",
        "row_count",
    }
