"""Telling callers how their runs ended, one attempt at a time."""

import asyncio
import logging
from typing import Any

from activities.instances import Instances
from activities.services import Services
from landfall.calling_back import CallbackFailed, CallbackPolicy, CallbackRefused, may_succeed_later, post
from landfall.runs.callbacks import (
    CallbackAnswer,
    CallbackAttempt,
    CallbackID,
    begin_attempt,
    due_callbacks,
    end_attempt,
    next_attempt_at,
)
from landfall.runs.ids import callback_instance
from landfall.runs.requests import RequestStatus

log = logging.getLogger(__name__)


class CallbackActivities:
    """Safe to run twice: an attempt is taken in SQL before anything is sent, and by one alone."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def deliver_callback(self, message: dict[str, Any]) -> dict[str, Any]:
        """Make the next attempt of a callback; answer with the seconds to the one after it, or ``None`` at the end."""
        callback_id, database = CallbackID(message["callback_id"]), self._services.database
        now = self._services.now()
        attempt = database.transact(lambda connection: begin_attempt(connection, callback_id, now=now))
        if attempt is not None:
            answer = self._call(attempt)
            ended_at = self._services.now()
            database.transact(lambda connection: end_attempt(connection, attempt, answer, now=ended_at))
        due = database.read(lambda connection: next_attempt_at(connection, callback_id))
        return {"wait_s": None if due is None else max((due - self._services.now()).total_seconds(), 1.0)}

    async def start_due(self, instances: Instances) -> None:
        """Start the orchestration of every callback that is due; one that is alive is left alone."""
        now = self._services.now()
        due = await asyncio.to_thread(
            self._services.database.read, lambda connection: due_callbacks(connection, now=now)
        )
        await start_callbacks(instances, due)

    def _call(self, attempt: CallbackAttempt) -> CallbackAnswer:
        settings = self._services.settings
        policy = CallbackPolicy(settings.callback_hosts, settings.callback_loopback)
        try:
            status = post(attempt.uri, _body(attempt.result), policy)
        except CallbackRefused as error:
            return CallbackAnswer(None, error.reason, may_succeed_later=False)
        except CallbackFailed as error:
            return CallbackAnswer(None, str(error))
        log.info("callback %d, attempt %d: %d", attempt.callback_id, attempt.number, status)
        return CallbackAnswer(status, may_succeed_later=may_succeed_later(status))


async def start_callbacks(instances: Instances, callback_ids: tuple[CallbackID, ...]) -> None:
    """Start the orchestrations of callbacks; one that is alive is left alone."""
    for callback_id in callback_ids:
        await instances.start("callback", callback_instance(callback_id), {"callback_id": callback_id})


def _body(result: RequestStatus) -> dict[str, Any]:
    """Return what Data Factory's WebHook activity expects: a status code of 400 or more makes it fail.

    Source:
        Azure Data Factory, WebHook activity, "Report status on callback".
    """
    body: dict[str, Any] = {"StatusCode": "200", "Output": result.to_payload()}
    if not result.succeeded:
        body |= {"StatusCode": "409", "Error": {"ErrorCode": "LF6103", "Message": result.failure()}}
    return body
