"""`landfall contract`: what the ports of products promise, and whether a change would break it."""

import io
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated
from zipfile import ZipFile

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_json, show_rows
from landfall.cli.project import Invocation, invocation
from landfall.errors import LandfallError
from landfall.wording import counted

if TYPE_CHECKING:
    from landfall.contracts.contract import Contract
    from landfall.spec.model import Product

_CHANGE_COLUMNS = ("port", "change", "detail", "consumers")


class UnknownPort(LandfallError):
    """No product of the project offers a port of that name."""

    code = "LF6205"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no port {name!r}; the ports of this project are: {', '.join(known) or 'none'}.")


class NoSuchRevision(LandfallError):
    """Git does not give the product files of a revision."""

    code = "LF6206"

    def __init__(self, revision: str, reason: str) -> None:
        super().__init__(
            f"git has no product files at {revision!r} ({reason}). Name a branch, tag or commit that is here; "
            "in a pipeline, fetch the target branch first."
        )


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The contracts of ports.")
    group.command(
        epilog=examples(
            "landfall contract show mobility/flights.daily_delays@1 > daily_delays.odcs.yaml",
        )
    )(show)
    group.command(
        epilog=examples(
            "landfall contract check --base origin/main   in a pull request: against the branch it goes to",
            "landfall --target prod contract check        against what is applied there",
        )
    )(check)
    app.add_typer(group, name="contract")


def show(
    context: typer.Context,
    port: Annotated[str, typer.Argument(metavar="PORT", help="domain/product.dataset, with @version or not")],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Print the contract of a port as an ODCS document: YAML, or JSON with --output json."""
    from landfall.contracts.odcs import to_odcs
    from landfall.spec.yaml_text import yaml_text

    contracts = _contracts(_load(invocation(context)))
    found = [item for item in contracts if port in (item.port, item.port.rpartition("@")[0])]
    if not found:
        raise UnknownPort(port, [item.port for item in contracts])
    document = to_odcs(max(found, key=lambda item: item.version))
    if output is OutputFormat.JSON:
        show_json(document)
        return
    print(yaml_text(document), end="")


def check(
    context: typer.Context,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION", help="Compare with the files of this git revision, not with what is applied."
        ),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Refuse changes that break those who read a port, unless its major version rises.

    A column that goes or changes its type, a key or rule that is loosened, a port that goes: exit code 1, and
    the transformations that read the port are named. Contracts written by hand have to agree with the product.
    """
    from landfall.contracts.compatibility import breaking_changes
    from landfall.contracts.contract import consumers

    here = invocation(context)
    products = _load(here)
    before = _products_at(here, base) if base is not None else _applied(here)
    after = _contracts(products)
    keys = {product.key for product in products}
    # What is not in this project cannot have been changed by it.
    old = [contract for contract in _contracts(before) if contract.product in keys]
    everybody = {product.key: product for product in (*before, *products)}.values()
    rows: list[dict[str, object]] = [
        {
            "port": change.port,
            "change": change.change,
            "detail": change.detail,
            "consumers": list(consumers(change.port, everybody)),
        }
        for change in breaking_changes(old, after)
    ]
    by_hand = _broken_by_hand(here.folder(), products, after)
    changed = bool(rows)
    rows += by_hand
    if rows or output is not OutputFormat.TABLE:
        show_rows(rows, _CHANGE_COLUMNS, output)
    if changed:
        note("raise the version of the port, and keep the old one until its consumers have moved")
    if by_hand:
        note("a contract written by hand has to agree with its product: change one of them")
    if rows:
        raise typer.Exit(ExitCode.REFUSED)
    kept = counted(len(old), "contract promises", "contracts promise")
    note(f"{counted(len(after), 'port keeps', 'ports keep')} what {kept}")


def _load(here: Invocation, root: Path | None = None) -> "tuple[Product, ...]":
    from landfall.spec.load import load_products

    return load_products(root or here.folder(), target=here.target_name)


def _applied(here: Invocation) -> "tuple[Product, ...]":
    from landfall.metadata.catalog import get_current_product, list_products

    return here.database().read(
        lambda connection: tuple(
            get_current_product(connection, entry.key).product for entry in list_products(connection)
        )
    )


def _products_at(here: Invocation, revision: str) -> "tuple[Product, ...]":
    """Return the products of the project as a git revision has them."""
    with TemporaryDirectory(prefix="landfall-contract-") as folder:
        command = ["git", "-C", str(here.folder()), "archive", "--format=zip", revision, "--", "."]
        try:
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # no shell, our words
        except FileNotFoundError as error:
            raise NoSuchRevision(revision, "git is not installed") from error
        if done.returncode != 0:
            raise NoSuchRevision(revision, done.stderr.decode(errors="replace").strip().splitlines()[-1])
        with ZipFile(io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder)
        return _load(here, Path(folder))


def _contracts(products: "Iterable[Product]") -> "list[Contract]":
    from landfall.contracts.contract import contracts_of

    return [contract for product in products for contract in contracts_of(product, {})]


def _broken_by_hand(
    root: Path, products: "Iterable[Product]", contracts: "Iterable[Contract]"
) -> list[dict[str, object]]:
    """Return what contracts written by hand promise and their products do not keep."""
    from landfall.contracts.odcs import unkept_promises
    from landfall.spec.project import PRODUCTS_FOLDER, read_file

    by_port = {contract.port: contract for contract in contracts}
    rows: list[dict[str, object]] = []
    for product in products:
        for port in product.ports:
            if port.contract is None:
                continue
            name = f"{product.key}.{port.dataset}@{port.version}"
            path = root / PRODUCTS_FOLDER / product.domain / product.name / port.contract
            file = read_file(root, path)
            faults = [str(fault) for fault in file.faults] or unkept_promises(file.data, by_port[name])
            rows += [
                {"port": name, "change": "contract_broken", "detail": text, "consumers": []}
                for text in faults
            ]
    return rows
