"""Routes of landed files and of events that could not be handled."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api import files, letters
from landfall.api.access import of_filter, of_named_files
from landfall.api.answering import act, problems, read, respond
from landfall.api.answers import FilesReplayed, LettersActed
from landfall.api.bodies import ActOnLetters, ReplayFiles
from landfall.api.body import read_body
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.api.parameters import Cursor, FileID, Limit, Product, Since, instant
from landfall.api.reply import Reply
from landfall.api.run_answers import AlarmPage, FilePage, FileVersions, LetterPage
from landfall.landing.dead_letters import DeadLetter, LetterFilter, LetterSource, LetterState
from landfall.landing.queries import FileFilter
from landfall.metadata.scope import Scope
from landfall.roles import Role
from landfall.runs.states import FileState

router = APIRouter(tags=["landing"])


@router.post(
    "/files/replay", response_model=FilesReplayed, responses=problems(404), openapi_extra=takes(ReplayFiles)
)
async def replay_files(request: Request, caller: Caller) -> Response:
    """Put landed files back to pending, matched anew against the current metadata."""
    scope = Scope(caller.domains(Role.OPERATOR))
    body = await request.body()
    wanted, _ = read_body(ReplayFiles, body)
    if wanted is not None:
        await of_named_files(request, wanted.file_ids)
    return await act(request, caller, files.request_replay, body, scope=scope)


@router.get("/files", response_model=FilePage, responses=problems(404))
async def show_files(
    request: Request,
    caller: Caller,
    product: Product = None,
    dataset: Annotated[str | None, Query(max_length=128)] = None,
    state: FileState | None = None,
    run_id: Annotated[str | None, Query(max_length=32, description="The newest run that claimed it.")] = None,
    name: Annotated[str | None, Query(max_length=256, description="How the file's name begins.")] = None,
    since: Since = None,
    oldest_first: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List landed files, the newest first, those that meet every filter given."""
    of_filter(caller, product)
    wanted = FileFilter(
        product=product,
        dataset=dataset,
        state=state,
        run_id=run_id,
        name=name,
        since=instant(since, backend_of(request).now(), "since"),
    )
    return await read(
        request,
        files.show_files,
        wanted,
        scope=caller.scope,
        oldest_first=oldest_first,
        limit=limit,
        cursor=cursor,
    )


@router.get("/files/{file_id}", response_model=FileVersions, responses=problems(404))
async def show_file(request: Request, caller: Caller, file_id: FileID) -> Response:
    """Show every version of a file's path, the runs that took them in, and what people did to them."""
    return await read(request, files.show_file, file_id, scope=caller.scope)


@router.get("/dead-letters", response_model=LetterPage, responses=problems())
async def show_dead_letters(
    request: Request,
    caller: Caller,
    state: LetterState = LetterState.DEAD,
    source: LetterSource | None = None,
    error_code: Annotated[str | None, Query(max_length=16)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List events that could not be handled; they belong to no product."""
    caller.require(Role.READER, None)
    wanted = LetterFilter(state=state, source=source, error_code=error_code)
    return await read(request, letters.show_dead_letters, wanted, limit=limit, cursor=cursor)


@router.get("/dead-letters/{letter_id}", response_model=DeadLetter, responses=problems(404))
async def show_dead_letter(request: Request, caller: Caller, letter_id: FileID) -> Response:
    """Show one event that could not be handled, as it came."""
    caller.require(Role.READER, None)
    return await read(request, letters.show_dead_letter, letter_id)


@router.post(
    "/dead-letters/replay",
    response_model=LettersActed,
    responses=problems(404),
    openapi_extra=takes(ActOnLetters),
)
async def replay_dead_letters(request: Request, caller: Caller) -> Response:
    """Handle dead letters again."""
    caller.require(Role.OPERATOR, None)
    backend = backend_of(request)
    chosen = await asyncio.to_thread(
        letters.choose, backend.database, await request.body(), now=backend.now()
    )
    if isinstance(chosen, Reply):
        return respond(chosen)
    replayed = await letters.replay(backend, chosen.letter_ids, actor=caller.name)
    return respond(letters.acted_on(replayed, chosen.following))


@router.post(
    "/dead-letters/discard",
    response_model=LettersActed,
    responses=problems(404),
    openapi_extra=takes(ActOnLetters),
)
async def discard_dead_letters(request: Request, caller: Caller) -> Response:
    """Give up dead letters."""
    caller.require(Role.OPERATOR, None)
    return await act(request, caller, letters.request_discard, await request.body())


@router.get("/alarms", response_model=AlarmPage, responses=problems(404))
async def show_alarms(
    request: Request,
    caller: Caller,
    product: Product = None,
    cleared: Annotated[bool, Query(alias="all")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List alarms that last, with ``all=true`` also those whose cause is gone."""
    of_filter(caller, product)
    return await read(
        request,
        letters.show_alarms,
        product,
        cleared=cleared,
        scope=caller.scope,
        limit=limit,
        cursor=cursor,
    )
