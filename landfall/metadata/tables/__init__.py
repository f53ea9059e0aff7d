"""Every table of Landfall's database, for Azure SQL and SQLite alike; whoever needs one imports it from here."""

from landfall.metadata.tables.audit import audit_log
from landfall.metadata.tables.authoring import (
    data_products,
    data_quality_rules,
    data_sets,
    data_sources,
    metadata_versions,
    ports,
    transformation_data_sets,
    transformation_dependencies,
    transformations,
)
from landfall.metadata.tables.backfills import backfill_chunks, backfill_files, backfills
from landfall.metadata.tables.base import metadata
from landfall.metadata.tables.configuration import (
    configuration_category,
    configuration_item,
    configuration_version,
)
from landfall.metadata.tables.coordination import (
    alarms,
    callbacks,
    node_gate,
    operator_acts,
    product_leases,
    product_schedules,
)
from landfall.metadata.tables.landing import (
    dead_letters,
    landed_file_values,
    landed_files,
    landing_set_files,
    landing_sets,
    watermarks,
)
from landfall.metadata.tables.lineage import column_lineage, lineage_edges, lineage_outbox
from landfall.metadata.tables.runs import (
    data_quality_results,
    node_attempts,
    node_run_edges,
    node_runs,
    open_submissions,
    packs,
    published_data_sets,
    run_events,
    run_files,
    run_plans,
    run_requests,
    runs,
    transformation_states,
)
from landfall.metadata.tables.service_levels import alarm_notices, service_levels

__all__ = [
    "alarm_notices",
    "alarms",
    "audit_log",
    "backfill_chunks",
    "backfill_files",
    "backfills",
    "callbacks",
    "column_lineage",
    "configuration_category",
    "configuration_item",
    "configuration_version",
    "data_products",
    "data_quality_results",
    "data_quality_rules",
    "data_sets",
    "data_sources",
    "dead_letters",
    "landed_file_values",
    "landed_files",
    "landing_set_files",
    "landing_sets",
    "lineage_edges",
    "lineage_outbox",
    "metadata",
    "metadata_versions",
    "node_attempts",
    "node_gate",
    "node_run_edges",
    "node_runs",
    "open_submissions",
    "operator_acts",
    "packs",
    "ports",
    "product_leases",
    "product_schedules",
    "published_data_sets",
    "run_events",
    "run_files",
    "run_plans",
    "run_requests",
    "runs",
    "service_levels",
    "transformation_data_sets",
    "transformation_dependencies",
    "transformation_states",
    "transformations",
    "watermarks",
]
