"""The example product from its files to gold through the laptop stack, against another engine's result."""

# ruff: noqa: S608 - names of tables and columns of this test's own

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from landfall.addresses import LAKE, abfss_uri, quarantine_path, table_path
from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout, Ports
from landfall.preview import open_table
from landfall.settings import Settings
from tests.acceptance.expected_flights import CHECKSUMS, GOLD_KEYS, LANDED, SILVER, Expected, compute
from tests.loopback import PATIENCE_S

ROOT = Path(__file__).parents[2]
DOMAIN, PRODUCT = "mobility", "flights"
LAYERS = {
    **dict.fromkeys(LANDED, "bronze"),
    **dict.fromkeys(SILVER, "silver"),
    **dict.fromkeys(GOLD_KEYS, "gold"),
}

pytestmark = pytest.mark.stack


def _landfall(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from landfall.cli.main import run; run()", "--project", str(project)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project of its own with the example, its stack on ports that nobody uses."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(ROOT / "landfall.yml", folder)
    shutil.copytree(ROOT / "data_products", folder / "data_products")
    ports = [argument for name, port in Ports.free().named() for argument in (f"--{name}-port", str(port))]
    up = _landfall(folder, "up", *ports)
    try:
        assert up.returncode == 0, up.stderr
        yield folder
    finally:
        _landfall(folder, "down")


@pytest.fixture(scope="module")
def demo(project: Path) -> subprocess.CompletedProcess[str]:
    done = _landfall(project, "demo")
    assert done.returncode == 0, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    return compute(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def tables(project: Path, demo: object) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every Delta table as a DuckDB view: datasets by name, their refused rows as ``quarantine_{name}``."""
    settings = Settings.from_environment(read_environment(Layout(project).env_file))
    account = settings.storage_account
    with duckdb.connect() as db:
        db.execute("SET timezone = 'UTC'")
        for name, layer in LAYERS.items():
            uri = abfss_uri(account, LAKE, table_path(DOMAIN, PRODUCT, layer, name))
            db.register(name, open_table(settings, uri).to_pyarrow_table())
        for name in ("flights_landed", "flights", "airports", "planes", "weather", "flights_enriched"):
            uri = abfss_uri(account, LAKE, quarantine_path(DOMAIN, PRODUCT, name))
            db.register(f"quarantine_{name}", open_table(settings, uri).to_pyarrow_table())
        yield db


def test_the_summary_names_every_node_and_where_the_time_went(demo: subprocess.CompletedProcess[str]) -> None:
    assert "17 of 17" in demo.stdout
    assert "files taken in" in demo.stdout
    assert "upload to last gold table" in demo.stdout
    assert "landfall runs show" in demo.stderr


@pytest.mark.parametrize("dataset", LAYERS)
def test_every_table_has_the_rows_that_another_engine_counts(
    dataset: str, tables: duckdb.DuckDBPyConnection, expected: Expected
) -> None:
    assert _one(tables, f"SELECT count(*) FROM {dataset}") == expected.rows[dataset]


def test_every_refused_row_is_in_its_quarantine_table(
    tables: duckdb.DuckDBPyConnection, expected: Expected
) -> None:
    found = {name: _one(tables, f"SELECT count(*) FROM quarantine_{name}") for name in expected.quarantined}

    assert found == expected.quarantined


def test_every_rule_refuses_the_rows_that_another_engine_finds(
    project: Path, demo: object, expected: Expected
) -> None:
    run = json.loads(_landfall(project, "runs", "show", "@last", "--output", "json").stdout)
    declared = {name for _, name in expected.refused}

    found = {
        (rule["dataset"], rule["rule"]): rule["rows_failed"]
        for rule in run["rules"]
        if rule["rule"] in declared
    }

    assert found == expected.refused
    built_in = [rule for rule in run["rules"] if rule["rule"] not in declared]
    assert all(rule["rows_failed"] == 0 for rule in built_in), built_in


def test_rows_published_and_quarantined_are_the_rows_read(project: Path, demo: object) -> None:
    run = json.loads(_landfall(project, "runs", "show", "@last", "--output", "json").stdout)

    for node in run["node_runs"]:
        assert node["rows_published"] + node["rows_quarantined"] == node["rows_read"], node["key"]


@pytest.mark.parametrize("dataset", GOLD_KEYS)
def test_every_gold_row_has_the_values_of_another_engine(
    dataset: str, tables: duckdb.DuckDBPyConnection, expected: Expected
) -> None:
    table, keys = expected.gold[dataset], GOLD_KEYS[dataset]
    rows = tables.execute(f"SELECT {', '.join(table.columns)} FROM {dataset}").fetchall()

    found = {row[:keys]: row[keys:] for row in rows}

    wanted = {row[:keys]: row[keys:] for row in table.rows}
    assert found.keys() == wanted.keys()
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-9), key


@pytest.mark.parametrize("name", CHECKSUMS)
def test_the_wide_table_sums_up_to_what_another_engine_sums_up(
    name: str, tables: duckdb.DuckDBPyConnection, expected: Expected
) -> None:
    _, expression = CHECKSUMS[name]

    assert _one(tables, f"SELECT {expression} FROM flights_enriched") == expected.checksums[name]


def test_a_preview_sorts_and_shows_what_is_known_first(
    project: Path, demo: object, expected: Expected
) -> None:
    arguments = (
        "hourly_weather_delays",
        "--order-by",
        "mean_dep_delay_min desc",
        "--limit",
        "3",
        "-o",
        "json",
    )

    rows = json.loads(_landfall(project, "preview", *arguments).stdout)

    table = expected.gold["hourly_weather_delays"]
    at = table.columns.index("mean_dep_delay_min")
    latest = sorted((row[at] for row in table.rows if row[at] is not None), reverse=True)[:3]
    assert [row["mean_dep_delay_min"] for row in rows] == pytest.approx(latest)


def test_a_preview_of_the_quarantine_names_rule_and_run(project: Path, demo: object) -> None:
    (row,) = json.loads(
        _landfall(project, "preview", "planes", "--quarantine", "-n", "1", "-o", "json").stdout
    )

    assert set(row["_rules"]) <= {"built_year_known", "airliner"}
    assert row["_run_id"]


def test_landing_the_same_files_again_leaves_silver_and_gold_as_they_are(
    project: Path, tables: duckdb.DuckDBPyConnection, expected: Expected
) -> None:
    again = _landfall(project, "demo")

    assert again.returncode == 0, again.stderr + again.stdout
    shown = json.loads(_landfall(project, "runs", "show", "@last", "--output", "json").stdout)
    published = {node["output"]: node["rows_published"] for node in shown["node_runs"]}
    assert published == expected.rows


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    assert row is not None
    return int(row[0])
