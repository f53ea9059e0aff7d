"""What has been applied: the products, their current versions and where their files land."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.stored_specs import read_product
from landfall.metadata.tables import data_products, data_sets, metadata_versions
from landfall.spec.faults import nearest
from landfall.spec.model import Dataset, Product

# Parsed products kept in memory; one takes some hundred kilobytes at a thousand nodes.
_KEPT_PRODUCTS = 256


class UnknownProduct(LandfallError):
    """No product of this name has been applied."""

    code = "LF2101"

    def __init__(self, key: str, known: tuple[str, ...]) -> None:
        names = ", ".join(known) if known else "none yet"
        super().__init__(
            f"no product '{key}' has been applied (applied: {names}). Apply it with `landfall apply`."
        )
        self.key = key
        self.known = known


class UnknownVersion(LandfallError):
    """A product has no such version."""

    code = "LF2102"

    def __init__(self, product: str, version: int) -> None:
        super().__init__(
            f"{product} has no version {version}. `landfall versions list --product {product}` shows those it has."
        )
        self.product = product
        self.version = version


class DatasetNotApplied(LandfallError):
    """No applied product has such a dataset."""

    code = "LF6204"

    def __init__(self, name: str, near: str | None) -> None:
        hint = f"did you mean {near!r}?" if near else "`landfall plan PRODUCT` shows those of a product."
        super().__init__(f"no applied product has a dataset {name!r}; {hint}")
        self.name = name


class AmbiguousDataset(LandfallError):
    """A dataset's name that several products use."""

    code = "LF2104"

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        super().__init__(f"several products have a dataset {name!r}; say which: {', '.join(candidates)}.")
        self.candidates = candidates


@dataclass(frozen=True, slots=True)
class CurrentProduct:
    """A product as the next run pins it."""

    product_id: int
    version: int
    product: Product


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One line of the catalogue; ``version`` is the current one and ``applied_at`` its instant."""

    product_id: int
    domain: str
    name: str
    description: str
    owner_team: str
    owner_email: str
    version: int
    applied_at: datetime
    applied_by: str

    @property
    def key(self) -> str:
        """``domain/product``, the name people use."""
        return f"{self.domain}/{self.name}"


@dataclass(frozen=True, slots=True)
class LandingPattern:
    """Where the files of a dataset land; ``pattern`` is below ``landing/{domain}/{product}/``."""

    product_id: int
    product: str
    dataset: str
    pattern: str


def find_product_id(connection: sa.Connection, key: str) -> int | None:
    """Return the id of the product ``domain/name``, ``None`` if it was never applied."""
    product_id: int | None = connection.execute(
        sa.select(data_products.c.DataProductID).where(named(key))
    ).scalar_one_or_none()
    return product_id


def is_among(keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a product is one of some, ``domain/product``.

    By an index, which takes in a few products more than are asked for where several domains are.
    """
    parts = [key.partition("/") for key in keys]
    return data_products.c.Domain.in_({domain for domain, _, _ in parts}) & data_products.c.Name.in_(
        {name for _, _, name in parts}
    )


def find_current_product(connection: sa.Connection, key: str) -> CurrentProduct | None:
    """Return the current version of the product ``domain/name``, ``None`` if it was never applied."""
    row = connection.execute(
        sa.select(data_products.c.DataProductID, data_products.c.CurrentVersion, metadata_versions.c.SpecHash)
        .join_from(data_products, metadata_versions, _is_current())
        .where(named(key))
    ).one_or_none()
    if row is None:
        return None
    product = _product(connection, row.DataProductID, row.CurrentVersion, row.SpecHash)
    return CurrentProduct(row.DataProductID, row.CurrentVersion, product)


def get_current_product(connection: sa.Connection, key: str) -> CurrentProduct:
    """Return the current version of the product ``domain/name``.

    Raises:
        UnknownProduct: It was never applied.
    """
    current = find_current_product(connection, key)
    if current is None:
        raise UnknownProduct(key, tuple(entry.key for entry in list_products(connection)))
    return current


def find_dataset(
    connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING
) -> tuple[Product, Dataset] | None:
    """Return what ``dataset`` or ``domain/product.dataset`` names, ``None`` if no applied product has it.

    Of a domain that is not seen, only the ports are there.

    Raises:
        AmbiguousDataset: Several products have a dataset of that name.
    """
    key, _, name = text.rpartition(".")
    keys = (key,) if key else tuple(entry.key for entry in list_products(connection))
    applied = [current.product for key in keys if (current := find_current_product(connection, key))]
    found = [
        (product, item) for product in applied for item in _seen_datasets(product, scope) if item.name == name
    ]
    if len(found) > 1:
        raise AmbiguousDataset(name, tuple(f"{product.key}.{name}" for product, _ in found))
    return found[0] if found else None


def get_dataset(
    connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING
) -> tuple[Product, Dataset]:
    """Return what ``dataset`` or ``domain/product.dataset`` names.

    Of a domain that is not seen, only the ports are there.

    Raises:
        DatasetNotApplied: No applied product has it.
        AmbiguousDataset: Several products have a dataset of that name.
    """
    found = find_dataset(connection, text, scope=scope)
    if found is not None:
        return found
    products = [get_current_product(connection, entry.key).product for entry in list_products(connection)]
    known = [dataset.name for product in products for dataset in _seen_datasets(product, scope)]
    raise DatasetNotApplied(text, nearest(text.rpartition(".")[2], known))


def _seen_datasets(product: Product, scope: Scope) -> tuple[Dataset, ...]:
    if scope.sees(product.domain):
        return product.datasets
    ports = {port.dataset for port in product.ports}
    return tuple(dataset for dataset in product.datasets if dataset.name in ports)


