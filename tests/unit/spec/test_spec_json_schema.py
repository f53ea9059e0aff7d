"""The JSON Schema for editors."""

import json

import pytest
from jsonschema import Draft202012Validator

from landfall.spec.json_schema import SCHEMA_FILE, product_schema, schema_text
from landfall.spec.shape import without_extensions
from landfall.spec.yaml_source import read_yaml
from tests.unit.spec.conftest import PRODUCT


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run: python -m landfall.spec.json_schema"
    )


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(product_schema())


@pytest.fixture
def editor() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def test_an_editor_accepts_a_sound_product(editor: Draft202012Validator) -> None:
    data = read_yaml("x-team-note: ours\n" + PRODUCT, "product.yml").data

    assert list(editor.iter_errors(data)) == []
    assert "x-team-note" not in without_extensions(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("domain: sales\n", "domain: Sales\n"),
        ("check: unique", "check: uniqe"),
        ("- filter:", "- fliter:"),
        ("layer: gold", "layer: golden"),
        ("header: true", "heeder: true"),
        ("settle: 500ms", "settle: 5"),
    ],
)
def test_an_editor_marks_what_validate_refuses(editor: Draft202012Validator, old: str, new: str) -> None:
    data = read_yaml(PRODUCT.replace(old, new), "product.yml").data

    assert list(editor.iter_errors(data))
