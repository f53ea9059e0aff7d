"""The Durable management API over HTTP; the SDK's client talks to the same routes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from aiohttp import web

from landfall.local.functions_host import instances
from landfall.local.functions_host.client_binding import (
    WEBHOOK_PATH,
    instance_links,
    link_suffix,
)
from landfall.local.functions_host.clock import from_text, to_seconds_text
from landfall.local.functions_host.decisions import Status
from landfall.local.functions_host.hub import Conflict, Gone, Invalid, NotFound, Refused, TaskHub, WrongState
from landfall.local.functions_host.instances import Filter, StartRequest
from landfall.local.functions_host.keys import DURABLE_SYSTEM_KEY, Keys
from landfall.local.functions_host.status_view import history_of, parsed, status_of

DEFAULT_PAGE = 100
CONTINUATION_HEADER = "x-ms-continuation-token"
_DEFAULT_WAIT_S = 10.0
_DEFAULT_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API.

    Attributes:
        request: The HTTP request.
        segments: Decoded path segments below the API's base, as the caller wrote them.
        body: The request's body.
    """

    request: web.Request
    segments: Sequence[str]
    body: bytes

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean query parameter."""
        text = self.text(name)
        return default if text is None else text.lower() == "true"

    def text(self, name: str) -> str | None:
        """Return a query parameter, its name taken without regard to case."""
        return next((v for k, v in self.request.query.items() if k.lower() == name.lower()), None)

    def instant(self, name: str) -> datetime | None:
        """Return a query parameter that is an instant.

        Raises:
            Invalid: It is not one.
        """
        text = self.text(name)
        if not text:
            return None
        try:
            # A plus sign of an offset arrives as a space unless the caller encoded it.
            return from_text(text.replace(" ", "+"))
        except ValueError as error:
            raise Invalid(f"{name}={text!r} is not an instant such as 2026-01-01T00:00:00Z") from error

    def number(self, name: str, default: float) -> float:
        """Return a query parameter that is a number not below 0.

        Raises:
            Invalid: It is not one.
        """
        text = self.text(name)
        try:
            value = default if not text else float(text)
        except ValueError:
            value = -1.0
        if value < 0:
            raise Invalid(f"{name}={text!r} is not a number of 0 or more")
        return value

    def json_text(self) -> str | None:
        """Return the body as JSON text, ``None`` if it is empty.

        Raises:
            Invalid: It is not JSON.
        """
        if not self.body.strip():
            return None
        try:
            text = self.body.decode()
            json.loads(text)
        except ValueError as error:
            raise Invalid(f"The request body is not valid JSON: {error}") from error
        return text


_Handler: TypeAlias = Callable[[Call], Awaitable[web.Response]]


class ManagementApi:
    """Answers requests below the webhook's path (with a key) and the RPC path (from this machine, without one)."""

    def __init__(self, hub: TaskHub, keys: Keys) -> None:
        self._hub = hub
        self._keys = keys
        self._routes: dict[tuple[str, str, int], _Handler] = {
            ("POST", "orchestrators", 2): self._start,
            ("POST", "orchestrators", 3): self._start,
            ("GET", "instances", 1): self._list,
            ("GET", "instances", 2): self._status,
            ("DELETE", "instances", 1): self._purge_all,
            ("DELETE", "instances", 2): self._purge,
            ("GET", "entities", 1): self._list_entities,
            ("GET", "entities", 2): self._list_entities,
            ("GET", "entities", 3): self._entity_state,
            ("POST", "entities", 3): self._signal_entity,
            ("DELETE", "entities", 3): self._delete_entity,
        }
        self._operations: dict[str, _Handler] = {
            "raiseevent": self._raise_event,
            "terminate": self._terminate,
            "suspend": self._suspend,
            "resume": self._resume,
            "rewind": self._rewind,
            "restart": self._restart,
        }

    async def serve(self, request: web.Request, path: Sequence[str]) -> web.Response:
        """Answer a request; ``path`` are the percent-encoded segments below the API's base."""
        segments = [unquote(part) for part in path if part]
        handler = self._find(request.method, segments)
        if handler is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        try:
            return await handler(Call(request, segments, await request.read()))
        except Refused as refusal:
            return _refusal(refusal)

    def _find(self, method: str, segments: Sequence[str]) -> _Handler | None:
        if not segments:
            return None
        kind = segments[0].lower()
        if method == "POST" and kind == "instances" and len(segments) in (3, 4):
            operation = segments[2].lower()
            takes_name = operation == "raiseevent"
            return self._operations.get(operation) if takes_name == (len(segments) == 4) else None
        return self._routes.get((method, kind, len(segments)))

    # --- starting and reading ---------------------------------------------------------------------------------

    async def _start(self, call: Call) -> web.Response:
        name = call.segments[1]
        instance_id = call.segments[2] if len(call.segments) == 3 else instances.new_id()
        version = call.text("version") or self._hub.settings.default_version
        self._hub.start(StartRequest(name, instance_id, call.json_text(), version))
        if call.text("timeout") is not None or call.text("pollingInterval") is not None:
            ended = await self._wait(
                instance_id,
                call.number("timeout", _DEFAULT_WAIT_S),
                call.number("pollingInterval", _DEFAULT_POLL_S),
            )
            if ended is not None:
                return ended
        return self._links(call, instance_id)

    async def _wait(self, instance_id: str, timeout_s: float, interval_s: float) -> web.Response | None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            instance = self._hub.find(instance_id)
            if instance is not None and instance.status.is_terminal:
                if instance.status is Status.COMPLETED:
                    return _json(parsed(instance.output))
                failed = instance.status is Status.FAILED
                code = HTTPStatus.INTERNAL_SERVER_ERROR if failed else HTTPStatus.OK
                return _json(status_of(instance), code)
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                return None
            await asyncio.sleep(min(max(interval_s, 0.01), left_s))

    async def _status(self, call: Call) -> web.Response:
        instance = self._hub.find(call.segments[1])
        if instance is None:
            raise NotFound(f"No instance with the id '{call.segments[1]}' was found.")
        show_input = call.flag("showInput", default=True)
        body = status_of(instance, show_input=show_input)
        if call.flag("showHistory", default=False) and instance.status is not Status.PENDING:
            body["historyEvents"] = history_of(
                self._hub.store,
                instance,
                show_input=show_input,
                show_output=call.flag("showHistoryOutput", default=False),
            )
        if instance.status is Status.FAILED and call.flag(
            "returnInternalServerErrorOnFailure", default=False
        ):
            return _json(body, HTTPStatus.INTERNAL_SERVER_ERROR)
        if instance.status.is_terminal:
            return _json(body)
        headers = {"Location": str(call.request.url), "Retry-After": "5"}
        return _json(body, HTTPStatus.ACCEPTED, headers)

    async def _list(self, call: Call) -> web.Response:
        size = int(call.number("top", DEFAULT_PAGE)) or DEFAULT_PAGE
        try:
            found, token = instances.page(
                self._hub.store, _filter(call), size, call.request.headers.get(CONTINUATION_HEADER)
            )
        except ValueError as error:
            raise Invalid("The continuation token is not one that this host gave out.") from error
        show_input = call.flag("showInput", default=True)
        headers = {CONTINUATION_HEADER: token} if token else {}
        return _json([status_of(instance, show_input=show_input) for instance in found], headers=headers)

    # --- operating --------------------------------------------------------------------------------------------

    async def _raise_event(self, call: Call) -> web.Response:
        if call.body and call.request.content_type != "application/json":
            raise Invalid("Only application/json request content is supported")
        self._hub.raise_event(call.segments[1], call.segments[3], call.json_text())
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _terminate(self, call: Call) -> web.Response:
        self._hub.terminate(call.segments[1], call.text("reason"))
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _suspend(self, call: Call) -> web.Response:
        return self._hold(self._hub.suspend, call)

    async def _resume(self, call: Call) -> web.Response:
        return self._hold(self._hub.resume, call)

    def _hold(self, operate: Callable[[str, str | None], None], call: Call) -> web.Response:
        try:
            operate(call.segments[1], call.text("reason"))
        except WrongState as refusal:
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, refusal)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _rewind(self, call: Call) -> web.Response:
        self._hub.rewind(call.segments[1], call.text("reason"))
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _restart(self, call: Call) -> web.Response:
        with_new_id = call.flag("restartWithNewInstanceId", default=True)
        return self._links(call, self._hub.restart(call.segments[1], with_new_id=with_new_id))

    async def _purge(self, call: Call) -> web.Response:
        self._hub.purge(call.segments[1])
        return _json({"instancesDeleted": 1})

    async def _purge_all(self, call: Call) -> web.Response:
        wanted = _filter(call)
        if wanted.created_from is None:
            raise Invalid("Please provide value for 'createdTimeFrom' parameter.")
        deleted = self._hub.purge_all(wanted)
        if not deleted:
            raise NotFound("No ended instance matches.")
        return _json({"instancesDeleted": deleted})

    # --- entities ---------------------------------------------------------------------------------------------

    async def _entity_state(self, call: Call) -> web.Response:
        entity = self._hub.entities.find(_entity_id(call))
        if entity is None:
            raise NotFound("There is no such entity.")
        return _json(parsed(entity.state))

    async def _list_entities(self, call: Call) -> web.Response:
        size = int(call.number("top", DEFAULT_PAGE)) or DEFAULT_PAGE
        found = self._hub.entities.page(
            call.segments[1] if len(call.segments) > 1 else None,
            call.instant("lastOperationTimeFrom"),
            call.instant("lastOperationTimeTo"),
            size + 1,
            call.request.headers.get(CONTINUATION_HEADER, ""),
        )
        headers = {CONTINUATION_HEADER: found[size - 1].entity_id} if len(found) > size else {}
        fetch_state = call.flag("fetchState", default=False)
        views = []
        for entity in found[:size]:
            _, name, key = entity.entity_id.split("@", 2)
            view: dict[str, Any] = {
                "entityId": {"name": name, "key": key},
                "lastOperationTime": to_seconds_text(entity.last_operation_at),
            }
            if fetch_state:
                view["state"] = parsed(entity.state)
            views.append(view)
        return _json(views, headers=headers)

    async def _signal_entity(self, call: Call) -> web.Response:
        self._hub.entities.signal(_entity_id(call), call.text("op") or "", call.json_text())
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _delete_entity(self, call: Call) -> web.Response:
        self._hub.entities.signal(_entity_id(call), "delete", None)
        return web.Response(status=HTTPStatus.ACCEPTED)

    def _links(self, call: Call, instance_id: str) -> web.Response:
        request = call.request
        key = self._keys.system[DURABLE_SYSTEM_KEY]
        suffix = link_suffix(
            call.text("taskHub") or self._hub.settings.name, call.text("connection") or "Storage", key
        )
        base = f"{request.url.origin()}{WEBHOOK_PATH}"
        links = instance_links(base, quote(instance_id, safe=""), suffix, rewind=False)
        links["id"] = instance_id
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return _json(links, HTTPStatus.ACCEPTED, headers)


