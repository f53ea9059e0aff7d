"""Whose rows somebody may see, as a condition of SQL: every query that answers a person takes one."""

from dataclasses import dataclass

import sqlalchemy as sa

from landfall.addresses import LANDING
from landfall.metadata.tables import data_products, data_sets, ports


@dataclass(frozen=True, slots=True)
class Scope:
    """The domains whose rows are seen; ``None`` sees all, and the rows that belong to no product."""

    domains: frozenset[str] | None = None

    def sees(self, domain: str | None) -> bool:
        """Return whether rows of a domain, or with ``None`` those of no product, are seen."""
        return self.domains is None or domain in self.domains

    def rows(self, domain: sa.ColumnElement[str] = data_products.c.Domain) -> sa.ColumnElement[bool]:
        """Return the condition on a column with the domain of a row; a row without one is seen by who sees all."""
        return sa.true() if self.domains is None else domain.in_(sorted(self.domains))

    def of_product(self, product_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Return the condition on a column with the id of a row's product, where DataProducts is not joined."""
        if self.domains is None:
            return sa.true()
        return product_id.in_(sa.select(data_products.c.DataProductID).where(self.rows()).correlate(None))

    def of_file(
        self, product_id: sa.ColumnElement[int], url: sa.ColumnElement[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition on the product and URL of a landed file.

        A file of no product is the domain's in whose folder, ``{domain}/`` in the landing zone, it is; what lies in no
        folder is seen by who sees all.
        """
        if self.domains is None:
            return sa.true()
        folders = (_below(url, domain) for domain in sorted(self.domains))
        nobodys = sa.and_(product_id.is_(None), sa.or_(sa.false(), *folders))
        return sa.or_(self.of_product(product_id), nobodys)

    def published(self, data_set_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Return the condition that a dataset of DataSets is seen: it is of a domain that is, or it is a port."""
        if self.domains is None:
            return sa.true()
        return sa.or_(self.rows(), data_set_id.in_(sa.select(ports.c.DataSetID).correlate(None)))

    def named_datasets(self, name: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Return the condition on a column with a dataset's full name, ``domain/product.dataset``."""
        if self.domains is None:
            return sa.true()
        full = data_products.c.Domain + "/" + data_products.c.Name + "." + data_sets.c.Name
        of_ports = sa.select(full).select_from(
            ports.join(data_sets, data_sets.c.DataSetID == ports.c.DataSetID).join(
                data_products, data_products.c.DataProductID == ports.c.DataProductID
            )
        )
        # Not a part of whatever statement this stands in, which may read DataProducts too.
        published = of_ports.correlate(None)
        own = (name.startswith(f"{domain}/", autoescape=True) for domain in sorted(self.domains))
        return sa.or_(name.in_(published), *own)


def _below(url: sa.ColumnElement[str], domain: str) -> sa.ColumnElement[bool]:
    folder = f"/{LANDING}/{domain}/"
    # The first folder of that name only: in a folder of another domain anybody may make one that is called like it.
    deeper = f"%/{LANDING}%{_escaped(folder)}%"
    return sa.and_(url.contains(folder, autoescape=True), url.not_like(deeper, escape="!"))


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("[", "![")


EVERYTHING = Scope()
"""No limit: the command line on the database itself, and people with a role for every domain."""
