"""Routes of landed files and of events that could not be handled."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api import files, letters
from landfall.api.access import of_filter
from landfall.api.answering import act, problems, read, respond
from landfall.api.answers import FilesReplayed, LettersActed
from landfall.api.bodies import ActOnLetters, ReplayFiles
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.api.reply import Reply
from landfall.landing.dead_letters import DeadLetter, LetterState
from landfall.metadata.alarms import Alarm
from landfall.metadata.scope import Scope
from landfall.roles import Role

router = APIRouter(tags=["landing"])


@router.post(
    "/files/replay", response_model=FilesReplayed, responses=problems(404), openapi_extra=takes(ReplayFiles)
)
async def replay_files(request: Request, caller: Caller) -> Response:
    """Put landed files back to pending, matched anew against the current metadata."""
    scope = Scope(caller.domains(Role.OPERATOR))
    return await act(request, caller, files.request_replay, await request.body(), scope=scope)


@router.get("/dead-letters", response_model=list[DeadLetter], responses=problems(404))
async def show_dead_letters(
    request: Request, caller: Caller, state: LetterState = LetterState.DEAD
) -> Response:
    """List events that could not be handled; they belong to no product."""
    caller.require(Role.READER, None)
    return await read(request, letters.show_dead_letters, state)


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
    replayed = await backend.replay_letters(chosen.letter_ids, actor=caller.name)
    # Each letter is handled in transactions of its own, as an event is; the act is written down behind them.
    await asyncio.to_thread(backend.database.transact, lambda _: None)
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


@router.get("/alarms", response_model=list[Alarm], responses=problems(404))
async def show_alarms(
    request: Request,
    caller: Caller,
    product: str | None = None,
    cleared: Annotated[bool, Query(alias="all")] = False,
) -> Response:
    """List alarms that last, with ``all=true`` also those whose cause is gone."""
    of_filter(caller, product)
    return await read(request, letters.show_alarms, product, cleared=cleared, scope=caller.scope)