def _filter(call: Call) -> Filter:
    names = [
        name
        for key, value in call.request.query.items()
        if key.lower() == "runtimestatus"
        for name in value.split(",")
        if name
    ]
    known = {str(status): status for status in Status}
    return Filter(
        created_from=call.instant("createdTimeFrom"),
        created_to=call.instant("createdTimeTo"),
        statuses=frozenset(known[name] for name in names if name in known) if names else None,
        id_prefix=call.text("instanceIdPrefix") or "",
    )


def _entity_id(call: Call) -> str:
    return f"@{call.segments[1].lower()}@{call.segments[2]}"


_CODES: dict[type[Refused], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Gone: HTTPStatus.GONE,
    Conflict: HTTPStatus.CONFLICT,
    Invalid: HTTPStatus.BAD_REQUEST,
    WrongState: HTTPStatus.PRECONDITION_FAILED,
}


def _refusal(refusal: Refused) -> web.Response:
    return _error(_CODES[type(refusal)], refusal)


def _error(code: HTTPStatus, refusal: Refused) -> web.Response:
    body = {
        "Message": str(refusal),
        "ExceptionMessage": str(refusal),
        "ExceptionType": type(refusal).__name__,
        "StackTrace": "",
    }
    return _json(body, code)


def _json(
    body: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        text=json.dumps(body, ensure_ascii=False),
        status=status,
        headers=headers,
        content_type="application/json",
    )
