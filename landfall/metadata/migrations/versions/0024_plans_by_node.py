"""The nodes of a plan are the rows of NodeRuns: their JSON of megabytes, beside them in one value, goes.

What those rows did not say moves into rows too: the version of each port that a node reads, and the nodes that were
left out.

Revision: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0024"
down_revision: str | None = "0023"
branch_labels = None
depends_on = None

# An input with a version is a port of another product: domain/product.dataset@1.
_UP_SQLITE = (
    "INSERT INTO LeftOutNodes (RunID, NodeKey, Reason) "
    "SELECT RunID, item.key, item.value FROM RunPlans, json_each(RunPlans.Plan, '$.left_out') AS item",
    "INSERT INTO NodeRunPorts (RunID, NodeKey, Position, Version) "
    "SELECT RunID, json_extract(node.value, '$.key'), item.key, "
    "CAST(substr(item.value, instr(item.value, '@') + 1) AS INTEGER) "
    "FROM RunPlans, json_each(RunPlans.Plan, '$.nodes') AS node, json_each(node.value, '$.inputs') AS item "
    "WHERE instr(item.value, '@') > 0",
    "UPDATE RunPlans SET Plan = json_remove(Plan, '$.nodes', '$.left_out')",
)
_UP_AZURE_SQL = (
    "INSERT INTO LeftOutNodes (RunID, NodeKey, Reason) "
    "SELECT RunID, item.[key], item.[value] FROM RunPlans CROSS APPLY OPENJSON(RunPlans.[Plan], '$.left_out') AS item",
    "INSERT INTO NodeRunPorts (RunID, NodeKey, Position, Version) "
    "SELECT RunID, JSON_VALUE(node.[value], '$.key'), CAST(item.[key] AS INT), "
    "CAST(SUBSTRING(item.[value], CHARINDEX('@', item.[value]) + 1, 10) AS INT) "
    "FROM RunPlans CROSS APPLY OPENJSON(RunPlans.[Plan], '$.nodes') AS node "
    "CROSS APPLY OPENJSON(node.[value], '$.inputs') AS item WHERE CHARINDEX('@', item.[value]) > 0",
    "UPDATE RunPlans SET [Plan] = JSON_MODIFY(JSON_MODIFY([Plan], '$.nodes', NULL), '$.left_out', NULL)",
)

_DOWN_SQLITE = (
    "UPDATE RunPlans SET Plan = json_set(Plan, "
    "'$.nodes', json((SELECT json_group_array(json_object("
    "'key', node.NodeKey, 'kind', node.Kind, 'output', json_extract(node.Definition, '$.output.dataset'), "
    "'inputs', json((SELECT json_group_array(item.name) FROM (SELECT CASE WHEN port.Version IS NULL "
    "THEN json_extract(input.value, '$.dataset') ELSE json_extract(input.value, '$.product') || '.' || "
    "json_extract(input.value, '$.dataset') || '@' || port.Version END AS name "
    "FROM json_each(node.Definition, '$.inputs') AS input LEFT JOIN NodeRunPorts AS port "
    "ON port.RunID = node.RunID AND port.NodeKey = node.NodeKey AND port.Position = input.key "
    "ORDER BY input.key) AS item)), "
    "'depends_on', json((SELECT json_group_array(edge.FromNode) FROM (SELECT FromNode FROM NodeRunEdges "
    "JOIN NodeRuns AS upstream ON upstream.RunID = NodeRunEdges.RunID AND upstream.NodeKey = NodeRunEdges.FromNode "
    "WHERE NodeRunEdges.RunID = node.RunID AND NodeRunEdges.ToNode = node.NodeKey "
    "ORDER BY upstream.NodeRunID) AS edge)), "
    "'priority', node.Priority, 'definition', json(node.Definition))) "
    "FROM (SELECT * FROM NodeRuns WHERE NodeRuns.RunID = RunPlans.RunID ORDER BY NodeRunID) AS node)), "
    "'$.left_out', json((SELECT json_group_object(NodeKey, Reason) FROM LeftOutNodes "
    "WHERE LeftOutNodes.RunID = RunPlans.RunID)))",
)
_DOWN_AZURE_SQL = (
    "UPDATE RunPlans SET [Plan] = JSON_MODIFY(JSON_MODIFY([Plan], "
    "'$.nodes', JSON_QUERY(COALESCE((SELECT node.NodeKey AS [key], node.Kind AS [kind], "
    "JSON_VALUE(node.Definition, '$.output.dataset') AS [output], "
    "JSON_QUERY(COALESCE((SELECT CONCAT('[', STRING_AGG(CONCAT(CAST('\"' AS NVARCHAR(MAX)), CASE "
    "WHEN port.Version IS NULL THEN JSON_VALUE(input.[value], '$.dataset') "
    "ELSE CONCAT(JSON_VALUE(input.[value], '$.product'), '.', JSON_VALUE(input.[value], '$.dataset'), '@', "
    "port.Version) END, '\"'), ',') WITHIN GROUP (ORDER BY CAST(input.[key] AS INT)), ']') "
    "FROM OPENJSON(node.Definition, '$.inputs') AS input LEFT JOIN NodeRunPorts AS port "
    "ON port.RunID = node.RunID AND port.NodeKey = node.NodeKey AND port.Position = CAST(input.[key] AS INT)), "
    "'[]')) AS [inputs], "
    "JSON_QUERY(COALESCE((SELECT CONCAT('[', STRING_AGG(CONCAT(CAST('\"' AS NVARCHAR(MAX)), edge.FromNode, '\"'), ',') "
    "WITHIN GROUP (ORDER BY upstream.NodeRunID), ']') FROM NodeRunEdges AS edge "
    "JOIN NodeRuns AS upstream ON upstream.RunID = edge.RunID AND upstream.NodeKey = edge.FromNode "
    "WHERE edge.RunID = node.RunID AND edge.ToNode = node.NodeKey), '[]')) AS [depends_on], "
    "node.Priority AS [priority], JSON_QUERY(node.Definition) AS [definition] "
    "FROM NodeRuns AS node WHERE node.RunID = RunPlans.RunID ORDER BY node.NodeRunID FOR JSON PATH), '[]'))), "
    "'$.left_out', JSON_QUERY(CONCAT('{', (SELECT STRING_AGG(CONCAT(CAST('\"' AS NVARCHAR(MAX)), "
    "STRING_ESCAPE(NodeKey, 'json'), '\":\"', STRING_ESCAPE(Reason, 'json'), '\"'), ',') "
    "FROM LeftOutNodes WHERE LeftOutNodes.RunID = RunPlans.RunID), '}')))",
)


def upgrade() -> None:
    op.create_table(
        "LeftOutNodes",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("Reason", columns.LongText, nullable=False),
        sa.PrimaryKeyConstraint("RunID", "NodeKey", name="PK_LeftOutNodes"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_LeftOutNodes_RunID"),
    )
    op.create_table(
        "NodeRunPorts",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("Position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("Version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("RunID", "NodeKey", "Position", name="PK_NodeRunPorts"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_NodeRunPorts_RunID"),
    )
    for statement in _UP_AZURE_SQL if _is_azure_sql() else _UP_SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN_AZURE_SQL if _is_azure_sql() else _DOWN_SQLITE:
        op.execute(statement)
    op.drop_table("NodeRunPorts")
    op.drop_table("LeftOutNodes")


def _is_azure_sql() -> bool:
    return op.get_context().dialect.name == "mssql"
