"""The shape of repairs, which rules of severity ``correct`` make of values that break them."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from landfall.spec.document import Document, text_or_mapping
from landfall.spec.fields import Scalar, fault
from landfall.spec.model import TABLE_CHECKS, Check, Repair

_NOT_OF_ONE_VALUE = TABLE_CHECKS | {Check.UNIQUE, Check.FOREIGN_KEY}


class RepairDocument(Document):
    """Repairs that name values; the others are a word."""

    default: Scalar | None = Field(default=None, description="Value that takes the place of a wrong one")
    replace: Annotated[dict[str, Scalar], Field(min_length=1)] | None = Field(
        default=None, description="Values that take the place of others, by these"
    )

    @model_validator(mode="after")
    def _is_one(self) -> "RepairDocument":
        if (self.default is None) == (self.replace is None):
            raise fault("LF1029", "a repair is one thing", "write default: or replace:")
        return self


RepairField = Annotated[
    Annotated[Repair, Field(strict=False), Tag("text")] | Annotated[RepairDocument, Tag("mapping")],
    Discriminator(text_or_mapping),
]


def check_repair(rule: Any) -> None:
    """Refuse a rule whose check is about no single value, or whose repair does not go with its check."""
    if rule.check in _NOT_OF_ONE_VALUE or getattr(rule, "references", None) is not None:
        message = f"rule '{rule.name}' compares rows or tables, so no single value is wrong"
        raise fault("LF1029", message, "write severity: warn, quarantine or fail, or repair it in a step")
    if rule.repair is None:
        remedy = "add repair: trim, clamp, to_null, {default: ...} or {replace: {...}}"
        raise fault("LF1029", f"rule '{rule.name}' corrects values and does not say how", remedy)
    columns = getattr(rule, "columns", None) or [rule.column]
    if len(columns) != 1 or columns[0] is None:
        message = f"rule '{rule.name}' must say which one column it repairs"
        remedy = "write column: with its name" if columns == [None] else "write a rule for each column"
        raise fault("LF1029", message, remedy)
    has_limit = rule.check == Check.RANGE or (rule.check == Check.LENGTH and rule.max is not None)
    if rule.repair is Repair.CLAMP and not has_limit:
        message = f"rule '{rule.name}' has no limit to which a value could be clamped"
        raise fault("LF1029", message, "clamp in check: range, or in check: length with max:")
