"""What a storage event sets off: a landed file is taken in, a job's result wakes its node."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from activities.instances import Instances, start_coordinator
from activities.services import Services
from landfall import addresses
from landfall.errors import ErrorKind, LandfallError
from landfall.lake import BlobNotFound
from landfall.landing.dead_letters import (
    ActedLetter,
    LetterSource,
    LetterState,
    end_dead_letter,
    ended_before,
    get_dead_letters,
    keep_dead_letter,
)
from landfall.landing.events import (
    BlobEvent,
    DeletedBlob,
    MalformedEvent,
    RenamedBlob,
    StorageEvent,
    parse_storage_event,
)
from landfall.landing.intake import Intake, take_in, take_out
from landfall.landing.manifests import MOST_BYTES, parse_manifest
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID, job_finished_event, node_instance

log = logging.getLogger(__name__)

_POISONED = "it could not be handled, as often as the queue delivered it; the function app's log says why"


class EventActivities:
    """The one handler behind every trigger that delivers storage events; safe to run twice.

    A message that will never be anything else than wrong is kept as a dead letter. What may go well later is raised:
    the sender delivers it again.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_event(self, payload: Mapping[str, Any], instances: Instances) -> None:
        """Act on one event of Event Grid, in either schema."""
        await self._handle_or_keep(payload, LetterSource.EVENT_GRID, instances)

    async def on_message(self, text: str, instances: Instances) -> None:
        """Act on a message of the events queue: an event, or a list of them, as JSON."""
        try:
            content = json.loads(text)
        except ValueError as error:
            await self._keep(text, LetterSource.QUEUE, MalformedEvent(f"it is not JSON ({error})"))
            return
        for payload in content if isinstance(content, list) else [content]:
            await self._handle_or_keep(payload, LetterSource.QUEUE, instances)

    async def on_poison(self, text: str) -> None:
        """Keep a message that the events queue gave up, until somebody replays it."""
        await self._keep(text, LetterSource.POISON, None)

    async def replay(
        self, letter_ids: Sequence[int], instances: Instances, *, actor: str
    ) -> tuple[ActedLetter, ...]:
        """Handle dead letters again; those that are no better than before stay dead.

        Raises:
            UnknownDeadLetter: There is none with one of the ids.
        """
        letters = await asyncio.to_thread(
            self._services.database.read, lambda connection: get_dead_letters(connection, letter_ids)
        )
        answers = []
        for letter in letters:
            if letter.state is not LetterState.DEAD:
                answers.append(ended_before(letter))
                continue
            try:
                content = json.loads(letter.payload)
                for payload in content if isinstance(content, list) else [content]:
                    await self._handle(payload, instances)
            except ValueError as error:
                reason = f"it is not JSON ({error})"
                answers.append(ActedLetter(letter.letter_id, LetterState.DEAD, reason))
                continue
            except LandfallError as error:
                answers.append(ActedLetter(letter.letter_id, LetterState.DEAD, str(error)))
                continue
            now = self._services.now()
            await asyncio.to_thread(
                self._services.database.transact,
                lambda connection, letter_id=letter.letter_id, now=now: end_dead_letter(
                    connection, letter_id, LetterState.REPLAYED, actor=actor, now=now
                ),
            )
            answers.append(ActedLetter(letter.letter_id, LetterState.REPLAYED))
        return tuple(answers)

    async def _handle_or_keep(self, payload: Any, source: LetterSource, instances: Instances) -> None:
        try:
            await self._handle(payload, instances)
        except LandfallError as error:
            if error.retryable or error.kind is not ErrorKind.REFUSED:
                raise
            await self._keep(json.dumps(payload, ensure_ascii=False), source, error)

    async def _handle(self, payload: Any, instances: Instances) -> None:
        if not isinstance(payload, Mapping):
            raise MalformedEvent("it is not a JSON object")
        event = parse_storage_event(payload)
        if event is None:
            return
        if event.container == addresses.LANDING or isinstance(event, RenamedBlob):
            await self._take(event, instances)
        elif event.container == addresses.CONTROL and isinstance(event, BlobEvent):
            await self._wake_node(event, instances)

    async def _take(self, event: StorageEvent, instances: Instances) -> None:
        match event:
            case BlobEvent():
                await self._take_in(event, instances)
            case DeletedBlob():
                await self._take_out(event)
            case RenamedBlob():
                source = addresses.parse_blob_url(event.source_url)
                if source.container == addresses.LANDING:
                    gone = DeletedBlob(event.source_url, source.container, source.path, event.sequencer)
                    await self._take_out(gone)
                if event.container == addresses.LANDING:
                    for written in await asyncio.to_thread(self._renamed_files, event):
                        await self._take_in(written, instances)

    async def _take_in(self, event: BlobEvent, instances: Instances) -> None:
        intake = await asyncio.to_thread(self._record, event)
        if intake.reads_content:
            intake = await asyncio.to_thread(self._record_manifest, event)
        if intake.passed_over is not None:
            log.info("%s: passed over: %s", event.path, intake.passed_over)
        if intake.start is not None:
            await start_coordinator(instances, intake.start)

    async def _take_out(self, event: DeletedBlob) -> None:
        now = self._services.now()
        await asyncio.to_thread(
            self._services.database.transact, lambda connection: take_out(connection, event, now=now)
        )

    def _record(self, event: BlobEvent, names: Sequence[str] | None = None) -> Intake:
        now = self._services.now()
        return self._services.database.transact(
            lambda connection: take_in(connection, event, now=now, names=names)
        )

    def _record_manifest(self, event: BlobEvent) -> Intake:
        content = self._services.lake.read_landing(event.path, most_bytes=MOST_BYTES)
        return self._record(event, parse_manifest(content.decode(errors="replace"), path=event.path))

    def _renamed_files(self, event: RenamedBlob) -> list[BlobEvent]:
        """Return the files that a rename has brought, each like the write that its event does not describe.

        Raises:
            BlobNotFound: The file has gone on meanwhile.
        """
        lake = self._services.lake
        if event.is_folder:
            found = list(lake.list_landed(event.path))
        else:
            blob = lake.find_landed(event.path)
            if blob is None:
                raise BlobNotFound(addresses.parse_blob_url(event.url))
            found = [blob]
        return [
            BlobEvent(
                url=event.url + quote(blob.path.removeprefix(event.path), safe="/"),
                container=event.container,
                path=blob.path,
                etag=blob.etag,
                size_bytes=blob.size_bytes,
                sequencer=event.sequencer,
                occurred_at=event.occurred_at,
            )
            for blob in found
        ]

    async def _keep(self, text: str, source: LetterSource, error: LandfallError | None) -> None:
        now = self._services.now()
        reason = _POISONED if error is None else str(error)
        log.warning("dead_letter: a message of %s is kept: %s", source, reason)
        await asyncio.to_thread(
            self._services.database.transact,
            lambda connection: keep_dead_letter(
                connection,
                text,
                source=source,
                reason=reason,
                error_code=error.code if error is not None else None,
                now=now,
            ),
        )

    async def _wake_node(self, event: BlobEvent, instances: Instances) -> None:
        result = addresses.parse_result_path(event.path)
        if result is None:
            return
        if event.size_bytes:
            self._services.lake.note_result(event.path)
        await instances.wake(
            node_instance(RunID(result.run_id), NodeKey(result.node)), job_finished_event(result.attempt)
        )
