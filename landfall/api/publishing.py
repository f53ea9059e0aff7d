"""What consumers find of a product over HTTP: the contracts of its ports, and some rows of a table."""

from dataclasses import asdict

from landfall.addresses import LAKE, abfss_uri, table_path
from landfall.api.errors import InvalidRequest, NoSuchPort
from landfall.api.reply import Reply
from landfall.contracts.contract import Contract, contracts_of
from landfall.contracts.odcs import to_odcs
from landfall.metadata.catalog import UnknownProduct, get_current_product, get_dataset
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.settings import Settings
from landfall.spec.model import DatasetName, Product

# `landfall.preview` reads the lake with a large library, which must not hold up the start of the app: it is imported
# where it is needed.


def show_contracts(database: Database, key: str, *, scope: Scope = EVERYTHING) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}/contracts``."""
    return Reply(200, {"contracts": [asdict(item) for item in _published(database, key, scope)[1]]})


def show_contract(
    database: Database, key: str, dataset: str, version: int, *, scope: Scope = EVERYTHING
) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}/contracts/{dataset}/{number}``: an ODCS document.

    Raises:
        UnknownProduct: There is none, or it publishes nothing to the caller.
        NoSuchPort: The product does not publish the dataset in that version.
    """
    product, contracts = _published(database, key, scope)
    ages = {level.dataset: level.window_s for level in product.service_levels if level.dataset is not None}
    for item in contracts:
        if (item.dataset, item.version) == (dataset, version):
            return Reply(200, to_odcs(item, max_age_s=ages.get(DatasetName(dataset))))
    raise NoSuchPort(f"{key}.{dataset}@{version}", [item.port for item in contracts])


def show_preview(
    database: Database,
    settings: Settings,
    product: str,
    dataset: str,
    *,
    columns: tuple[str, ...],
    limit: int,
    scope: Scope = EVERYTHING,
) -> Reply:
    """Answer ``GET /api/datasets/{domain}/{product}/{dataset}/preview``: of another domain, of a port alone.

    Raises:
        DatasetNotApplied: There is none, or the caller may not see it.
        TableNotWritten: Nothing has been published yet.
        InvalidRequest: A column is not the table's.
        LakeNotReadable: The lake cannot be reached or denies access.
    """
    from landfall.preview import UnknownColumn, plain_rows, preview

    name = f"{product}.{dataset}"
    of_product, found = database.read(lambda connection: get_dataset(connection, name, scope=scope))
    path = table_path(of_product.domain, of_product.name, found.layer, found.name)
    uri = abfss_uri(settings.storage_account, LAKE, path)
    try:
        read = preview(settings, uri, limit=limit, columns=columns)
    except UnknownColumn as error:
        raise InvalidRequest([str(error)]) from error
    body = {
        "product": of_product.key,
        "dataset": found.name,
        "version": read.version,
        "columns": list(read.columns),
        "rows": plain_rows(read),
    }
    return Reply(200, body)


def _published(database: Database, key: str, scope: Scope) -> tuple[Product, tuple[Contract, ...]]:
    """Return a product with the contracts of its ports; who reads another domain sees those that have any."""
    own = scope.sees(key.partition("/")[0])
    try:
        product = database.read(lambda connection: get_current_product(connection, key)).product
    except UnknownProduct:
        if own:
            raise
        raise UnknownProduct(key, ()) from None
    if not own and not product.ports:
        raise UnknownProduct(key, ())
    return product, contracts_of(product, {})
