"""Lineage: where the data of a dataset or column comes from, and what is made of it."""

from fastapi import APIRouter, Request, Response

from landfall.api.errors import InvalidRequest
from landfall.api.identity import Caller, backend_of
from landfall.console.lineage_drawing import draw
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.lineage.traces import ALL_COLUMNS
from landfall.metadata.lineage import Direction
from landfall.runs.dataset_list import DatasetFilter, list_datasets
from landfall.runs.files_behind import files_behind
from landfall.runs.provenance import provenance

router = APIRouter(route_class=PageRoute)

_MOST_LINKS = 200
_MOST_FILES = 10
_DEPTHS = (("", "everything"), ("1", "one step"), ("2", "two steps"), ("3", "three steps"))


@router.get("/lineage")
def show_lineage(request: Request, caller: Caller) -> Response:
    """Show the lineage of what the address names; without a name, the datasets there are."""
    database = backend_of(request).database
    given = here(request).parameters
    subject = given.get("of")
    if subject is None:
        found = database.read(
            lambda connection: list_datasets(
                connection,
                DatasetFilter(contains=given.get("q")),
                scope=caller.scope,
                cursor=given.get("cursor"),
            )
        )
        return render(request, caller, "lineage/list.html", section="lineage", datasets=found)
    depth_text = given.get("depth", "")
    if depth_text not in dict(_DEPTHS):
        raise InvalidRequest([f"depth: {depth_text!r} is none of 1, 2, 3."])
    depth = int(depth_text) if depth_text else None
    upstream, downstream, files = database.read(
        lambda connection: (
            up := provenance(connection, subject, Direction.UPSTREAM, depth=depth, scope=caller.scope),
            provenance(connection, subject, Direction.DOWNSTREAM, depth=depth, scope=caller.scope),
            files_behind(
                connection,
                up.subject.dataset.removeprefix("quarantine/"),
                scope=caller.scope,
                limit=_MOST_FILES + 1,
            ),
        )
    )
    origins = {origin.dataset: origin for origin in (*upstream.origins, *downstream.origins)}
    return render(
        request,
        caller,
        "lineage/show.html",
        section="lineage",
        subject=upstream.subject,
        column=None if upstream.subject.column == ALL_COLUMNS else upstream.subject.column,
        columns=upstream.columns,
        drawing=draw(upstream.subject.dataset, upstream.links, downstream.links),
        sides=(("Made of", upstream.links[:_MOST_LINKS]), ("Goes into", downstream.links[:_MOST_LINKS])),
        counts=(len(upstream.links), len(downstream.links)),
        most=_MOST_LINKS,
        origins=origins,
        files=files[:_MOST_FILES],
        has_more_files=len(files) > _MOST_FILES,
        depths=_DEPTHS,
    )
