"""The watching timer with metrics of what SQL says at that moment. Used only where telemetry goes somewhere."""

import asyncio
from collections.abc import Iterable, Mapping

from activities.services import Services
from activities.watching import Watching
from landfall.metadata.alarms import AlarmName, count_alarms
from landfall.metadata.service_levels import LevelState
from landfall.metrics import Metrics
from landfall.runs.queue_depths import queue_depths
from landfall.runs.service_levels import LevelReport, list_service_levels


class MeasuredWatching(Watching):
    """Watches, and then sets the gauges."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__(services)
        self._metrics = metrics

    async def watch(self) -> None:
        """Measure what is due, tell who has to know, and set every gauge to what it is now."""
        await super().watch()
        now, database = self._services.now(), self._services.database
        levels = await asyncio.to_thread(
            database.read, lambda connection: list_service_levels(connection, now=now)
        )
        tell_levels(levels, self._metrics)
        tell_alarms(await asyncio.to_thread(database.read, count_alarms), self._metrics)
        for name, count in (await asyncio.to_thread(database.read, queue_depths)).items():
            self._metrics.queue.set(count, {"landfall.queue.of": name})


def tell_levels(levels: Iterable[LevelReport], metrics: Metrics) -> None:
    """Set the gauges of service levels; one of which nothing can be said yet has none."""
    for level in levels:
        labels = {"landfall.product": level.product}
        if level.dataset is not None and level.age_s is not None:
            metrics.dataset_age.set(level.age_s, {"landfall.dataset": level.dataset, **labels})
        if level.state is not LevelState.UNKNOWN:
            met = 1 if level.state is LevelState.MET else 0
            metrics.level_met.set(met, {"landfall.service_level": level.name, **labels})


def tell_alarms(lasting: Mapping[str, int], metrics: Metrics) -> None:
    """Set the gauge of every alarm, so that one that is over falls to nothing."""
    for name in AlarmName:
        metrics.alarms.set(lasting.get(name, 0), {"landfall.alarm": str(name)})
