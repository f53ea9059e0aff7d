"""What lists of runs, files and quality results are narrowed and ordered by.

Revision: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

_INDEXES = (
    ("Runs", ("CreatedAt",)),
    ("Runs", ("DataProductID", "State", "CreatedAt")),
    ("LandedFiles", ("LandedAt",)),
    ("LandedFiles", ("DataProductID", "LandedAt")),
    ("LandedFiles", ("DataProductID", "State", "LandedAt")),
    ("LandedFiles", ("DataProductID", "DataSetName", "LandedAt")),
    ("LandedFiles", ("FileName", "LandedAt")),
    ("DataQualityResults", ("DataProductID", "DataSetName", "CheckedAt")),
)
# Every use of it is one of the index that has LandedAt behind the same columns.
_SHORTER = ("IX_LandedFiles_DataProductID_State", "LandedFiles", ["DataProductID", "State"])


def upgrade() -> None:
    op.add_column("LandedFiles", sa.Column("FileName", sa.Unicode(256)))
    op.add_column("DataQualityResults", sa.Column("DataProductID", columns.BigId))
    # The part behind the last slash.
    if op.get_context().dialect.name == "mssql":
        last = "LEFT(RIGHT(Url, CHARINDEX('/', REVERSE('/' + Url)) - 1), 256)"
    else:
        last = "substr(replace(Url, rtrim(Url, replace(Url, '/', '')), ''), 1, 256)"
    op.execute(f"UPDATE LandedFiles SET FileName = lower({last})")  # noqa: S608 one of the two texts above
    op.execute(
        "UPDATE DataQualityResults SET DataProductID = "
        "(SELECT Runs.DataProductID FROM Runs WHERE Runs.RunID = DataQualityResults.RunID)"
    )
    for table, names in _INDEXES:
        op.create_index(_name(table, names), table, list(names))
    op.drop_index(_SHORTER[0], table_name=_SHORTER[1])


def downgrade() -> None:
    op.create_index(*_SHORTER)
    for table, names in reversed(_INDEXES):
        op.drop_index(_name(table, names), table_name=table)
    op.drop_column("DataQualityResults", "DataProductID")
    op.drop_column("LandedFiles", "FileName")


def _name(table: str, names: tuple[str, ...]) -> str:
    return "_".join(("IX", table, *names))
