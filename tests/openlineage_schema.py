"""A JSON Schema of OpenLineage's run event, derived from the classes that its client generates from the published one.

The client ships no schema files; its classes say which fields there are, of which kind, and which of them are owed.
"""

import types
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import attr
from openlineage.client import event_v2
from openlineage.client import facet_v2 as facets

FACETS: dict[str, dict[str, Any]] = {
    "RunFacet": {
        "parent": facets.parent_run.ParentRunFacet,
        "errorMessage": facets.error_message_run.ErrorMessageRunFacet,
        "test": facets.test_run.TestRunFacet,
        # The client adds its own version.
        "tags": facets.tags_run.TagsRunFacet,
    },
    "JobFacet": {
        "jobType": facets.job_type_job.JobTypeJobFacet,
        "ownership": facets.ownership_job.OwnershipJobFacet,
        "documentation": facets.documentation_job.DocumentationJobFacet,
    },
    "DatasetFacet": {
        "symlinks": facets.symlinks_dataset.SymlinksDatasetFacet,
        "columnLineage": facets.column_lineage_dataset.ColumnLineageDatasetFacet,
        "schema": facets.schema_dataset.SchemaDatasetFacet,
        "dataQualityMetrics": facets.data_quality_metrics_dataset.DataQualityMetricsDatasetFacet,
        "version": facets.dataset_version_dataset.DatasetVersionDatasetFacet,
    },
    "InputDatasetFacet": {
        "dataQualityMetrics": facets.data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
    },
    "OutputDatasetFacet": {
        "outputStatistics": facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    },
}
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
}


def run_event_schema() -> dict[str, Any]:
    """Return the schema of an event of a run as it is sent."""
    return _schema(event_v2.RunEvent)


def job_event_schema() -> dict[str, Any]:
    """Return the schema of an event of a job without a run as it is written."""
    return _schema(event_v2.JobEvent)


def _schema(kind: type) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    root = _of(kind, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": definitions}


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if get_origin(kind) in (Union, types.UnionType):
        (one,) = (item for item in get_args(kind) if item is not type(None))
        return _of(one, definitions)
    if get_origin(kind) is list:
        return {"type": "array", "items": _of(get_args(kind)[0], definitions)}
    if get_origin(kind) is dict:
        return _of_mapping(get_args(kind)[1], definitions)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    return _of_class(kind, definitions)


def _of_mapping(item: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    known = FACETS.get(getattr(item, "__name__", ""))
    if known is None:
        return {"type": "object", "additionalProperties": _of(item, definitions)}
    return {
        "type": "object",
        "properties": {name: _of(facet, definitions) for name, facet in known.items()},
        "additionalProperties": False,
    }


def _of_class(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = f"{kind.__module__}.{kind.__name__}"
    if name not in definitions:
        definitions[name] = {}  # a class may hold itself
        hints = get_type_hints(kind)
        fields = {field.name: field for field in attr.fields(kind)}
        owed = {name for name, field in fields.items() if field.default is attr.NOTHING}
        owed |= fields.keys() & {"_producer", "_schemaURL", "producer", "schemaURL", "eventType"}
        definitions[name] = {
            "type": "object",
            "properties": {field: _of(hints[field], definitions) for field in fields},
            "required": sorted(owed),
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}
