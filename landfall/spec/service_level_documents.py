"""The shape of ``service_levels``: what consumers of a product may count on."""

from typing import Annotated

from pydantic import Field, model_validator

from landfall.spec.document import Document
from landfall.spec.fields import Duration, Name, fault


class FreshnessDocument(Document):
    dataset: Name
    max_age: Duration = Field(description="Longest time since the dataset was published last")


class SuccessDocument(Document):
    share: Annotated[float, Field(gt=0, le=1, strict=False)] = Field(
        description="Smallest share of the runs that ended which have to succeed, above 0 and up to 1"
    )
    over: Duration = Field(default="28d", description="Length of the time that is looked back on")


class ServiceLevelDocument(Document):
    """One objective: how old a dataset may be, or which share of runs succeeds."""

    name: Name
    freshness: FreshnessDocument | None = None
    success: SuccessDocument | None = None

    @model_validator(mode="after")
    def _has_one(self) -> "ServiceLevelDocument":
        given = [key for key in ("freshness", "success") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "nothing"
            message = f"service level '{self.name}' is about one thing, and {found} is given"
            raise fault("LF1030", message, "write one of freshness: and success:")
        return self
