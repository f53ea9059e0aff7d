"""Nested values from JSON text: what fits comes typed, what does not is told by path, place and text."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.spec.column_types import part_paths
from spark_runtime.readers.nested import NestedColumn, NestedValues, Spelling, as_nested
from spark_runtime.readers.records import Drifted
from spark_runtime.readers.type_tree import type_tree

ORDERS = "struct<id:bigint,items:array<struct<price:decimal(5,2),tags:map<string,int>>>,at:timestamp>"
SCALARS = ("int", "bigint", "double", "boolean", "string", "date", "timestamp", "decimal(6,2)", "binary")


def read(document: Any, kind: str = ORDERS, **spelling: Any) -> NestedValues:
    text = document if isinstance(document, str) else json.dumps(document)
    return as_nested(pa.array([text], pa.string()), NestedColumn(0, "o", kind), Spelling(**spelling))


@pytest.mark.parametrize(
    ("document", "path", "told"),
    [
        ({"id": "1x"}, "o.id", "o.id: '1x' is not bigint"),
        (
            {"items": [{}, {"price": 1000}]},
            "o.items[].price",
            "o.items[1].price: '1000' is not decimal(5,2)",
        ),
        (
            {"items": [{"tags": {"new": 1, "old": "no"}}]},
            "o.items[].tags{}",
            "o.items[0].tags{old}: 'no' is not int",
        ),
        (
            {"items": 3},
            "o.items",
            "o.items: '3' is not array<struct<price:decimal(5,2),tags:map<string,int>>>",
        ),
        ({"items": [{"cost": 1}]}, "o.items[]", "o.items[0]: '{\"cost\":1}' has unexpected field 'cost'"),
        ({"at": "x" * 200}, "o.at", f"o.at: '{'x' * 99}…' is not timestamp"),
        ("[1", "o", "o: '[1' is no JSON"),
        ({"id": 1, "ID": 2}, "o", 'o: \'{"id":1,"ID":2}\' has a field twice'),
    ],
    ids=["field", "element", "value", "container", "further", "long", "no json", "twice"],
)
def test_what_does_not_fit_is_told_by_path_place_and_text(document: Any, path: str, told: str) -> None:
    found = read(document)

    assert found.values.to_pylist() == [None]
    assert found.misfits.to_pylist() == [f"|{path}|"]
    assert found.told.to_pylist() == [told]


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29 10:00:00,5",
        "2024-02-29T10:00:00+19:00",
        "2024-02-29T10:00:00+18:01",
        "2024-02-29T1000",
        "2024-02-29T10:00Z",
        "2024-02-29T24:00:00",
        "0001-01-01T00:00:00+02:00",
    ],
)
def test_a_moment_within_a_value_is_no_other_one_than_in_a_column(text: str) -> None:
    assert read({"at": text}).told.to_pylist() == [f"o.at: '{text}' is not timestamp"]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-02-29T10", 10),
        ("2024-02-29 10:00:00.5+02:00", 8),
        ("2024-03-01T04:00:00 +18", 10),
        ("2024-02-29T10:00:00Z", 10),
    ],
)
def test_moments_within_a_value_are_read_as_those_of_a_column(text: str, hour: int) -> None:
    found = read({"at": text}).values.to_pylist()

    assert [moment["at"].hour for moment in found if moment is not None] == [hour]


def test_all_faults_of_a_value_are_told_at_once_the_first_five_in_words() -> None:
    found = read({"id": "x", "at": "y", "items": [{"price": "z"}] * 9})

    assert found.misfits.to_pylist() == ["|o.id|o.items[].price|o.at|"]
    assert str(found.told[0]).count(" is not ") == 5


def test_further_fields_with_a_value_are_kept_by_the_place_they_stand_at() -> None:
    found = read({"items": [{}, {"price": 1, "cost": {"x": 1}}], "new": None, "old": 0}, further="keep")

    assert found.misfits.to_pylist() == [None]
    assert found.further == {0: {"o.items[1].cost": {"x": "1"}, "o.old": "0"}}


def test_further_fields_are_passed_over_or_fail_the_file() -> None:
    found = read({"id": 1, "new": 2}, "struct<id:int>", further="ignore")

    assert found.values.to_pylist() == [{"id": 1}]
    with pytest.raises(Drifted, match=r"unexpected field 'o\.new'"):
        read({"id": 1, "new": 2}, further="fail")


def test_half_of_a_surrogate_pair_does_not_fit_a_text() -> None:
    found = read('{"a": "\\ud83d"}', "struct<a:string>")

    assert found.misfits.to_pylist() == ["|o.a|"]
    assert found.told.to_pylist() == ["o.a: '\\ud83d' is not string"]


types = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(lambda kind: f"array<{kind}>"),
        inner.map(lambda kind: f"map<string,{kind}>"),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: f"struct<{','.join(f'f{at}:{kind}' for at, kind in enumerate(kinds))}>"
        ),
    ),
    max_leaves=6,
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["f0", "f1", "F0", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(types, documents)
def test_a_value_fits_or_is_told_and_the_paths_are_those_of_its_type(kind: str, document: Any) -> None:
    found = read(document, kind)

    paths = found.misfits.to_pylist()[0]
    assert found.values.type == type_tree(kind).arrow
    assert (paths is None) == (found.told.to_pylist()[0] is None)
    if paths is not None:
        assert found.values.to_pylist() == [None]
        assert set(paths.strip("|").split("|")) <= set(part_paths("o", kind))


@given(types)
def test_the_runtime_and_the_checks_of_products_name_parts_alike(kind: str) -> None:
    assert [part.path for part in type_tree(kind, "o").walk()] == part_paths("o", kind)
    assert type_tree(kind).kind == kind
