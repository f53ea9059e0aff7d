"""`landfall init`, `validate`, `plan`, `apply`, `rollback`: product files and what is applied of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landfall.cli.auditing import doing_on_database
from landfall.cli.completing import complete_product
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_json, show_rows
from landfall.cli.project import Invocation, invocation

if TYPE_CHECKING:
    from landfall.planning.plan import Plan
    from landfall.spec.model import Product

_PRODUCT_COLUMNS = ("product", "sources", "datasets", "rules", "nodes", "ports")
_FAULT_COLUMNS = ("path", "line", "code", "message", "remedy")
_PLAN_COLUMNS = ("node", "kind", "output", "layer", "waits_for", "why")

ProjectPath = Annotated[
    Path | None,
    typer.Argument(metavar="PATH", help="Project folder, product folder or file in one; or domain/product."),
]


class PlanOutput(StrEnum):
    """`plan` also draws."""

    TEXT = "text"
    TABLE = "table"
    JSON = "json"
    TSV = "tsv"
    MERMAID = "mermaid"


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("landfall init sales/orders"))(init)
    app.command(epilog=examples("landfall validate data_products/mobility/flights"))(validate)
    app.command(
        epilog=examples(
            "landfall plan mobility/flights",
            "landfall plan mobility/flights --landed weather_landed --output mermaid",
        )
    )(plan)
    app.command(epilog=examples("landfall apply --dry-run"))(apply)
    app.command(epilog=examples("landfall rollback mobility/flights"))(rollback)


def init(
    context: typer.Context,
    product: Annotated[str, typer.Argument(metavar="DOMAIN/PRODUCT", help="Name of the new product.")],
) -> None:
    """Write a small product that validates, applies and runs.

    Change it into yours, one step at a time. Where there is no project yet, the folder becomes one.
    """
    from landfall.spec.faults import NoProject
    from landfall.spec.scaffold import scaffold

    here = invocation(context)
    try:
        folder = here.folder()
    except NoProject:
        folder = (here.project_folder or Path.cwd()).resolve()
    written = scaffold(folder, product)
    for path in written:
        print(shown_path(path))
    note(f"\nnext:\n{_first_steps(folder, product, written)}")


def validate(context: typer.Context, path: ProjectPath = None, output: Output = OutputFormat.TABLE) -> None:
    """Check product files and their tests offline; every fault with file and line.

    Exit code 1 means that there are faults.
    """
    from landfall.spec.faults import InvalidSpec

    here = invocation(context)
    root, only = _place(here, path)
    try:
        products = _load(here, root, only)
        _check_tests(root, products)
    except InvalidSpec as error:
        if output is OutputFormat.TABLE:
            raise
        # A program reads faults as data, and as data they belong on stdout.
        show_rows([fault.to_payload() for fault in error.faults], _FAULT_COLUMNS, output)
        raise typer.Exit(ExitCode.REFUSED) from error
    if not products:
        note("No products yet; `landfall init DOMAIN/PRODUCT` starts one.")
    show_rows([_summary(product) for product in products], _PRODUCT_COLUMNS, output)


def plan(
    context: typer.Context,
    product: Annotated[
        str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
    ],
    landed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET", help="As if files had landed for it; may be said again. Without it, all."
        ),
    ] = None,
    output: Annotated[
        PlanOutput, typer.Option("--output", "-o", help="text draws a tree, mermaid a flowchart.")
    ] = PlanOutput.TEXT,
) -> None:
    """Show what of a product would run, in which order, and why."""
    from landfall.planning.draw import to_mermaid, to_text

    here = invocation(context)
    (found,) = _load(here, here.folder(), product)
    made = _make_plan(found, tuple(landed or ()))
    match output:
        case PlanOutput.TEXT:
            print(to_text(made), end="")
        case PlanOutput.MERMAID:
            print(to_mermaid(made), end="")
        case PlanOutput.JSON:
            show_json({**made.to_payload(), "sha256": made.sha256()})
        case PlanOutput.TABLE | PlanOutput.TSV:
            show_rows(_plan_rows(made), _PLAN_COLUMNS, OutputFormat(output))


def apply(
    context: typer.Context,
    path: ProjectPath = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference and write nothing.")
    ] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show what changes in the metadata store and write it, all or nothing."""
    from landfall.metadata.apply import apply_products, compare

    here = invocation(context)
    products = _load(here, *_place(here, path))
    database = here.database()
    difference = database.read(lambda connection: compare(connection, products))
    if output is OutputFormat.TABLE:
        print("\n".join(difference.lines()))
    elif output is OutputFormat.JSON:
        show_json(difference.to_payload())
    else:
        rows = [
            {"product": item.product, "status": item.status, **change.to_payload()}
            for item in difference.products
            for change in item.changes
        ]
        show_rows(rows, ("product", "status", "kind", "path", "before", "after"), output)
    if dry_run:
        note("dry run: nothing was written")
        return
    keys = [product.key for product in products]
    doing = doing_on_database(
        "metadata.apply", datetime.now(UTC), product=keys[0] if len(keys) == 1 else None, products=keys
    )
    # Nothing that changes nothing is an act.
    written = database if difference.is_empty else doing.audited(database)
    applied = apply_products(written, products, actor=doing.actor, now=doing.at)
    for version in applied:
        note(f"{version.product}: version {version.version} is current")
    if not applied:
        note("nothing changed; nothing was written")


