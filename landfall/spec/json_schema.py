"""The JSON Schema of the product file, for editors: ``python -m landfall.spec.json_schema`` rewrites it."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from landfall.spec.documents import ProductDocument
from landfall.spec.rule_sets import RuleSetUse

SCHEMA_FILE = Path(__file__).with_name("product.schema.json")


class _WithoutNull(GenerateJsonSchema):
    """A key may be absent, but where it stands it has a value: no ``null`` in the schema."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = super().default_schema(schema)
        if inner.get("default") in (None, [], {}, ""):
            inner.pop("default", None)
        return inner


def product_schema() -> dict[str, Any]:
    """Return the JSON Schema of product.yml."""
    schema = ProductDocument.model_json_schema(by_alias=True, schema_generator=_WithoutNull)
    # Among rules, which the models of a product do not know: sets are taken apart before.
    schema["$defs"]["RuleSetUse"] = RuleSetUse.model_json_schema(by_alias=True, schema_generator=_WithoutNull)
    quality = schema["$defs"]["DatasetDocument"]["properties"]["quality"]
    quality["items"] = {"anyOf": [quality["items"], {"$ref": "#/$defs/RuleSetUse"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_without_titles(schema),
        "title": "Landfall product file",
    }


def schema_text() -> str:
    """Return the text of the committed file."""
    return json.dumps(product_schema(), indent=2, ensure_ascii=False) + "\n"


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """Return the schema without the titles that pydantic makes up; ``names`` says the keys are those of a file."""
    if isinstance(schema, dict):
        return {
            key: _without_titles(
                value, names=key in ("properties", "$defs", "patternProperties") and not names
            )
            for key, value in schema.items()
            if names or key != "title"
        }
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    return schema


def main() -> None:
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
