"""The shape of ``copy`` in a product file."""

from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag

from landfall.spec.copying import AfterCopy
from landfall.spec.document import Document, text_or_mapping
from landfall.spec.fields import Duration, fault

# Whatever a name holds, it is quoted; these few could end the quotes or the name.
_NOT_IN_NAMES = set("[]\"'`;")


def _check_table(value: str) -> str:
    parts = value.split(".")
    if len(parts) > 3 or not all(parts) or _has_odd_character(value):
        raise fault("LF1022", f"'{value}' names no table", "write table or schema.table, without quotes")
    return value


def _check_source_column(value: str) -> str:
    if _has_odd_character(value):
        raise fault(
            "LF1022", f"'{value}' is not a column name", "write it as the source calls it, without quotes"
        )
    return value


def _check_path(value: str) -> str:
    if ".." in value.split("/") or any(ord(character) < 33 for character in value):
        raise fault("LF1021", f"'{value}' is not a path at the source", "write one such as out/*.csv")
    return value.lstrip("/")


def _has_odd_character(value: str) -> bool:
    return any(character in _NOT_IN_NAMES or ord(character) < 32 for character in value)


TableName = Annotated[str, Field(min_length=1, max_length=386), AfterValidator(_check_table)]
SourceColumn = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_source_column)]
SourcePath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_check_path)]
JsonPath = Annotated[str, Field(pattern=r"^\$[A-Za-z0-9_.\[\]*'-]*$")]


class WatermarkDocument(Document):
    column: SourceColumn
    delay: Duration | None = Field(
        default=None, description="Younger rows wait for the next copy, since transactions commit late"
    )
    parameter: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\[\]$-]{1,64}$")] | None = Field(
        default=None, description="Query parameter by which an API is asked for what is new"
    )


class PartitionsDocument(Document):
    column: SourceColumn
    count: Annotated[int, Field(ge=2, le=50)]


class CopyDocument(Document):
    """What of its source is copied for a dataset, and what of that is new."""

    table: TableName | None = None
    filter: Annotated[str, Field(min_length=1, max_length=4000)] | None = Field(
        default=None, description="SQL condition in the language of the database"
    )
    watermark: (
        Annotated[
            Annotated[SourceColumn, Tag("text")] | Annotated[WatermarkDocument, Tag("mapping")],
            Discriminator(text_or_mapping),
        ]
        | None
    ) = Field(default=None, description="Column that only grows; without it everything is copied each time")
    partitions: PartitionsDocument | None = None
    path: SourcePath | None = Field(default=None, description="Of an API or a file server")
    items: JsonPath | None = None
    next_page: JsonPath | None = None
    after: Annotated[AfterCopy, Field(strict=False)] = AfterCopy.KEEP
