"""The shape of ``load``: what of its inputs a transformation reads."""

from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from landfall.spec.document import Document, text_or_mapping
from landfall.spec.fields import ColumnRef, Reference, fault
from landfall.spec.model import LoadMode

Mode = Annotated[LoadMode, Field(strict=False)]


class RestateDocument(Document):
    column: ColumnRef = Field(description="A date or timestamp of the first input")
    days: Annotated[int, Field(ge=1, le=36_500)]


class LoadDocument(Document):
    mode: Mode
    groups: list[ColumnRef] = Field(
        default=[],
        description="Columns of the first input; of a group that new rows belong to all rows are read",
    )
    restate: RestateDocument | None = Field(
        default=None, description="Rows of the last days before the newest value are read again each time"
    )
    tolerate: list[Reference] = Field(
        default=[], description="Other inputs whose changes do not have everything built again"
    )

    @model_validator(mode="after")
    def _settings_are_for_increments(self) -> "LoadDocument":
        settings = sorted(self.model_fields_set - {"mode"})
        if self.mode is LoadMode.FULL and settings:
            message = f"'{settings[0]}' means nothing where every input is read whole"
            raise fault("LF1030", message, f"remove {settings[0]}:, or write mode: incremental")
        return self


LoadField = Annotated[
    Annotated[Mode, Tag("text")] | Annotated[LoadDocument, Tag("mapping")], Discriminator(text_or_mapping)
]