def get_product_key(connection: sa.Connection, product_id: int) -> str:
    """Return ``domain/name`` of a product that was applied."""
    row = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name).where(
            data_products.c.DataProductID == product_id
        )
    ).one()
    return f"{row.Domain}/{row.Name}"


def get_product_version(connection: sa.Connection, product_id: int, version: int) -> Product:
    """Return a product as it was in ``version``, for example the one that a run pinned.

    Raises:
        UnknownVersion: It has no such version.
    """
    spec_hash = connection.execute(
        sa.select(metadata_versions.c.SpecHash).where(_is_version(product_id, version))
    ).scalar_one_or_none()
    if spec_hash is None:
        raise UnknownVersion(get_product_key(connection, product_id), version)
    return _product(connection, product_id, version, spec_hash)


def list_products(connection: sa.Connection) -> tuple[CatalogEntry, ...]:
    """Return every applied product by name."""
    products = data_products.c
    rows = connection.execute(
        sa.select(
            products.DataProductID,
            products.Domain,
            products.Name,
            products.Description,
            products.OwnerTeam,
            products.OwnerEmail,
            products.CurrentVersion,
            metadata_versions.c.AppliedAt,
            metadata_versions.c.AppliedBy,
        )
        .join_from(data_products, metadata_versions, _is_current())
        .order_by(products.Domain, products.Name)
    )
    return tuple(
        CatalogEntry(
            product_id=row.DataProductID,
            domain=row.Domain,
            name=row.Name,
            description=row.Description,
            owner_team=row.OwnerTeam,
            owner_email=row.OwnerEmail,
            version=row.CurrentVersion,
            applied_at=row.AppliedAt,
            applied_by=row.AppliedBy,
        )
        for row in rows
    )


def list_product_keys(connection: sa.Connection, *, scope: Scope = EVERYTHING) -> tuple[str, ...]:
    """Return ``domain/product`` of every applied product that is seen, in the order of names."""
    rows = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name)
        .where(scope.rows())
        .order_by(data_products.c.Domain, data_products.c.Name)
    )
    return tuple(f"{row.Domain}/{row.Name}" for row in rows)


def find_names(
    connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING, limit: int
) -> tuple[tuple[str, str | None], ...]:
    """Return products and datasets with ``text`` in their name, without regard to case, ``limit`` of each at most.

    Each is ``domain/product`` and the name of the dataset, ``None`` for the product itself.
    """
    products = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name)
        .where(
            scope.rows(),
            (data_products.c.Domain + "/" + data_products.c.Name).icontains(text, autoescape=True),
        )
        .order_by(data_products.c.Domain, data_products.c.Name)
        .limit(limit)
    )
    datasets = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name, data_sets.c.Name.label("DataSet"))
        .join_from(data_sets, data_products, data_products.c.DataProductID == data_sets.c.DataProductID)
        .where(scope.rows(), data_sets.c.Name.icontains(text, autoescape=True))
        .order_by(data_sets.c.Name, data_products.c.Domain, data_products.c.Name)
        .limit(limit)
    )
    return (
        *((f"{row.Domain}/{row.Name}", None) for row in products),
        *((f"{row.Domain}/{row.Name}", row.DataSet) for row in datasets),
    )


def landing_patterns(connection: sa.Connection) -> tuple[LandingPattern, ...]:
    """Return the landing pattern of every dataset that has one, by product and dataset."""
    products = data_products.c
    rows = connection.execute(
        sa.select(
            products.DataProductID,
            products.Domain,
            products.Name,
            data_sets.c.Name.label("DataSetName"),
            data_sets.c.LandingPath,
        )
        .join_from(data_products, data_sets)
        .where(data_sets.c.LandingPath.is_not(None))
        .order_by(products.Domain, products.Name, data_sets.c.Name)
    )
    return tuple(
        LandingPattern(row.DataProductID, f"{row.Domain}/{row.Name}", row.DataSetName, row.LandingPath)
        for row in rows
    )


def named(key: str) -> sa.ColumnElement[bool]:
    """Return the condition for the row of DataProducts that is ``domain/name``."""
    domain, _, name = key.partition("/")
    return sa.and_(data_products.c.Domain == domain, data_products.c.Name == name)


class _ParsedProducts:
    """The products parsed last, by the hash of their spec: equal hashes mean equal products, in any database."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._products: OrderedDict[str, Product] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, spec_hash: str) -> Product | None:
        with self._lock:
            if spec_hash not in self._products:
                return None
            self._products.move_to_end(spec_hash)
            return self._products[spec_hash]

    def keep(self, spec_hash: str, product: Product) -> None:
        with self._lock:
            self._products[spec_hash] = product
            if len(self._products) > self._size:
                self._products.popitem(last=False)


_parsed = _ParsedProducts(_KEPT_PRODUCTS)


def _product(connection: sa.Connection, product_id: int, version: int, spec_hash: str) -> Product:
    known = _parsed.find(spec_hash)
    if known is not None:
        return known
    row = connection.execute(
        sa.select(metadata_versions.c.MetadataVersionID, metadata_versions.c.Spec).where(
            _is_version(product_id, version)
        )
    ).one()
    product = read_product(connection, row.MetadataVersionID, row.Spec)
    _parsed.keep(spec_hash, product)
    return product


def _is_version(product_id: int, version: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        metadata_versions.c.DataProductID == product_id, metadata_versions.c.VersionNumber == version
    )


def _is_current() -> sa.ColumnElement[bool]:
    return sa.and_(
        metadata_versions.c.DataProductID == data_products.c.DataProductID,
        metadata_versions.c.VersionNumber == data_products.c.CurrentVersion,
    )
