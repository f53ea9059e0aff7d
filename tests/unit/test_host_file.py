"""The Functions host speaks OpenTelemetry, and host and app send nothing twice."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = json.loads((ROOT / "host.json").read_text())
# With one of these the worker exports logs and spans of its own, beside those that the host and we export.
OF_WORKER = ("PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY")


def test_the_host_is_in_its_opentelemetry_mode() -> None:
    assert HOST["telemetryMode"] == "OpenTelemetry"
    # What this section says is for the other mode.
    assert "applicationInsights" not in HOST["logging"]


def test_orchestrations_have_no_spans_of_the_extension_beside_ours() -> None:
    assert not HOST["extensions"]["durableTask"].get("tracing", {}).get("distributedTracingEnabled", False)


def test_the_worker_exports_nothing_by_itself() -> None:
    files = [
        *(ROOT / "infra").rglob("*.tf"),
        *(ROOT / "infra").rglob("*.tfvars"),
        ROOT / "local.settings.example.json",
        *(ROOT / "landfall").rglob("*.py"),
    ]

    assert [str(path) for path in files if any(name in path.read_text() for name in OF_WORKER)] == []


def test_the_app_exports_spans_and_metrics_and_leaves_logs_to_the_host() -> None:
    source = (ROOT / "landfall" / "exporting.py").read_text()

    assert set(re.findall(r"AzureMonitor(\w+)Exporter\(", source)) == {"Trace", "Metric"}
    assert set(re.findall(r"OTLP(\w+)Exporter\(", source)) == {"Span", "Metric"}
