"""What the host takes from ``host.json``."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from landfall.local.functions_host.errors import HostFileInvalid
from landfall.local.functions_host.hub import HubSettings
from landfall.local.functions_host.queue_triggers import QueueSettings

_TIME_SPAN = re.compile(r"^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?$")


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Settings of the Functions host and of the Durable extension.

    Attributes:
        route_prefix: Path prefix of HTTP triggers, without slashes; may be empty.
        function_timeout: Longest run of a function, ``None`` for no limit.
        hub: Set-up of the task hub.
        max_activities: Activities that run at once.
        max_orchestrations: Episodes that run at once.
        queues: How queue triggers take messages.
    """

    route_prefix: str = "api"
    function_timeout: timedelta | None = None
    hub: HubSettings = field(default_factory=HubSettings)
    max_activities: int = 20
    max_orchestrations: int = 20
    queues: QueueSettings = field(default_factory=QueueSettings)

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Return the settings of the app in ``folder``; without a ``host.json`` they are the defaults.

        Raises:
            HostFileInvalid: The file is not JSON, or a value in it cannot be used.
        """
        path = folder / "host.json"
        if not path.exists():
            return cls.from_json({})
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8-sig")))
        except (ValueError, TypeError, AttributeError) as error:
            raise HostFileInvalid(path, f"cannot be used: {error}") from error

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the settings that a parsed ``host.json`` holds.

        Raises:
            ValueError: A value cannot be used.
        """
        extensions = content.get("extensions") or {}
        durable = extensions.get("durableTask") or {}
        cores = os.cpu_count() or 1
        timeout = content.get("functionTimeout")
        queues = extensions.get("queues") or {}
        return cls(
            route_prefix=str((extensions.get("http") or {}).get("routePrefix", "api")).strip("/"),
            function_timeout=None if timeout in (None, "-1") else time_span(str(timeout)),
            hub=HubSettings(
                name=str(durable.get("hubName") or "TestHubName"),
                default_version=str(durable.get("defaultVersion") or ""),
                max_actions=int(durable.get("maxOrchestrationActions") or 100_000),
                replaces_any_state=durable.get("overridableExistingInstanceStates") == "AnyState",
                max_entity_batch=int(durable.get("maxEntityOperationBatchSize") or 5000),
            ),
            max_activities=int(durable.get("maxConcurrentActivityFunctions") or 10 * cores),
            queues=QueueSettings(
                batch_size=min(32, int(queues.get("batchSize") or 16)),
                most_deliveries=int(queues.get("maxDequeueCount") or 5),
                retry_after_s=round(
                    time_span(str(queues.get("visibilityTimeout") or "00:00:00")).total_seconds()
                ),
            ),
            max_orchestrations=int(durable.get("maxConcurrentOrchestratorFunctions") or 10 * cores),
        )


def time_span(text: str) -> timedelta:
    """Return the duration that ``text`` gives in the .NET form ``[d.]hh:mm:ss[.fffffff]``.

    Raises:
        ValueError: ``text`` has another form.
    """
    match = _TIME_SPAN.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration of the form [d.]hh:mm:ss")
    days, hours, minutes, seconds, fraction = match.groups()
    return timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or "0").ljust(6, "0")[:6]),
    )
