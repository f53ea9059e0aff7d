"""Who owns which domain, by what products say of their owners."""

import sqlalchemy as sa

from landfall.metadata.tables import data_products


def domains_owned_by(connection: sa.Connection, email: str) -> frozenset[str]:
    """Return the domains with a product whose owner has this address, whatever the case of its letters."""
    rows = connection.execute(
        sa.select(data_products.c.Domain)
        .where(sa.func.lower(data_products.c.OwnerEmail) == email.lower())
        .distinct()
    )
    return frozenset(rows.scalars())
