"""The spec of a version is kept in parts of fifty objects: in one value it has megabytes at ten thousand nodes.

Revision: 0025
Revises: 0024
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0025"
down_revision: str | None = "0024"
branch_labels = None
depends_on = None

_OBJECTS = 50
_LISTS = ("sources", "datasets", "transformations", "ports", "service_levels")
# What parts of the next list are numbered from.
_APART = 100_000


def upgrade() -> None:
    on_azure_sql = op.get_context().dialect.name == "mssql"
    is_json = (
        "ISJSON([Spec]) = 1"
        if on_azure_sql
        else "[Spec] IS NULL OR json_valid([Spec]) AND substr([Spec], 1, 1) IN ('{', '[')"
    )
    op.create_table(
        "MetadataVersionParts",
        sa.Column("MetadataVersionID", columns.BigId, nullable=False, autoincrement=False),
        sa.Column("Part", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("Spec", columns.JsonText, nullable=False),
        sa.PrimaryKeyConstraint("MetadataVersionID", "Part", name="PK_MetadataVersionParts"),
        sa.ForeignKeyConstraint(
            ["MetadataVersionID"],
            ["MetadataVersions.MetadataVersionID"],
            name="FK_MetadataVersionParts_MetadataVersionID",
        ),
        sa.CheckConstraint(sa.text(is_json), name=op.f("CK_MetadataVersionParts_Spec_IsJson")),
    )
    for number, name in enumerate(_LISTS):
        for statement in (_apart_azure_sql if on_azure_sql else _apart_sqlite)(name, number * _APART):
            op.execute(statement)


def downgrade() -> None:
    on_azure_sql = op.get_context().dialect.name == "mssql"
    for name in _LISTS:
        op.execute((_together_azure_sql if on_azure_sql else _together_sqlite)(name))
    op.drop_table("MetadataVersionParts")


def _apart_sqlite(name: str, first: int) -> Iterator[str]:
    yield (
        "INSERT INTO MetadataVersionParts (MetadataVersionID, Part, Spec) "  # noqa: S608 made of the texts here
        f"SELECT MetadataVersionID, {first} + Position / {_OBJECTS}, "
        f"json_object('{name}', json_group_array(json(Object))) "
        "FROM (SELECT MetadataVersionID, item.key AS Position, item.value AS Object "
        f"FROM MetadataVersions, json_each(MetadataVersions.Spec, '$.{name}') AS item "
        f"ORDER BY MetadataVersionID, item.key) GROUP BY MetadataVersionID, Position / {_OBJECTS}"
    )
    yield f"UPDATE MetadataVersions SET Spec = json_replace(Spec, '$.{name}', json('[]'))"  # noqa: S608 as above


def _apart_azure_sql(name: str, first: int) -> Iterator[str]:
    part = f"CAST(item.[key] AS INT) / {_OBJECTS}"
    yield (
        "INSERT INTO MetadataVersionParts (MetadataVersionID, Part, Spec) "  # noqa: S608 as above
        f"SELECT MetadataVersionID, {first} + {part}, "
        f"CONCAT('{{\"{name}\":[', STRING_AGG(CAST(item.[value] AS NVARCHAR(MAX)), ',') "
        "WITHIN GROUP (ORDER BY CAST(item.[key] AS INT)), ']}') "
        f"FROM MetadataVersions CROSS APPLY OPENJSON(MetadataVersions.Spec, '$.{name}') AS item "
        f"GROUP BY MetadataVersionID, {part}"
    )
    yield (
        f"UPDATE MetadataVersions SET Spec = JSON_MODIFY(Spec, '$.{name}', JSON_QUERY('[]')) "  # noqa: S608 as above
        f"WHERE JSON_QUERY(Spec, '$.{name}') IS NOT NULL"
    )


def _together_sqlite(name: str) -> str:
    return (
        f"UPDATE MetadataVersions SET Spec = json_replace(Spec, '$.{name}', "  # noqa: S608 as above
        "json((SELECT json_group_array(json(Object)) FROM (SELECT item.value AS Object "
        f"FROM MetadataVersionParts AS part, json_each(part.Spec, '$.{name}') AS item "
        "WHERE part.MetadataVersionID = MetadataVersions.MetadataVersionID ORDER BY part.Part, item.key))))"
    )


def _together_azure_sql(name: str) -> str:
    return (
        f"UPDATE MetadataVersions SET Spec = JSON_MODIFY(Spec, '$.{name}', JSON_QUERY(CONCAT('[', "  # noqa: S608 as above
        "(SELECT STRING_AGG(CAST(item.[value] AS NVARCHAR(MAX)), ',') "
        f"WITHIN GROUP (ORDER BY CAST(part.Part AS BIGINT) * {_OBJECTS} + CAST(item.[key] AS INT)) "
        f"FROM MetadataVersionParts AS part CROSS APPLY OPENJSON(part.Spec, '$.{name}') AS item "
        "WHERE part.MetadataVersionID = MetadataVersions.MetadataVersionID), ']'))) "
        f"WHERE JSON_QUERY(Spec, '$.{name}') IS NOT NULL"
    )
