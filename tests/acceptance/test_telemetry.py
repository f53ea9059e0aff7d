"""One landed file through the whole stack is one trace, sent to a collector and to Application Insights at once."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout
from landfall.telemetry import run_span
from tests.acceptance.laptop import Laptop
from tests.collector import (
    Receiver,
    connection_string,
    envelopes,
    insights_spans,
    otlp_metrics,
    otlp_spans,
    receiving,
)

pytestmark = pytest.mark.stack

CANARY = "kanarienvogel"
PRODUCT_KEY = "sales/orders"
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-data, email: sales-data@contoso.example}
description: Orders, and how many of them each customer made.
sources:
  - {name: shop, type: file, format: csv, options: {header: true}}
datasets:
  - name: orders_landed
    source: shop
    landing: {path: "in/*.csv"}
    layer: bronze
    columns: [{name: id, type: int, nullable: false}, {name: customer, type: string}, {name: amount, type: int}]
    quality:
      - {name: amount_known, check: not_null, columns: [amount], severity: quarantine}
run: {settle: 100ms}
transformations:
  - name: per_customer
    inputs: [orders_landed]
    steps: [{aggregate: {by: [customer], measures: {orders: count(*)}}}]
    output: {dataset: per_customer, layer: gold}
"""
CONTENT = f"id,customer,amount\n1,{CANARY},3\n2,{CANARY},\n3,bo,{CANARY}\n"
NODES = ("ingest.orders_landed", "per_customer")
RUN = f"run {PRODUCT_KEY}"
# The name of every hop, and the names that lead to it from the root.
HOPS = {
    (RUN,),
    (RUN, "land orders_landed"),
    (RUN, "land orders_landed", "event orders_landed"),
    (RUN, "coordinator"),
    (RUN, "coordinator", "open_run"),
    (RUN, "start_run"),
    (RUN, "close_run"),
    *((RUN, f"node {key}") for key in NODES),
    *(
        (RUN, f"node {key}", *path)
        for key in NODES
        for path in (
            ("submit_job",),
            ("submit_job", "jobs run-now"),
            ("check_job",),
            ("check_job", "jobs runs/get"),
            (f"job {key}",),
            (f"job {key}", "read"),
            (f"job {key}", "write"),
        )
    ),
    (RUN, "node ingest.orders_landed", "job ingest.orders_landed", "check"),
    (RUN, "node per_customer", "job per_customer", "transform"),
    *((RUN, *path, "SELECT") for path in (("coordinator", "open_run"), ("start_run",), ("close_run",))),
    *((RUN, f"node {key}", name, "SELECT") for key in NODES for name in ("submit_job", "check_job")),
}


@dataclass
class Told:
    """A stack through which one file went, what it sent until it was stopped, and where its logs are."""

    laptop: Laptop
    run_id: str
    secrets: tuple[str, ...]
    collector: Receiver
    insights: Receiver
    tree: str
    job_logs: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    project = tmp_path_factory.mktemp("telemetry")
    with receiving() as collector, receiving() as insights, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("OTEL_", "APPLICATIONINSIGHTS_"))]:
            patch.delenv(name)
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", connection_string(insights))
        patch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
        patch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
        patch.setenv("LANDFALL_TELEMETRY_FILE", str(project / "spans.jsonl"))
        laptop = Laptop.start(project, PRODUCT_KEY, PRODUCT)
        try:
            laptop.upload(f"{PRODUCT_KEY}/in/1.csv", CONTENT.encode())
            run_id = laptop.ended_run(after=0).run.run_id
            ended = f"{run_span(run_id).span_id:016x}"
            laptop.wait_for(
                lambda: ended in {span["span_id"] for span in otlp_spans(collector)}, "the span of the run"
            )
            laptop.wait_for(
                lambda: "landfall.run.duration" in otlp_metrics(collector), "the metrics of the run"
            )
            variables = read_environment(Layout(project).env_file)
            tree = laptop.succeed("runs", "trace", "@last")
            print(tree)
            job_logs = laptop.succeed("runs", "logs", "@last")
        finally:
            laptop.stop()
        secrets = tuple(variables[name] for name in ("DATABRICKS_TOKEN", "LANDFALL_STORAGE_KEY"))
        yield Told(laptop, run_id, secrets, collector, insights, tree, job_logs)


