"""What the bodies of acts may say; ``body`` tells how they are read."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from landfall.api.body import (
    FLAG,
    NAMES,
    PRODUCT,
    SINCE,
    TEXT,
    Body,
    FileID,
    ProductKey,
    ShortText,
    Since,
)
from landfall.instants import read_instant
from landfall.landing.dead_letters import MOST_LETTERS, LetterSource
from landfall.landing.replay import MOST_FILES, REPLAYABLE
from landfall.runs.backfills import CHUNK_FILES, MOST_CHUNK_FILES
from landfall.runs.bulk import CANCELLABLE, RERUNNABLE
from landfall.runs.requests import Trigger
from landfall.runs.states import FileState, RunState
from landfall.spec.model import OnFailure

_ON_FAILURE = f"one of {', '.join(OnFailure)}"
_REASON = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


def _one_of(states: Any) -> Any:
    """Return the validator that a state is one of ``states``."""

    def check(state: Any) -> Any:
        if state not in states:
            raise ValueError("not one of them")
        return state

    return AfterValidator(check)


def read_bound(value: Any) -> int | datetime | None:
    """Return a file's id or an instant, UTC where no zone is named; ``None`` for what is neither."""
    if type(value) is int:
        return value if 0 < value < 2**63 else None
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isdecimal() and len(value) < 8:
        return int(value) or None
    return read_instant(value)


def _checked_bound(value: int | str) -> int | str:
    if read_bound(value) is None:
        raise ValueError("neither an id nor an instant")
    return value


def _checked_instant(value: str) -> str:
    instant = read_instant(value)
    if instant is None or datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("no instant with a zone")
    return value


_Bound = Annotated[int | str, AfterValidator(_checked_bound)]


class NoBody(Body):
    """Nothing: an empty body or an empty object."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class StartRun(Body):
    """A run to be started.

    Attributes:
        trigger: Who starts, for the record.
        datasets: Start downstream of these; without any, of what has landed.
        full: Build every transformation again.
        parameters: Kept with the request.
        idempotency_key: The same key for the same product is the same request.
        files: Paths in the landing container of files that were written before; the run waits for their events, and
            one that is not taken in is a failure. Empty texts are passed over.
        callback_uri: Told how the run ends; Data Factory's WebHook activity has its own spelling of it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {},
                {"trigger": "adf", "idempotency_key": "0f9a2c1e", "datasets": ["flights_landed"]},
            ]
        }
    )

    trigger: Literal[Trigger.HTTP, Trigger.ADF] = Field(
        Trigger.HTTP, description=f"one of {Trigger.HTTP}, {Trigger.ADF}"
    )
    datasets: list[str] = Field([], description=NAMES)
    full: bool = Field(False, description=FLAG)
    on_failure: OnFailure | None = Field(None, description=_ON_FAILURE)
    parameters: dict[str, Any] | None = Field(None, description="an object")
    idempotency_key: ShortText | None = Field(None, description=TEXT)
    files: list[str] = Field([], max_length=1_000, description="a list of at most 1,000 paths")
    callback_uri: str | None = Field(None, description="a text")
    callBackUri: str | None = Field(None, description="a text")  # noqa: N815 - so Data Factory spells it


class RerunRun(Body):
    """What of a former run to execute again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from_failed": True}]})

    from_failed: bool = Field(False, description=FLAG)
    node: ShortText | None = Field(None, description=TEXT)
    only: bool = Field(False, description=FLAG)
    newest: bool = Field(False, description=FLAG)
    on_failure: OnFailure | None = Field(None, description=_ON_FAILURE)
    idempotency_key: ShortText | None = Field(None, description=TEXT)

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        faults = []
        if self.from_failed and self.node:
            faults.append("'from_failed' and 'node' exclude each other.")
        if self.only and not self.node:
            faults.append("'only' goes with 'node'.")
        if faults:
            raise ValueError(" ".join(faults))
        return self


class ReplayRun(Body):
    """A repetition of a run with its files, metadata and configuration."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"idempotency_key": "ticket-17"}]})

    idempotency_key: ShortText | None = Field(None, description=TEXT)


_NAME_LIST = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=1_024)]], Field(max_length=100)
]


class ActOnQuarantine(Body):
    """Refused rows of a dataset that are judged again or given up; rules, runs and files narrow them down.

    Attributes:
        files: Addresses, or ends of addresses that begin with a name.
        reason: Stays with rows that are given up, and is needed for that.
        dry_run: Only count the rows.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset": "planes_landed", "rules": ["year_known"]}]}
    )

    dataset: ShortText = Field(description=TEXT)
    rules: _NAME_LIST = Field([], description="a list of at most 100 texts")
    runs: _NAME_LIST = Field([], description="a list of at most 100 texts")
    files: _NAME_LIST = Field([], description="a list of at most 100 texts")
    reason: _REASON | None = Field(None, description="a text of 1 to 1,000 characters")
    dry_run: bool = Field(False, description=FLAG)
    idempotency_key: ShortText | None = Field(None, description=TEXT)


class _RunFilter(Body):
    """Which runs: at least one of product, state, since and all; ``after`` goes on behind a former answer."""

    product: ProductKey | None = Field(None, description=PRODUCT)
    since: Since | None = Field(None, description=SINCE)
    all: bool = Field(False, description=FLAG)
    after: ShortText | None = Field(None, description=TEXT)
    dry_run: bool = Field(False, description=FLAG)
    state: RunState | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not (self.product or self.state or self.since or self.all):
            raise ValueError("Say which runs: 'product', 'state' or 'since', or 'all': true.")
        return self


class CancelRuns(_RunFilter):
    """The runs to cancel."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"product": "mobility/flights", "dry_run": True}]}
    )

    state: Annotated[RunState, _one_of(CANCELLABLE)] | None = Field(
        None, description=f"one of {', '.join(sorted(CANCELLABLE))}"
    )


