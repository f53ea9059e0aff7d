"""What waits and what is missed, as gauges of what SQL says at that moment."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from activities.measuring import MeasuredWatching
from activities.services import Services
from landfall.metrics import Metrics
from landfall.spec.model import DatasetName, ServiceLevel
from tests.builders import a_product, a_transformation
from tests.databases import a_database
from tests.integration.runs.acting import NOW, apply, land
from tests.integration.runs.test_runs_alarm_notices import watching


async def test_the_watching_timer_sets_every_gauge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
    database = a_database(tmp_path)
    level = ServiceLevel("fresh", 60.0, dataset=DatasetName("orders"))
    apply(database, replace(a_product(a_transformation()), service_levels=(level,)))
    land(database)
    _, services = watching(database, None)
    services.at = NOW + timedelta(hours=1)

    await MeasuredWatching(cast(Services, services), Metrics()).watch()

    measured: Any = reader.get_metrics_data()
    found = {
        (metric.name, next(iter(point.attributes.values()))): point.value
        for resource in measured.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    database.close()
    assert found["landfall.queue", "files_pending"] == 1
    assert found["landfall.queue", "dead_letters"] == 0
    assert found["landfall.service_level.met", "fresh"] == 0
    assert found["landfall.alarms", "freshness_missed"] == 1
    assert found["landfall.alarms", "not_purged"] == 0
