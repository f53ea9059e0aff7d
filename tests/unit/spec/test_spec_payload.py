"""A product as JSON and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.spec.load import load_products
from landfall.spec.model import (
    Check,
    Column,
    CompleteSet,
    Dataset,
    DatasetName,
    DatasetRef,
    FileFormat,
    Layer,
    Load,
    LoadMode,
    NodeSettings,
    Output,
    Owner,
    Port,
    Product,
    QualityRule,
    Restate,
    RunSettings,
    Schedule,
    Severity,
    SnapshotPer,
    Source,
    SourceType,
    Step,
    StepType,
    Transformation,
    TransformationName,
    Write,
    WriteMode,
)
from landfall.spec.payload import product_from_payload, product_to_payload
from tests.unit.spec.conftest import WriteProject

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(max_size=12)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
CONFIGS: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(NAMES, CONFIGS, max_size=3)


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=2).map(tuple)


RULES = st.builds(
    QualityRule, NAMES, st.sampled_from(Check), st.sampled_from(Severity), MAPPINGS, st.none() | TEXTS, TEXTS
)
DATASETS = st.builds(
    Dataset,
    NAMES.map(DatasetName),
    st.sampled_from(Layer),
    st.none() | NAMES,
    st.none() | TEXTS,
    st.none()
    | st.builds(
        CompleteSet, st.floats(1, 10**6), st.none() | TEXTS, st.none() | TEXTS, st.none(), tuples(TEXTS)
    ),
    tuples(st.builds(Column, NAMES, TEXTS, st.booleans(), TEXTS)),
    tuples(RULES),
    TEXTS,
)
REFS = st.builds(DatasetRef, NAMES.map(DatasetName)) | st.builds(
    DatasetRef, NAMES.map(DatasetName), st.just("sales/orders"), st.integers(1, 9)
)
TRANSFORMATIONS = st.builds(
    Transformation,
    NAMES.map(TransformationName),
    tuples(REFS),
    tuples(st.builds(Step, st.sampled_from(StepType), CONFIGS)),
    st.builds(
        Output,
        NAMES.map(DatasetName),
        st.sampled_from(Layer),
        st.builds(
            Write,
            st.sampled_from(WriteMode),
            tuples(NAMES),
            st.none() | NAMES,
            st.none() | TEXTS,
            NAMES,
            NAMES,
            NAMES,
            tuples(NAMES),
            st.sampled_from(SnapshotPer),
            NAMES,
        ),
    ),
    tuples(NAMES.map(TransformationName)),
    TEXTS,
    load=st.builds(
        Load,
        st.sampled_from(LoadMode),
        tuples(NAMES),
        st.none() | st.builds(Restate, NAMES, st.integers(1, 99)),
        tuples(REFS),
    ),
    run=st.builds(
        NodeSettings,
        st.none() | st.integers(0, 9),
        st.none() | st.floats(0, 99),
        timeout_s=st.none() | st.integers(1, 99),
    ),
)
SOURCES = st.builds(
    Source,
    NAMES,
    st.sampled_from(SourceType),
    st.none() | st.sampled_from(FileFormat),
    MAPPINGS,
    st.none() | TEXTS,
)
RUNS = st.builds(
    RunSettings,
    st.booleans(),
    st.booleans(),
    tuples(st.builds(Schedule, TEXTS, TEXTS)),
    st.floats(0, 3600),
    st.floats(0, 3600),
    st.integers(1, 5000),
    st.integers(1, 1000),
    st.integers(0, 10),
    st.integers(1, 10**6),
)
PRODUCTS = st.builds(
    Product,
    NAMES,
    NAMES,
    st.builds(Owner, TEXTS, TEXTS),
    TEXTS,
    tuples(SOURCES),
    tuples(DATASETS),
    tuples(TRANSFORMATIONS),
    tuples(st.builds(Port, NAMES.map(DatasetName), st.integers(1, 99), st.none() | TEXTS)),
    RUNS,
)


# A busy machine makes drawing slow, which says nothing about the product.
@given(PRODUCTS)
def test_a_product_survives_the_way_through_json(product: Product) -> None:
    stored = json.loads(json.dumps(product_to_payload(product)))

    assert product_from_payload(stored) == product
    assert product_to_payload(product_from_payload(stored)) == stored


def test_a_product_read_from_files_survives_too(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({}))

    stored = json.loads(json.dumps(product_to_payload(product)))

    assert product_from_payload(stored) == product


def test_a_payload_of_a_later_release_is_refused(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({}))

    with pytest.raises(ValueError, match="stored in form 99"):
        product_from_payload({**product_to_payload(product), "payload_version": 99})
