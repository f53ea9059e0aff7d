"""Landed files: the ledger, the history of one file, and putting files back."""

from fastapi import APIRouter, Request, Response

from landfall.api import files
from landfall.api.access import of_files
from landfall.api.identity import Caller, backend_of
from landfall.console.acts import ActPage
from landfall.console.address import page
from landfall.console.choices import TIMES, chosen, chosen_since, words
from landfall.console.command_lines import command
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form, see_other
from landfall.landing.queries import FileFilter, list_files
from landfall.landing.replay import REPLAYABLE
from landfall.metadata.catalog import list_product_keys
from landfall.metadata.whose import domains_of_files
from landfall.roles import Role
from landfall.runs.evidence import file_evidence
from landfall.runs.file_history import file_history
from landfall.runs.states import FileState
from landfall.runs.why.explaining import explain

router = APIRouter(route_class=PageRoute)

_LIVE_S = 5
_ORDERS = (("", "newest first"), ("oldest", "oldest first"))


@router.get("/files")
def show_files(request: Request, caller: Caller) -> Response:
    """Show a page of the landing ledger."""
    given = here(request).parameters
    backend = backend_of(request)
    wanted = FileFilter(
        product=given.get("product"),
        dataset=given.get("dataset"),
        state=chosen(given, "state", FileState),
        run_id=given.get("run"),
        name=given.get("q"),
        since=chosen_since(given, backend.now()),
    )
    found, products = backend.database.read(
        lambda connection: (
            list_files(
                connection,
                wanted,
                scope=caller.scope,
                oldest_first=given.get("order") == "oldest",
                cursor=given.get("cursor"),
            ),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    return render(
        request,
        caller,
        "files/list.html",
        section="files",
        live_s=_LIVE_S,
        files=found,
        filtered=any(given.get(name) for name in ("q", "product", "dataset", "state", "run", "since")),
        products=products,
        states=words(FileState, "any"),
        times=TIMES,
        orders=_ORDERS,
    )


@router.get("/files/{file_id}")
async def show_file(request: Request, caller: Caller, file_id: int) -> Response:
    """Show every version of a file: its runs, rows and refusals, and what people did."""
    await of_files(request, caller, [file_id])
    backend = backend_of(request)
    now = backend.now()
    versions, evidence, domains = backend.database.read(
        lambda connection: (
            file_history(connection, file_id, scope=caller.scope),
            file_evidence(connection, str(file_id), now=now),
            domains_of_files(connection, [file_id]),
        )
    )
    shown = next(version for version in versions if version.file.file_id == file_id)
    return render(
        request,
        caller,
        "files/show.html",
        section="files",
        live_s=_LIVE_S,
        shown=shown,
        versions=versions,
        findings=explain(evidence, now=now),
        may_replay=shown.file.state in REPLAYABLE and caller.may(Role.OPERATOR, domains[file_id]),
    )


@router.get("/files/{file_id}/replay")
async def show_replay(request: Request, caller: Caller, file_id: int) -> Response:
    """Say what putting a file back does, and ask for it."""
    await of_files(request, caller, [file_id], Role.OPERATOR)
    shown = ActPage(
        title="Take this file in again",
        says=(
            "It is matched anew against the metadata applied now and waits for the next run.",
            "The rows it gave before are replaced, in the table and in its quarantine.",
        ),
        address=page("files", file_id, "replay"),
        back=str(page("files", file_id)),
        submit="Take it in again",
        line=command("files", "replay", file_id),
    )
    return render(request, caller, "form.html", section="files", act=shown, fields=(), hidden={})


@router.post("/files/{file_id}/replay")
async def do_replay(request: Request, caller: Caller, file_id: int) -> Response:
    """Put a file back to pending."""
    await of_files(request, caller, [file_id], Role.OPERATOR)
    fields = await read_form(request)
    await perform(request, caller, files.request_replay, {"file_ids": [file_id]}, scope=caller.scope)
    return see_other(back_of(fields, page("files", file_id)))
