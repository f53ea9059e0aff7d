"""The part of a durable orchestration context that our orchestrators use."""

from datetime import datetime
from typing import Any, Protocol


class DurableTask(Protocol):
    """Something an orchestrator waits for."""

    @property
    def is_completed(self) -> bool: ...


class DurableTimer(DurableTask, Protocol):
    def cancel(self) -> None: ...


class DurableContext(Protocol):
    """What ``azure.durable_functions.DurableOrchestrationContext`` offers.

    Declared here because orchestrators are replayed and import nothing of Azure.
    """

    @property
    def instance_id(self) -> str: ...

    @property
    def current_utc_datetime(self) -> datetime: ...

    def get_input(self) -> Any: ...

    def call_activity(self, name: str, input_: Any) -> DurableTask: ...

    def call_sub_orchestrator(self, name: str, input_: Any, *, instance_id: str) -> DurableTask: ...

    def create_timer(self, fire_at: datetime) -> DurableTimer: ...

    def wait_for_external_event(self, name: str) -> DurableTask: ...

    def task_any(self, activities: list[DurableTask]) -> DurableTask: ...

    def continue_as_new(self, input_: Any) -> None: ...
