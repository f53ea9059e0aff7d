"""No product file, however broken, makes validation fail: it is sound, or it has faults."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from landfall.spec.load import check_products
from landfall.spec.yaml_source import read_yaml
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

SOUND = read_yaml(PRODUCT, PRODUCT_PATH).data
TEXTS = ["", "x", "this", "a b", "${var.x}", "sum(x)", "*", "'", "sales/orders.orders@1"]
OTHERS = [None, True, -1, 0.5, [], [None], ["orders"], {}, {"a": 1}, {"x-a": 1}]
ODD_VALUES = st.sampled_from([*TEXTS, *OTHERS])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of every value in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inside for place in places(item, (*at, key)))]


PLACES = [place for place in places(SOUND) if place]


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return the document with another value at a place."""
    if not place:
        return value
    if isinstance(document, dict):
        return {k: changed(v, place[1:], value) if k == place[0] else v for k, v in document.items()}
    if isinstance(document, list):
        return [changed(v, place[1:], value) if k == place[0] else v for k, v in enumerate(document)]
    return document


def verdict(root: Path) -> None:
    products, faults = check_products(root)

    assert bool(products) != bool(faults)
    lines = (root / PRODUCT_PATH).read_text(encoding="utf-8").count("\n") + 1
    assert all(1 <= fault.line <= lines and fault.message and fault.remedy for fault in faults)


# The folder is written anew for each example, so nothing of one reaches the next.
SETTINGS = settings(
    max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD_VALUES), min_size=1, max_size=3))
def test_odd_values_anywhere(write_project: WriteProject, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = SOUND
    for place, value in changes:
        document = changed(document, place, value)
    root = write_project({})
    with (root / PRODUCT_PATH).open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(document, file)

    verdict(root)


@SETTINGS
@given(st.integers(0, len(PRODUCT) - 1), st.integers(0, 30), st.text("abc:{}[]-,'\"\n #&*!|>${}", max_size=5))
def test_damaged_text(write_project: WriteProject, start: int, length: int, patch: str) -> None:
    root = write_project({PRODUCT_PATH: PRODUCT[:start] + patch + PRODUCT[start + length :]})

    verdict(root)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "5", "a", "null", "{}", "- a", "? a"])
def test_a_file_that_is_no_product(write_project: WriteProject, text: str) -> None:
    verdict(write_project({PRODUCT_PATH: text}))
