"""Where a local file lands: in its dataset's folder, or nowhere without a clear answer."""

import pytest

from landfall.landing.placing import FileDoesNotFit, FolderNotGiven, UnknownLandedDataset, landing_place
from landfall.spec.model import Product
from tests.builders import a_landed_dataset, a_product, a_transformation


def _product() -> Product:
    return a_product(
        a_transformation(),
        landed=[
            a_landed_dataset("orders_landed", landing="orders/*.csv"),
            a_landed_dataset("returns_landed", landing="returns/*/*/*.csv"),
            a_landed_dataset("rates_landed", landing="rates.csv"),
        ],
    )


def test_the_pattern_names_the_folder() -> None:
    assert landing_place(_product(), "orders_landed", "may.csv") == "orders/may.csv"


def test_a_pattern_without_a_folder_lands_in_the_products_own() -> None:
    assert landing_place(_product(), "rates_landed", "rates.csv") == "rates.csv"


def test_an_open_folder_has_to_be_said() -> None:
    with pytest.raises(FolderNotGiven, match="--folder"):
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
    with pytest.raises(UnknownLandedDataset, match="orders_landed, returns_landed, rates_landed"):
        landing_place(_product(), "orders", "may.csv")