class RerunRuns(_RunFilter):
    """The runs to execute again, and how."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"state": "failed", "since": "12h", "from_failed": True}]}
    )

    state: Annotated[RunState, _one_of(RERUNNABLE)] | None = Field(
        None, description=f"one of {', '.join(sorted(RERUNNABLE))}"
    )
    from_failed: bool = Field(False, description=FLAG)
    newest: bool = Field(False, description=FLAG)
    on_failure: OnFailure | None = Field(None, description=_ON_FAILURE)


class StartBackfill(Body):
    """Landed files to be taken in again: a range of ids, both included, or of instants, the second excluded."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "2026-01-01", "to": "2026-02-01", "dry_run": True}]}
    )

    from_: _Bound = Field(alias="from", description="a file's id, or a date or instant such as 2026-01-31")
    to: _Bound = Field(description="a file's id, or a date or instant such as 2026-01-31")
    datasets: list[str] = Field([], description=NAMES)
    chunk_files: Annotated[int, Field(ge=1, le=MOST_CHUNK_FILES)] = Field(
        CHUNK_FILES, description=f"a number from 1 to {MOST_CHUNK_FILES}"
    )
    dry_run: bool = Field(False, description=FLAG)
    idempotency_key: ShortText | None = Field(None, description=TEXT)

    @property
    def bounds(self) -> tuple[int | datetime, int | datetime]:
        first, last = read_bound(self.from_), read_bound(self.to)
        if first is None or last is None:
            raise ValueError("a bound was not checked")
        return first, last

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        first, last = self.bounds
        if type(first) is not type(last):
            raise ValueError("'from' and 'to' must both be file ids, or both instants.")
        if first > last:  # type: ignore[operator]  # of one type, as just seen
            raise ValueError("'from' lies behind 'to'.")
        return self


class PauseProduct(Body):
    """Why a product opens no new run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "source sends doubles"}]})

    reason: _REASON | None = Field(None, description="a text of 1 to 1,000 characters")


class ReplayFiles(Body):
    """The landed files to put back to pending: those named, or those that meet a filter."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"file_ids": [17]}, {"product": "mobility/flights", "since": "7d", "dry_run": True}]
        }
    )

    file_ids: list[FileID] = Field(
        [], description=f"a list of 1 to {MOST_FILES} file ids", min_length=1, max_length=MOST_FILES
    )
    state: Annotated[FileState, _one_of(REPLAYABLE)] | None = Field(
        None, description=f"one of {', '.join(sorted(REPLAYABLE))}"
    )
    product: ProductKey | None = Field(None, description=PRODUCT)
    dataset: ShortText | None = Field(None, description=TEXT)
    since: Since | None = Field(None, description=SINCE)
    after: FileID | None = Field(None, description="the id of a file")
    dry_run: bool = Field(False, description=FLAG)

    @model_validator(mode="after")
    def _ids_stand_alone(self) -> Self:
        if self.file_ids and self.model_fields_set - {"file_ids", "dry_run"}:
            raise ValueError("'file_ids' stands alone.")
        return self


class ActOnLetters(Body):
    """The dead letters to replay or discard: those named, or those that meet a filter."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"letter_ids": [3]}, {"source": "queue", "dry_run": True}]}
    )

    letter_ids: list[FileID] = Field(
        [], description=f"a list of 1 to {MOST_LETTERS} ids", min_length=1, max_length=MOST_LETTERS
    )
    source: LetterSource | None = Field(None, description=f"one of {', '.join(LetterSource)}")
    error_code: ShortText | None = Field(None, description=TEXT)
    since: Since | None = Field(None, description=SINCE)
    all: bool = Field(False, description=FLAG)
    after: FileID | None = Field(None, description="the id of a letter")
    dry_run: bool = Field(False, description=FLAG)

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        filters = self.source or self.error_code or self.since or self.all
        if self.letter_ids and (filters or self.after is not None):
            raise ValueError("'letter_ids' stands alone.")
        if not self.letter_ids and not filters:
            raise ValueError(
                "Say which letters: 'letter_ids', or 'source', 'error_code' or 'since', or 'all': true."
            )
        return self


class SetSetting(Body):
    """A value of a setting, from an instant on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"value": "4", "product": "mobility/flights"}, {"value": None}]}
    )

    value: str | None = Field(description="a text, or null to take the own value away")
    product: ProductKey | None = Field(None, description=PRODUCT)
    effective_at: Annotated[str, AfterValidator(_checked_instant)] | None = Field(
        None, description="an instant with its zone, such as 2026-12-01T06:00:00Z"
    )


class RollBackSetting(Body):
    """Whose setting goes back to the value it had before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"product": "mobility/flights"}]})

    product: ProductKey | None = Field(None, description=PRODUCT)
