"""What the HTTP application works with, handed over with each call by whoever serves it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from landfall.api.reply import Acted
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.landing.dead_letters import ActedLetter
from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID
from landfall.settings import Settings


class Backend(Protocol):
    """The database, the clock, and what can be set going outside SQL."""

    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    def now(self) -> datetime: ...

    def new_id(self) -> RequestID:
        """Return an id for a request."""

    async def follow_up(self, acted: Acted) -> None:
        """Set going what follows from an act that is in SQL: coordinators, ends of jobs, callbacks."""

    def job_output(self, job_run_id: JobRunID) -> JobOutput:
        """Return what a job run has printed so far, as the Jobs API tells it."""

    async def replay_letters(self, letter_ids: Sequence[int], *, actor: str) -> tuple[ActedLetter, ...]:
        """Handle dead letters again."""
