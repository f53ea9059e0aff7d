"""What pages of large runs and of large stores are read by, kept when it becomes known.

Revision: 0017
Revises: 0016
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0017"
down_revision: str | None = "0016"
branch_labels = None
depends_on = None

_ROWS = ("RowsRead", "RowsPublished", "RowsQuarantined")
_OF_NODES: dict[str, Any] = {
    "DataProductID": columns.BigId,
    "Layer": sa.Unicode(16),
    "Step": sa.Integer,
    "Band": sa.Integer,
    "WaitedFor": sa.Unicode(160),
}
_BY_STATE = ("RunID", "State", "Priority", "Layer", "Band", "Step", "StartedAt", "FinishedAt")


def upgrade() -> None:
    op.create_index("IX_NodeRunEdges_RunID_ToNode", "NodeRunEdges", ["RunID", "ToNode"])
    for name in _ROWS:
        op.add_column("Runs", sa.Column(name, sa.BigInteger))
    for name, type_ in _OF_NODES.items():
        op.add_column("NodeRuns", sa.Column(name, type_))
    on_azure_sql = op.get_context().dialect.name == "mssql"
    read = "JSON_VALUE" if on_azure_sql else "json_extract"
    op.execute(
        "UPDATE NodeRuns SET Step = 0, Band = 0, "  # noqa: S608 made of the texts here
        f"Layer = {read}(Definition, '$.output.layer'), "
        "DataProductID = (SELECT Runs.DataProductID FROM Runs WHERE Runs.RunID = NodeRuns.RunID), "
        f"WaitedFor = (SELECT {'TOP 1 ' if on_azure_sql else ''}Before.NodeKey "
        "FROM NodeRunEdges JOIN NodeRuns AS Before "
        "ON Before.RunID = NodeRunEdges.RunID AND Before.NodeKey = NodeRunEdges.FromNode "
        "WHERE NodeRunEdges.RunID = NodeRuns.RunID AND NodeRunEdges.ToNode = NodeRuns.NodeKey "
        "AND Before.FinishedAt IS NOT NULL ORDER BY Before.FinishedAt DESC, Before.NodeKey DESC"
        f"{'' if on_azure_sql else ' LIMIT 1'})"
    )
    sums = ", ".join(
        f"{name} = (SELECT COALESCE(SUM(NodeRuns.{name}), 0) FROM NodeRuns WHERE NodeRuns.RunID = Runs.RunID)"  # noqa: S608 names of columns
        for name in _ROWS
    )
    op.execute(f"UPDATE Runs SET {sums}")  # noqa: S608 as above
    op.drop_index("IX_NodeRuns_RunID_State_Priority", table_name="NodeRuns")
    op.create_index("IX_NodeRuns_RunID_State", "NodeRuns", list(_BY_STATE))
    op.create_index("IX_NodeRuns_RunID_NodeRunID", "NodeRuns", ["RunID", "NodeRunID"])
    op.create_index(
        "IX_NodeRuns_RefusingOfNode",
        "NodeRuns",
        ["DataProductID", "NodeKey", "RunID", "RowsQuarantined"],
        mssql_where=sa.text("[RowsQuarantined] > 0"),
        sqlite_where=sa.text('"RowsQuarantined" > 0'),
    )
    op.drop_index("IX_LandedFiles_RunID", table_name="LandedFiles")
    op.create_index("IX_LandedFiles_RunID_State", "LandedFiles", ["RunID", "State", "DataSetName"])


def downgrade() -> None:
    op.drop_index("IX_LandedFiles_RunID_State", table_name="LandedFiles")
    op.create_index("IX_LandedFiles_RunID", "LandedFiles", ["RunID"])
    op.drop_index("IX_NodeRuns_RefusingOfNode", table_name="NodeRuns")
    op.drop_index("IX_NodeRuns_RunID_NodeRunID", table_name="NodeRuns")
    op.drop_index("IX_NodeRuns_RunID_State", table_name="NodeRuns")
    op.create_index("IX_NodeRuns_RunID_State_Priority", "NodeRuns", ["RunID", "State", "Priority"])
    for name in reversed(_OF_NODES):
        op.drop_column("NodeRuns", name)
    for name in reversed(_ROWS):
        op.drop_column("Runs", name)
    op.drop_index("IX_NodeRunEdges_RunID_ToNode", table_name="NodeRunEdges")
