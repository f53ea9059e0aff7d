"""What the demo tells of its journey, and what it needs to begin."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from landfall.cli.demo import (
    FILES,
    ExampleMissing,
    FilesNotTaken,
    Journey,
    example_file,
    example_product,
    exit_code_of_journey,
    facts_of,
    running_stack,
    source_files,
)
from landfall.landing.matching import match_dataset
from landfall.landing.placing import landing_place
from landfall.landing.queries import LandedFile
from landfall.local import stack
from landfall.planning.plan import NodeKey
from landfall.runs.costs import RunCosts
from landfall.runs.ids import RunID
from landfall.runs.queries import NodeSummary, RunDetail, RunSummary
from landfall.runs.states import FileState, NodeState, RunState

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def a_node(key: str, layer: str, *, from_s: float, to_s: float, job_s: float) -> NodeSummary:
    return NodeSummary(
        key=NodeKey(key),
        kind="transform",
        state=NodeState.SUCCEEDED,
        attempt=1,
        output=key,
        layer=layer,
        claimed_at=NOW,
        started_at=NOW + timedelta(seconds=from_s),
        finished_at=NOW + timedelta(seconds=to_s),
        job_run_id=1,
        job_run_url=None,
        error_code=None,
        reason=None,
        rows_read=100,
        rows_published=90,
        rows_quarantined=10,
        timings_s={"total": job_s},
    )


def a_run(nodes: Sequence[NodeSummary], state: RunState = RunState.SUCCEEDED) -> RunDetail:
    run = RunSummary(
        run_id=RunID("r1"),
        product="mobility/flights",
        trigger="landing",
        state=state,
        reason=None,
        nodes=len(nodes),
        open_nodes=0,
        metadata_version=1,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW,
    )
    edges = tuple((one.key, other.key) for one, other in pairwise(nodes))
    return RunDetail(run=run, nodes=tuple(nodes), rules=(), edges=edges, left_out={}, costs=RunCosts(0, {}))


def a_file(state: FileState = FileState.DONE, *, reason: str | None = None) -> LandedFile:
    return LandedFile(
        file_id=1,
        url="https://contoso.blob.core.windows.net/landing/mobility/flights/weather/weather.csv",
        etag="0x1",
        size_bytes=1,
        product="mobility/flights",
        dataset="weather_landed",
        state=state,
        reason=reason,
        run_id="r1",
        event_count=1,
        landed_at=NOW,
        finished_at=NOW,
    )


def test_the_facts_say_where_the_time_went() -> None:
    nodes = [
        a_node("orders_landed", "bronze", from_s=2, to_s=4, job_s=1.5),
        a_node("orders", "silver", from_s=4, to_s=6, job_s=1.5),
        a_node("daily", "gold", from_s=6, to_s=8, job_s=1.0),
    ]

    facts = facts_of(Journey(landed_at=NOW, files=(a_file(),), runs=(a_run(nodes),)))

    assert facts["files taken in"] == "1 of 1"
    assert facts["nodes succeeded"] == "3 of 3"
    assert (facts["rows read"], facts["rows published"], facts["rows quarantined"]) == ("300", "270", "30")
    assert facts["upload to first job started"] == "2.0 s"
    assert facts["upload to last gold table"] == "8.0 s"
    assert facts["job time on the critical path"] == "4.0 s (orders_landed > orders > daily)"
    assert facts["ratio of the two"] == "2.00"


def test_a_journey_without_runs_has_facts_too() -> None:
    facts = facts_of(Journey(landed_at=NOW, files=(), runs=()))

    assert facts["runs"] == "none"


@pytest.mark.parametrize(
    ("keep", "ran", "stays"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_a_stack_that_ran_before_or_is_to_be_kept_runs_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keep: bool, ran: bool, stays: bool
) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr(stack, "is_running", lambda _: ran)
    monkeypatch.setattr(stack, "start", lambda *_, **__: SimpleNamespace(already_running=ran))
    monkeypatch.setattr(stack, "stop", stopped.append)

    with running_stack(tmp_path, keep=keep) as told:
        pass

    assert told is stays
    assert stopped == ([] if stays else [tmp_path])


def test_the_demo_ends_with_0_only_if_every_node_succeeded() -> None:
    nodes = [a_node("orders", "silver", from_s=1, to_s=2, job_s=1)]
    failed = [replace(nodes[0], state=NodeState.FAILED, error_code="LF4571")]

    assert exit_code_of_journey(Journey(NOW, (a_file(),), (a_run(nodes),))) == 0
    assert exit_code_of_journey(Journey(NOW, (a_file(),), (a_run(failed, RunState.FAILED),))) == 1
    with pytest.raises(FilesNotTaken, match=r"weather.csv is rejected: it is empty"):
        exit_code_of_journey(Journey(NOW, (a_file(FileState.REJECTED, reason="it is empty"),), ()))


def test_every_file_of_the_example_lands_where_its_dataset_looks() -> None:
    product = example_product(ROOT)

    landed = {dataset.name for dataset in product.datasets if dataset.landing is not None}

    assert landed == set(FILES)
    for dataset, path in source_files().items():
        assert path.is_file()
        match = match_dataset(product, landing_place(product, dataset, path.name))
        assert match is not None
        assert match.name == dataset


def test_a_project_without_the_example_says_what_to_do_instead(project: Path) -> None:
    with pytest.raises(ExampleMissing, match="landfall land"):
        example_file(project)