def rollback(
    context: typer.Context,
    product: Annotated[
        str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
    ],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Bring back the version applied before the current one.

    It becomes a new version; runs in flight keep the one they were opened with.
    """
    from landfall.metadata.apply import rollback as roll_back

    doing = doing_on_database("metadata.rollback", datetime.now(UTC), product=product)
    version = roll_back(
        doing.audited(invocation(context).database()), product, actor=doing.actor, now=doing.at
    )
    show_fields(
        {"product": version.product, "version": version.version, "restores": version.restores}, output
    )


def _first_steps(folder: Path, key: str, written: Sequence[Path]) -> str:
    """Return the commands that take a new product with its sample file to its first tables."""
    from landfall.spec.load import load_products

    (product,) = load_products(folder, key)
    landed = next(dataset.name for dataset in product.datasets if dataset.landing is not None)
    sample = next(path for path in written if path.parent.name == "samples")
    return "\n".join(
        [
            "  landfall validate",
            "  landfall test",
            "  landfall up",
            "  landfall apply",
            f"  landfall land {key} {landed} {shown_path(sample)} --wait",
            f"  landfall preview {key}.{product.transformations[-1].output.dataset}",
        ]
    )


def _load(here: Invocation, root: Path, only: str | None) -> "tuple[Product, ...]":
    """Return the products of the project at ``root``, or only the one called ``domain/product``."""
    from landfall.spec.load import load_products

    return load_products(root, only, target=here.target_name)


def _place(here: Invocation, path: Path | None) -> tuple[Path, str | None]:
    """Return the project that a path lies in, and the product if it lies in one; without a path, this project.

    Args:
        path: Project folder, product folder, or a file in either; or ``domain/product`` of this project, as other
            verbs call it.
    """
    from landfall.spec.project import PRODUCTS_FOLDER, find_project

    if path is None:
        return here.folder(), None
    place = path if path.exists() else here.folder() / PRODUCTS_FOLDER / path
    if not place.exists():
        raise typer.BadParameter(
            f"{path} does not exist, nor does {PRODUCTS_FOLDER}/{path}", param_hint="PATH"
        )
    root = find_project(place)
    return root, _product_at(root, place.resolve())


def _check_tests(root: Path, products: "Sequence[Product]") -> None:
    """Check the tests of products, too: raises ``InvalidSpec`` with every fault of their files."""
    from landfall.spec.faults import InvalidSpec
    from landfall.spec.product_tests import check_product_tests

    faults = [fault for product in products for fault in check_product_tests(root, product)[1]]
    if faults:
        raise InvalidSpec(faults)


def _product_at(root: Path, path: Path) -> str | None:
    """Return the key of the product whose folder ``path`` is or lies in, ``None`` if it is above all of them."""
    from landfall.spec.project import PRODUCTS_FOLDER

    match path.relative_to(root).parts:
        case (str(folder), domain, product, *_) if folder == PRODUCTS_FOLDER:
            return f"{domain}/{product}"
        case _:
            return None


def _make_plan(product: "Product", landed: tuple[str, ...]) -> "Plan":
    from landfall.planning.select import make_plan

    everything = tuple(dataset.name for dataset in product.datasets if dataset.landing is not None)
    # Ports of other products count as published: only a run knows whether they are.
    built_here = {dataset.name for dataset in product.datasets}
    foreign = {
        str(ref)
        for transformation in product.transformations
        for ref in transformation.inputs
        if ref.product is not None
    }
    published = foreign | (built_here if landed else set())
    return make_plan(product, metadata_version=0, changed=landed or everything, published=published)


def _plan_rows(made: "Plan") -> list[dict[str, object]]:
    from landfall.planning.explain import reasons

    why = reasons(made)
    return [
        {
            "node": node.key,
            "kind": node.kind,
            "output": node.output,
            "layer": node.layer,
            "waits_for": list(node.depends_on),
            "why": why[node.key],
        }
        for node in made.nodes
    ]


def _summary(product: "Product") -> dict[str, object]:
    landed = sum(dataset.landing is not None for dataset in product.datasets)
    return {
        "product": product.key,
        "sources": len(product.sources),
        "datasets": len(product.datasets),
        "rules": sum(len(dataset.quality) for dataset in product.datasets),
        "nodes": landed + len(product.transformations),
        "ports": len(product.ports),
    }


def shown_path(path: Path) -> Path:
    """Return a path as short as it can be from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
