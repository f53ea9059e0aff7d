"""What all objects of a file have in common: how a model of one behaves, and how unions find the meant member."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """What every object of a file has in common: keys are known ones or start with ``x-``."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        populate_by_name=True,
        json_schema_extra={"patternProperties": {"^x-": {}}},
    )


def by_kind(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list"


def text_or_mapping(value: Any) -> str:
    # Asked again when a model is written out, then with the model that was read.
    return "mapping" if isinstance(value, (dict, BaseModel)) else "text"


def text_or_list(value: Any) -> str:
    return "list" if isinstance(value, list) else "text"
