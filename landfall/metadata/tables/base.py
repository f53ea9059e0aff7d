"""What all tables are made with: naming, the commonest columns and checks."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey

from landfall.metadata.columns import BigId, JsonText

metadata = sa.MetaData(
    naming_convention={
        "pk": "PK_%(table_name)s",
        "fk": "FK_%(table_name)s_%(column_0_N_name)s",
        "uq": "UQ_%(table_name)s_%(column_0_N_name)s",
        "ix": "IX_%(table_name)s_%(column_0_N_name)s",
        "ck": "CK_%(table_name)s_%(constraint_name)s",
    }
)

NAME = sa.Unicode(128)
STATE = sa.Unicode(16)
RUN_ID = sa.Unicode(32)
NODE_KEY = sa.Unicode(160)
FILE_NAME = sa.Unicode(256)


# Defaults are set by SQLAlchemy: one of the server's is a constraint on Azure SQL, and it cannot be named.


def id_column(name: str) -> Column[int]:
    return Column(name, BigId, primary_key=True, autoincrement=True)


def json_columns(
    name: str, *, nullable: bool = False
) -> tuple[Column[Any], CheckConstraint, CheckConstraint]:
    """Return a JSON column with the checks that keep it an object or array on either database."""
    return (
        Column(name, JsonText, nullable=nullable),
        # ISJSON says 0 to a bare text or number, json_valid says 1.
        CheckConstraint(f"ISJSON([{name}]) = 1", name=f"{name}_IsJson").ddl_if(dialect="mssql"),
        # SQLite says differently from release to release what json_valid is of NULL.
        CheckConstraint(
            f'"{name}" IS NULL OR json_valid("{name}") AND substr("{name}", 1, 1) IN (\'{{\', \'[\')',
            name=f"{name}_IsJson",
        ).ddl_if(dialect="sqlite"),
    )


def at_least(name: str, least: int) -> CheckConstraint:
    """Return the check that a counter never falls below ``least``: whoever counts twice is refused."""
    return CheckConstraint(sa.column(name) >= sa.literal_column(str(least)), name=name)


def product_column(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(
        "DataProductID",
        BigId,
        ForeignKey("DataProducts.DataProductID"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=nullable,
    )
