"""The shape of ``write``: how the rows of a transformation become part of its table."""

from typing import Annotated

from pydantic import Field, model_validator

from landfall.spec.document import Document
from landfall.spec.fields import ColumnName, ColumnRef, Expression, fault
from landfall.spec.model import SnapshotPer, Write, WriteMode

_KEYED = ("keys", "order_by", "delete_when")
# What each mode understands beside itself, and what it cannot do without.
_SETTINGS: dict[WriteMode, tuple[str, ...]] = {
    WriteMode.OVERWRITE: (),
    WriteMode.APPEND: (),
    WriteMode.MERGE: _KEYED,
    WriteMode.SCD1: _KEYED,
    WriteMode.SCD2: (*_KEYED, "valid_from", "valid_to", "is_current"),
    WriteMode.SNAPSHOT: ("per", "column"),
    WriteMode.REPLACE_PARTITIONS: ("partition_by",),
}
_REQUIRED: dict[WriteMode, tuple[str, ...]] = {
    WriteMode.MERGE: ("keys",),
    WriteMode.SCD1: ("keys", "order_by"),
    WriteMode.SCD2: ("keys", "order_by"),
    WriteMode.REPLACE_PARTITIONS: ("partition_by",),
}
_MEANING = {
    "keys": "columns that identify a row",
    "order_by": "the column that says which of two rows is newer",
    "partition_by": "columns whose values name the partitions",
}


class WriteDocument(Document):
    mode: Annotated[WriteMode, Field(strict=False)] = WriteMode.OVERWRITE
    keys: list[ColumnRef] = Field(default=[], description="Columns that identify a row")
    order_by: ColumnRef | None = Field(
        default=None, description="Column that says which of two rows with one key is newer"
    )
    delete_when: Expression | None = Field(
        default=None, description="SQL condition; a row that meets it takes the row of its key away"
    )
    valid_from: ColumnName | None = Field(default=None, description="Name of the column that scd2 adds")
    valid_to: ColumnName | None = Field(default=None, description="Name of the column that scd2 adds")
    is_current: ColumnName | None = Field(default=None, description="Name of the column that scd2 adds")
    per: Annotated[SnapshotPer, Field(strict=False)] | None = Field(
        default=None, description="Whether each date or each run has a copy"
    )
    column: ColumnName | None = Field(default=None, description="Name of the column that a snapshot adds")
    partition_by: list[ColumnRef] = Field(
        default=[], description="Columns whose values name the partitions that are replaced"
    )

    @model_validator(mode="after")
    def _settings_fit_the_mode(self) -> "WriteDocument":
        for key in _REQUIRED.get(self.mode, ()):
            if not getattr(self, key):
                value = f"[{_MEANING[key]}]" if key != "order_by" else _MEANING[key]
                raise fault("LF1045", f"mode {self.mode.value} without {key}", f"add {key}: {value}")
        for key in sorted(self.model_fields_set - {"mode", *_SETTINGS[self.mode]}):
            fitting = [mode.value for mode, settings in _SETTINGS.items() if key in settings]
            message = f"'{key}' means nothing for mode {self.mode.value}"
            raise fault("LF1045", message, f"remove {key}:, or write mode: {' or '.join(fitting)}")
        repeated = {self.order_by} & {*self.keys} - {None}
        if repeated:
            message = f"'{self.order_by}' cannot both identify a row and say which is newer"
            raise fault("LF1045", message, "take it out of keys:")
        return self

    def to_write(self) -> Write:
        per = self.per or SnapshotPer.DATE
        return Write(
            mode=self.mode,
            keys=tuple(self.keys),
            order_by=self.order_by,
            delete_when=self.delete_when,
            valid_from=self.valid_from or "valid_from",
            valid_to=self.valid_to or "valid_to",
            is_current=self.is_current or "is_current",
            partition_by=tuple(self.partition_by),
            snapshot_per=per,
            snapshot_column=self.column or f"snapshot_{per.value}",
        )
