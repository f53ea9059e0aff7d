"""What a node depends on, by an index that holds both ends.

An index that has to be left for the other end was passed over for a walk through all edges of the run.

Revision: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("IX_NodeRunEdges_RunID_ToNode", table_name="NodeRunEdges")
    op.create_index("IX_NodeRunEdges_RunID_ToNode_FromNode", "NodeRunEdges", ["RunID", "ToNode", "FromNode"])


def downgrade() -> None:
    op.drop_index("IX_NodeRunEdges_RunID_ToNode_FromNode", table_name="NodeRunEdges")
    op.create_index("IX_NodeRunEdges_RunID_ToNode", "NodeRunEdges", ["RunID", "ToNode"])
