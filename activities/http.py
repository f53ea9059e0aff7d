"""What the HTTP application works with, and what it sets going beside SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from activities.acts import ActActivities
from activities.events import EventActivities
from activities.instances import Instances
from activities.services import Services
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.landing.dead_letters import ActedLetter
from landfall.metadata.engine import Database
from landfall.runs.callbacks import CallbackID
from landfall.runs.closing import CancelledRun
from landfall.runs.ids import RequestID
from landfall.settings import Settings
from landfall.spec.model import Product


class Acted(Protocol):
    """What has to be set going once an act is in SQL; ``landfall.api.reply`` has the value."""

    @property
    def start(self) -> tuple[Product, ...]: ...

    @property
    def cancelled(self) -> tuple[CancelledRun, ...]: ...

    @property
    def notify(self) -> tuple[CallbackID, ...]: ...


class Parts(Protocol):
    """The activities that acts over HTTP need."""

    @property
    def services(self) -> Services: ...

    @property
    def acts(self) -> ActActivities: ...

    @property
    def events(self) -> EventActivities: ...


class HttpBackend:
    """One call's way to the services and, through the Durable client that came with it, to orchestrations."""

    def __init__(self, parts: Parts, instances: Instances) -> None:
        self._parts = parts
        self._instances = instances

    @property
    def settings(self) -> Settings:
        return self._parts.services.settings

    @property
    def database(self) -> Database:
        return self._parts.services.database

    def now(self) -> datetime:
        return self._parts.services.now()

    def new_id(self) -> RequestID:
        return RequestID(uuid4().hex)

    async def follow_up(self, acted: Acted) -> None:
        await self._parts.acts.follow_up(
            self._instances, start=acted.start, cancelled=acted.cancelled, notify=acted.notify
        )

    def job_output(self, job_run_id: JobRunID) -> JobOutput:
        return self._parts.services.jobs.output(job_run_id)

    async def replay_letters(self, letter_ids: Sequence[int], *, actor: str) -> tuple[ActedLetter, ...]:
        return await self._parts.events.replay(letter_ids, self._instances, actor=actor)
