"""Where a local file lands: in its dataset's folder, or nowhere without a clear answer."""

from pathlib import Path

import pytest

from landfall.landing.placing import (
    FileDoesNotFit,
    FolderNotGiven,
    NotATable,
    UnknownLandedDataset,
    landing_place,
    table_places,
)
from landfall.spec.landing_patterns import commits_of
from landfall.spec.model import Product
from tests.builders import a_landed_dataset, a_product, a_transformation


def _product() -> Product:
    return a_product(
        a_transformation(),
        landed=[
            a_landed_dataset("orders_landed", landing="orders/*.csv"),
            a_landed_dataset("returns_landed", landing="returns/*/*/*.csv"),
            a_landed_dataset("rates_landed", landing="rates.csv"),
            a_landed_dataset("stock_landed", landing=commits_of("stock")),
            a_landed_dataset("sites_landed", landing=commits_of("sites/{region}")),
        ],
    )


def test_the_pattern_names_the_folder() -> None:
    assert landing_place(_product(), "orders_landed", "may.csv") == "orders/may.csv"


def test_a_pattern_without_a_folder_lands_in_the_products_own() -> None:
    assert landing_place(_product(), "rates_landed", "rates.csv") == "rates.csv"


def test_an_open_folder_has_to_be_said() -> None:
    with pytest.raises(FolderNotGiven, match="--folder returns/2026/2026`"):
        landing_place(_product(), "returns_landed", "may.csv")

    assert (
        landing_place(_product(), "returns_landed", "may.csv", folder="returns/2026/05/")
        == "returns/2026/05/may.csv"
    )


def test_a_file_its_dataset_would_not_see_is_refused() -> None:
    with pytest.raises(FileDoesNotFit, match="kept as unmatched"):
        landing_place(_product(), "orders_landed", "may.csv.gz")


def test_a_file_another_dataset_would_take_is_refused() -> None:
    with pytest.raises(FileDoesNotFit, match="taken in by orders_landed"):
        landing_place(_product(), "rates_landed", "rates.csv", folder="orders")


def test_a_built_dataset_takes_no_files() -> None:
    with pytest.raises(
        UnknownLandedDataset, match="orders_landed, returns_landed, rates_landed, stock_landed"
    ):
        landing_place(_product(), "orders", "may.csv")


def _a_table(folder: Path) -> Path:
    for name in (
        "_delta_log/00000000000000000001.json",
        "_delta_log/00000000000000000000.json",
        "_delta_log/00000000000000000001.checkpoint.parquet",
        "_delta_log/00000000000000000000.00000000000000000001.compacted.json",
        "day=2026-01-31/b.parquet",
        "a.parquet",
        "_change_data/c.parquet",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def test_the_commits_of_a_table_land_after_what_they_name(tmp_path: Path) -> None:
    places = [place for _, place in table_places(_product(), "stock_landed", _a_table(tmp_path))]

    assert places == [
        "stock/a.parquet",
        "stock/day=2026-01-31/b.parquet",
        "stock/_delta_log/00000000000000000000.json",
        "stock/_delta_log/00000000000000000001.json",
    ]


def test_a_table_lands_in_the_folder_that_is_said(tmp_path: Path) -> None:
    table = _a_table(tmp_path)
    with pytest.raises(FolderNotGiven, match="--folder"):
        table_places(_product(), "sites_landed", table)

    places = [place for _, place in table_places(_product(), "sites_landed", table, folder="sites/eu/")]

    assert places[0] == "sites/eu/a.parquet"
    assert places[-1] == "sites/eu/_delta_log/00000000000000000001.json"


def test_only_tables_land_where_tables_do(tmp_path: Path) -> None:
    with pytest.raises(NotATable, match="name the files"):
        table_places(_product(), "orders_landed", _a_table(tmp_path / "t"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotATable, match="no commit in _delta_log"):
        table_places(_product(), "stock_landed", tmp_path / "empty")
