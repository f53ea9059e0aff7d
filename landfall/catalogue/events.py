"""A run as events of OpenLineage: its start, and at its end every node with what it read, wrote and found.

Only built where a catalogue is named: the client's classes take long to load.

Source:
    OpenLineage 2-0-2, RunEvent; facets as the client generates them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    data_quality_metrics_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    documentation_job,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    ownership_job,
    parent_run,
    schema_dataset,
    symlinks_dataset,
    test_run,
)

from landfall import addresses
from landfall.lineage.edges import ColumnEdge, DependencyKind
from landfall.lineage.traces import ALL_COLUMNS
from landfall.runs.states import NodeState
from landfall.runs.states import RunState as OwnRunState
from landfall.runs.stories import NodeStory, RunStory, Table

PRODUCER = "https://github.com/landfall/landfall"

# Run ids are ours; a catalogue wants UUIDs, and the same one for whoever tells the same run again.
_RUNS = UUID("5bd0c0a5-4f4e-5b0f-9d0e-1f6f2d0a7c11")
_END = {
    OwnRunState.SUCCEEDED: RunState.COMPLETE,
    OwnRunState.FAILED: RunState.FAIL,
    OwnRunState.CANCELLED: RunState.ABORT,
    NodeState.SUCCEEDED: RunState.COMPLETE,
    NodeState.FAILED: RunState.FAIL,
    NodeState.SKIPPED: RunState.ABORT,
    NodeState.CANCELLED: RunState.ABORT,
}
# By severity, what the breach of a rule means to whoever waits for the data.
_ASSUMED = "assumed: code in between cannot be read"
_SEVERITY = {"fail": "error", "quarantine": "warn", "warn": "warn", "correct": "warn"}


class Teller:
    """Turns what a run did into events.

    Args:
        namespace: Of jobs, so that several installations can be told apart in one catalogue.
        account: Storage account of the lake.
    """

    def __init__(self, *, namespace: str, account: str) -> None:
        self._namespace = namespace
        self._account = account

    def start(self, story: RunStory) -> tuple[RunEvent, ...]:
        """Return the event of a run that has begun."""
        return (self._of_run(story, RunState.START, story.started_at),)

    def end(self, story: RunStory) -> tuple[RunEvent, ...]:
        """Return the events of a run that has ended: of its nodes in the order they began, and its own."""
        if story.finished_at is None:
            return ()
        own = self._of_run(story, _END[story.state], story.finished_at)
        return (*(event for node in story.nodes for event in self._of_node(story, node)), own)

    def declared(self, story: RunStory) -> tuple[JobEvent, ...]:
        """Return an event for each node that a product declares: lineage as it is meant, without a run."""
        return tuple(
            JobEvent(
                eventTime=node.finished_at.isoformat(),
                producer=PRODUCER,
                job=self._job(story, f"{story.product}.{node.key}", node.description, "TASK"),
                inputs=self._inputs(node),
                outputs=self._outputs(story, node),
            )
            for node in story.nodes
        )

    def _of_run(self, story: RunStory, kind: RunState, at: datetime) -> RunEvent:
        job = self._job(story, story.product, story.description, "DAG")
        return _event(kind, at, Run(_run_uuid(story.run_id)), job)

    def _of_node(self, story: RunStory, node: NodeStory) -> Iterator[RunEvent]:
        job = self._job(story, f"{story.product}.{node.key}", node.description, "TASK")
        inputs = self._inputs(node)
        facets: dict[str, RunFacet] = {"parent": self._parent(story)}
        run_id = _run_uuid(story.run_id, node.key)
        yield _event(RunState.START, node.started_at, Run(run_id, facets=dict(facets)), job, inputs)
        if node.rules:
            facets["test"] = _tests(node)
        if node.state is NodeState.FAILED:
            # The code alone: a reason may quote a value of a row.
            code = node.error_code or "failed"
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(code, "PYTHON")
        outputs = self._outputs(story, node) if node.state is NodeState.SUCCEEDED else []
        yield _event(_END[node.state], node.finished_at, Run(run_id, facets=facets), job, inputs, outputs)

    def _job(self, story: RunStory, name: str, description: str, kind: str) -> Job:
        facets: dict[str, JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", "LANDFALL", kind),
            "ownership": ownership_job.OwnershipJobFacet(
                [
                    ownership_job.Owner(f"team:{story.owner_team}", "OWNER"),
                    ownership_job.Owner(f"mailto:{story.owner_email}", "CONTACT"),
                ]
            ),
        }
        if description:
            facets["documentation"] = documentation_job.DocumentationJobFacet(description)
        return Job(self._namespace, name, facets)

    def _parent(self, story: RunStory) -> parent_run.ParentRunFacet:
        run_id = _run_uuid(story.run_id)
        return parent_run.ParentRunFacet(
            run=parent_run.Run(run_id),
            job=parent_run.Job(self._namespace, story.product),
            root=parent_run.Root(
                parent_run.RootRun(run_id), parent_run.RootJob(self._namespace, story.product)
            ),
        )

    def _inputs(self, node: NodeStory) -> list[InputDataset]:
        if node.landing is not None:
            measured: dict[str, InputDatasetFacet] = {}
            if node.files:
                metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
                    columnMetrics={}, rowCount=node.rows_read, bytes=node.bytes, fileCount=node.files
                )
                measured["dataQualityMetrics"] = metrics
            return [InputDataset(self._namespace_of(addresses.LANDING), node.landing, measured)]
        return [
            InputDataset(self._lake, _path(table), facets={"symlinks": self._symlink(table)})
            for table in node.inputs
        ]

    def _outputs(self, story: RunStory, node: NodeStory) -> list[OutputDataset]:
        found = [self._output(story, node, node.output, node.rows_published)]
        if node.rows_quarantined:
            found.append(self._output(story, node, node.quarantine, node.rows_quarantined))
        return found

    def _output(self, story: RunStory, node: NodeStory, table: Table, rows: int | None) -> OutputDataset:
        facets: dict[str, DatasetFacet] = {"symlinks": self._symlink(table)}
        lineage = self._lineage(story, [edge for edge in node.edges if edge.target.dataset == table.name])
        if lineage is not None:
            facets["columnLineage"] = lineage
        if table.layer is not None:
            facets["schema"] = schema_dataset.SchemaDatasetFacet(
                [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in node.columns]
            )
            if rows is not None:
                facets["dataQualityMetrics"] = data_quality_metrics_dataset.DataQualityMetricsDatasetFacet(
                    columnMetrics={}, rowCount=rows
                )
            if node.table_version is not None:
                facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
                    str(node.table_version)
                )
        statistics: dict[str, OutputDatasetFacet] = {}
        if rows is not None:
            counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rows)
            statistics["outputStatistics"] = counted
        return OutputDataset(self._lake, _path(table), statistics, facets=facets)

    def _lineage(
        self, story: RunStory, edges: Sequence[ColumnEdge]
    ) -> column_lineage_dataset.ColumnLineageDatasetFacet | None:
        """Return column lineage as the standard has it, ``None`` where nothing is known."""
        fields: dict[str, list[column_lineage_dataset.InputField]] = {}
        rows: list[column_lineage_dataset.InputField] = []
        for edge in edges:
            table = story.tables.get(edge.source.dataset)
            if table is None:
                continue
            is_assumed = edge.kind is DependencyKind.ASSUMED
            decides = edge.kind is DependencyKind.FILTER or (is_assumed and edge.target.column == ALL_COLUMNS)
            field = column_lineage_dataset.InputField(
                self._lake,
                _path(table),
                edge.source.column,
                [
                    column_lineage_dataset.Transformation(
                        *(("INDIRECT", "FILTER") if decides else ("DIRECT", "TRANSFORMATION")),
                        description=_ASSUMED if is_assumed else None,
                    )
                ],
            )
            (rows if decides else fields.setdefault(edge.target.column, [])).append(field)
        if not fields and not rows:
            return None
        return column_lineage_dataset.ColumnLineageDatasetFacet(
            {name: column_lineage_dataset.Fields(inputs) for name, inputs in fields.items()}, rows
        )

    def _symlink(self, table: Table) -> symlinks_dataset.SymlinksDatasetFacet:
        """Return the name by which people know a table, beside the place where it lies."""
        return symlinks_dataset.SymlinksDatasetFacet(
            [symlinks_dataset.Identifier(self._namespace, table.name, "TABLE")]
        )

    @property
    def _lake(self) -> str:
        return self._namespace_of(addresses.LAKE)

    def _namespace_of(self, container: str) -> str:
        return addresses.abfss_uri(self._account, container).rstrip("/")


def _event(
    kind: RunState,
    at: datetime,
    run: Run,
    job: Job,
    inputs: Sequence[InputDataset] = (),
    outputs: Sequence[OutputDataset] = (),
) -> RunEvent:
    return RunEvent(
        eventType=kind,
        eventTime=at.isoformat(),
        producer=PRODUCER,
        run=run,
        job=job,
        inputs=list(inputs),
        outputs=list(outputs),
    )


def _tests(node: NodeStory) -> test_run.TestRunFacet:
    return test_run.TestRunFacet(
        [
            test_run.TestExecution(
                name=rule.name,
                status="fail" if rule.rows_failed else "pass",
                severity=_SEVERITY.get(rule.severity, "warn"),
                type=rule.check,
                expected="0",
                actual=str(rule.rows_failed),
                params={"rows_checked": rule.rows_checked, "dataset": node.output.name},
            )
            for rule in node.rules
        ]
    )


def _path(table: Table) -> str:
    domain, _, name = table.product.partition("/")
    if table.layer is None:
        return addresses.quarantine_path(domain, name, table.dataset)
    return addresses.table_path(domain, name, table.layer, table.dataset)


def _run_uuid(run_id: str, key: str = "") -> str:
    return str(uuid5(_RUNS, f"{run_id}/{key}"))
