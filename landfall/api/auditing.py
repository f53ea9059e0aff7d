"""Has each act of a request written down: by whom, what, with which parameters, in the transaction that does it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request

from landfall.acts import act_at
from landfall.api.backend import Backend
from landfall.api.bridge import BACKEND
from landfall.api.reply import Acted
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.landing.dead_letters import ActedLetter
from landfall.metadata.audit import Doing, Via
from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID
from landfall.settings import Settings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SUBJECTS = ("run_id", "backfill_id", "file_id", "letter_id", "name")
_STATE = "landfall.doing"


class AuditedBackend:
    """A backend whose database writes the act of one request down with it."""

    def __init__(self, backend: Backend, doing: Doing) -> None:
        self._backend = backend
        self._database = doing.audited(backend.database)

    @property
    def settings(self) -> Settings:
        return self._backend.settings

    @property
    def database(self) -> Database:
        return self._database

    def now(self) -> datetime:
        return self._backend.now()

    def new_id(self) -> RequestID:
        return self._backend.new_id()

    async def follow_up(self, acted: Acted) -> None:
        await self._backend.follow_up(acted)

    def job_output(self, job_run_id: JobRunID) -> JobOutput:
        return self._backend.job_output(job_run_id)

    async def replay_letters(self, letter_ids: Sequence[int], *, actor: str) -> tuple[ActedLetter, ...]:
        return await self._backend.replay_letters(letter_ids, actor=actor)


async def audit(request: Request, actor: str) -> None:
    """Have the act of a request, if it is one, written down when it is done."""
    if request.method in _SAFE:
        return
    path = request.url.path
    sent = _parameters(request, await request.body())
    act = act_at(path, sent.get("act"))
    backend: Backend = request.scope[BACKEND]
    place = request.path_params
    product = f"{place['domain']}/{place['product']}" if "product" in place else None
    if product is not None and "dataset" in place:
        product = f"{product}.{place['dataset']}"
    named = next((str(place[key]) for key in _SUBJECTS if key in place), None)
    about = sent.get("product")
    doing = Doing(
        actor=actor,
        via=Via.CONSOLE if path.startswith("/console") else Via.API,
        act=act.name if act is not None else path[:64],
        at=backend.now(),
        domain=place.get("domain") or (about.partition("/")[0] if isinstance(about, str) else None),
        subject=product or named or (about if isinstance(about, str) else None),
        parameters=sent,
    )
    request.scope[_STATE] = doing
    request.scope[BACKEND] = AuditedBackend(backend, doing)


def concerns(request: Request, domain: str | None) -> None:
    """Note whose domain the act of a request concerns."""
    doing: Doing | None = request.scope.get(_STATE)
    if doing is not None:
        doing.domain = domain


def _parameters(request: Request, body: bytes) -> Mapping[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=1_000)
        return {key: values[-1] for key, values in fields.items() if key not in {"csrf_token", "back"}}
    try:
        sent = json.loads(body or b"{}")
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}