def paths(spans: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    """Return how often there is a span of each path of names; of a SQL statement the verb alone."""
    by_id = {span["span_id"]: span for span in spans}

    def path(span: dict[str, Any]) -> tuple[str, ...]:
        name = span["name"].split(" ")[0] if "db.system.name" in span["attributes"] else span["name"]
        above = by_id.get(span["parent_id"])
        return (*path(above), name) if above is not None else (name,)

    return Counter(map(path, spans))


def test_a_collector_receives_one_trace_with_every_hop(told: Told) -> None:
    spans = otlp_spans(told.collector)

    assert {span["trace_id"] for span in spans} == {run_span(told.run_id).trace}
    assert HOPS - set(paths(spans)) == set()


def test_application_insights_receives_the_same_trace(told: Told) -> None:
    spans = insights_spans(told.insights)

    assert {span["trace_id"] for span in spans} == {run_span(told.run_id).trace}
    assert {span["span_id"] for span in spans} == {span["span_id"] for span in otlp_spans(told.collector)}


def test_nothing_is_sent_twice(told: Told) -> None:
    for spans in (otlp_spans(told.collector), insights_spans(told.insights)):
        counted = Counter(span["span_id"] for span in spans)
        assert [name for name, times in counted.items() if times > 1] == []


def test_replay_repeats_no_span(told: Told) -> None:
    found = paths(otlp_spans(told.collector))
    once = [RUN, "coordinator", "start_run", "close_run", *(f"node {key}" for key in NODES)]

    assert {name: times for (*_, name), times in found.items() if name in once} == dict.fromkeys(once, 1)


def test_the_metrics_of_a_run_arrive_at_both(told: Told) -> None:
    names = set(otlp_metrics(told.collector))
    same = {
        metric["name"]
        for item in envelopes(told.insights)
        if item["data"]["baseType"] == "MetricData"
        for metric in item["data"]["baseData"]["metrics"]
    }
    expected = {"landfall.files", "landfall.runs", "landfall.nodes", "landfall.rows", "landfall.job.seconds"}

    assert expected <= names
    assert expected <= same


def test_the_command_prints_the_trace_as_a_tree(told: Told) -> None:
    lines = told.tree.splitlines()

    assert any(line.endswith(RUN) for line in lines)
    assert any("└─ " in line and line.endswith("write") for line in lines)
    assert len(lines) == len({span["span_id"] for span in otlp_spans(told.collector)}) + 1


def test_the_lines_of_jobs_name_product_run_node_and_trace(told: Told) -> None:
    for key in NODES:
        about = f"product={PRODUCT_KEY} run={told.run_id} node={key} attempt=1 trace={run_span(told.run_id).trace}"
        assert about in told.job_logs


def test_no_log_and_no_span_holds_a_value_of_a_row_or_a_secret(told: Told) -> None:
    layout = Layout(told.laptop.project)
    texts = {
        str(file.relative_to(told.laptop.project)): file.read_text(errors="replace")
        for file in sorted(layout.logs.rglob("*"))
        if file.is_file()
    }
    sent = {
        f"{path}{number}": body.decode(errors="replace")
        for receiver in (told.collector, told.insights)
        for path, bodies in receiver.bodies.items()
        for number, body in enumerate(bodies)
    }
    texts["runs logs"] = told.job_logs
    assert len(texts) > 1
    assert sent

    found = [
        (name, word)
        for name, text in {**texts, **sent}.items()
        for word in (CANARY, *told.secrets)
        if word in text
    ]
    assert found == []
