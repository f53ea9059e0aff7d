"""Datasets: how fresh each is and how it fares with its rules, over time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response

from landfall.api.access import of_product
from landfall.api.catalogue import dataset_as_seen
from landfall.api.identity import Caller, backend_of
from landfall.api.publishing import show_preview
from landfall.concealing import concealed
from landfall.console.choices import chosen, words
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.metadata.catalog import get_current_product
from landfall.planning.graph import build_graph
from landfall.planning.plan import NodeKey
from landfall.roles import Role
from landfall.runs.dataset_history import QualityCheck, build_history, quality_history
from landfall.runs.dataset_list import DatasetFilter, list_datasets
from landfall.runs.evidence import dataset_evidence
from landfall.runs.queries import RuleResult
from landfall.runs.requests import UnknownDataset
from landfall.runs.why.explaining import explain
from landfall.spec.model import Layer, Product

router = APIRouter(route_class=PageRoute)

_LIVE_S = 10
_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class RuleOverTime:
    """One rule in each of the last checks, the newest first; ``None`` where it did not look."""

    name: str
    results: tuple[RuleResult | None, ...]


@router.get("/datasets")
def show_datasets(request: Request, caller: Caller) -> Response:
    """Show a page of datasets."""
    given = here(request).parameters
    wanted = DatasetFilter(
        product=given.get("product"),
        layer=chosen(given, "layer", Layer),
        contains=given.get("q"),
        broken="broken" in given,
    )
    found = backend_of(request).database.read(
        lambda connection: list_datasets(connection, wanted, scope=caller.scope, cursor=given.get("cursor"))
    )
    seen = tuple(dataset_as_seen(item, caller.scope) for item in found.items)
    return render(
        request,
        caller,
        "datasets/list.html",
        section="datasets",
        live_s=_LIVE_S,
        datasets=replace(found, items=seen),
        filtered=any(given.get(name) for name in ("q", "product", "layer", "broken")),
        layers=words(Layer, "any"),
    )


@router.get("/datasets/{domain}/{product}/{dataset}")
def show_dataset(request: Request, caller: Caller, domain: str, product: str, dataset: str) -> Response:
    """Show one dataset: why it is as it is, its builds, and what its rules found in each."""
    key = of_product(caller, domain, product)
    backend = backend_of(request)
    database = backend.database
    current = database.read(lambda connection: get_current_product(connection, key))
    declared = next((item for item in current.product.datasets if item.name == dataset), None)
    if declared is None:
        raise UnknownDataset(key, [dataset], [item.name for item in current.product.datasets])
    node = _node_of(current.product, dataset)
    now = backend.now()
    summary, checks, builds, evidence = database.read(
        lambda connection: (
            list_datasets(connection, DatasetFilter(product=key, name=dataset)).items[0],
            quality_history(connection, current.product_id, dataset).items,
            build_history(connection, current.product_id, node).items if node else (),
            dataset_evidence(connection, key, dataset, now=now),
        )
    )
    return render(
        request,
        caller,
        "datasets/show.html",
        section="datasets",
        live_s=_LIVE_S,
        dataset=declared,
        product=current.product,
        summary=summary,
        node=node,
        checks=checks,
        rules=over_time(checks),
        builds=builds,
        findings=explain(evidence, now=now),
        may_act=caller.may(Role.OPERATOR, domain),
    )


@router.get("/datasets/{domain}/{product}/{dataset}/rows")
def show_rows(request: Request, caller: Caller, domain: str, product: str, dataset: str) -> Response:
    """Show some rows of a dataset's table, straight from the lake; of another domain, of a port."""
    backend = backend_of(request)
    found = show_preview(
        backend.database,
        backend.settings,
        f"{domain}/{product}",
        dataset,
        columns=(),
        limit=_MOST_ROWS,
        scope=caller.scope,
    ).body
    return render(
        request, caller, "datasets/rows.html", section="datasets", preview=concealed(found), most=_MOST_ROWS
    )


def over_time(checks: Sequence[QualityCheck]) -> tuple[RuleOverTime, ...]:
    """Return the rules of some checks, those that the newest has first and in its order."""
    names = list(dict.fromkeys(rule.rule for check in checks for rule in check.rules))
    by_name = [{rule.rule: rule for rule in check.rules} for check in checks]
    return tuple(RuleOverTime(name, tuple(found.get(name) for found in by_name)) for name in names)


def _node_of(product: Product, dataset: str) -> NodeKey | None:
    return next((node.key for node in build_graph(product).nodes if node.output == dataset), None)
