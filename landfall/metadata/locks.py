"""The lock that lets one transaction at a time decide about a product."""

import sqlalchemy as sa

from landfall.metadata.tables import product_leases


def lock_product(connection: sa.Connection, product_id: int) -> None:
    """Wait until no other transaction holds the product's lease row, and hold it until this one ends.

    Whoever reads a product's state and writes because of what it read takes this first: claiming pending
    files, setting the lease idle, counting the nodes that run. SQLite has it from the start of the
    transaction. On Azure SQL, where readers see row versions and wait for nobody, a file could otherwise
    land between "nothing is pending" and "the lease is idle", and both transactions would commit.
    """
    # UPDLOCK is kept to the end of the transaction. SQLAlchemy's with_for_update says nothing on SQL Server.
    connection.execute(
        sa.select(product_leases.c.State)
        .with_hint(product_leases, "WITH (UPDLOCK, ROWLOCK)", dialect_name="mssql")
        .where(product_leases.c.DataProductID == product_id)
    ).all()
