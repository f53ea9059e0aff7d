"""What a run pins of its settings, and what follows from it for the attempts of a node."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from landfall.spec.model import OnFailure, RunSettings


class FailureClass(StrEnum):
    """Whose failure an attempt was: a user's is never tried again, the others are, each as often as allowed.

    Of a pack, a neighbour's is that of another node, which ended the job run before it came to this one.
    """

    USER = "user"
    INFRASTRUCTURE = "infrastructure"
    CAPACITY = "capacity"
    NEIGHBOUR = "neighbour"


# The longest pause where the workspace had no room; such a lack lasts minutes, seldom hours.
_CAPACITY_DELAY_MAX_S = 900.0


# How often the job run of a node may be ended by others before it came to it.
_MOST_NEIGHBOURS = 20


@dataclass(frozen=True, slots=True)
class Retries:
    """How often attempts that failed for one reason are tried again; pauses in seconds.

    Attributes:
        most: Further attempts after the first one.
        first_s: Pause before the first of them; it doubles with every further one.
        cap_s: Longest pause.
    """

    most: int
    first_s: float
    cap_s: float


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """The settings that a run started with; durations in seconds."""

    retries: int
    retry_delay_s: float
    retry_delay_max_s: float
    capacity_retries: int
    capacity_delay_s: float
    node_timeout_s: int
    patience_s: float
    on_failure: OnFailure

    @classmethod
    def of(cls, run: RunSettings, configured: Mapping[str, Any]) -> Self:
        """Return the policy of a product with the settings in effect, by name."""
        return cls(
            retries=run.retries,
            retry_delay_s=run.retry_delay_s,
            retry_delay_max_s=run.retry_delay_max_s,
            capacity_retries=configured["runs.capacity_retries"],
            capacity_delay_s=configured["runs.capacity_delay"],
            node_timeout_s=run.node_timeout_s,
            patience_s=configured["jobs.patience"],
            on_failure=run.on_failure,
        )

    def to_payload(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **{name: payload[name] for name in cls.__dataclass_fields__},
                "on_failure": OnFailure(payload["on_failure"]),
            }
        )

    def timeout_s(self, definition: Mapping[str, Any]) -> int:
        """Return how long an attempt of a node may take, after its definition or else the product."""
        timeout_s: int = definition.get("run", {}).get("timeout_s", self.node_timeout_s)
        return timeout_s

    def retries_after(self, failure: FailureClass, definition: Mapping[str, Any]) -> Retries:
        """Return how a node is tried again after a failure of a class, after its definition or else the product."""
        own = definition.get("run", {})
        match failure:
            case FailureClass.USER:
                return Retries(0, 0, 0)
            case FailureClass.CAPACITY:
                return Retries(
                    self.capacity_retries,
                    self.capacity_delay_s,
                    max(self.capacity_delay_s, _CAPACITY_DELAY_MAX_S),
                )
            case FailureClass.NEIGHBOUR:
                # Each time the node that ended the job run goes on alone, so that this ends by itself.
                return Retries(_MOST_NEIGHBOURS, self.retry_delay_s, self.retry_delay_max_s)
            case FailureClass.INFRASTRUCTURE:
                return Retries(
                    own.get("retries", self.retries),
                    own.get("retry_delay_s", self.retry_delay_s),
                    own.get("retry_delay_max_s", self.retry_delay_max_s),
                )
