"""The watching timer's work: service levels are measured, people are told of alarms, a catalogue of runs."""

import asyncio
import logging
from datetime import datetime

from activities.catalogue import CatalogueActivities
from activities.round import Round
from activities.services import Services
from landfall.calling_back import CallbackFailed, CallbackPolicy, CallbackRefused, may_succeed_later, post
from landfall.metadata.alarm_notices import Notice, put_back_notice, settle_notice, take_due_notices
from landfall.metadata.alarms import AlarmName, Audience, NoticeState
from landfall.metadata.service_levels import LevelState
from landfall.runs.service_levels import LEVELS_IN_ROUND, check_service_levels

log = logging.getLogger(__name__)


class Watching:
    """Safe to run twice and to break off: what was not done has its turn in the next round."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def watch(self) -> None:
        """Measure what is due, and tell who has to know.

        Raises:
            LandfallError: The database does not answer, so nothing could be done.
        """
        this = Round(self._services, AlarmName.NOT_WATCHED)
        await self._check_levels(this)
        await self._tell(this)
        await this.close()
        await CatalogueActivities(self._services).tell()

    async def _check_levels(self, this: Round) -> None:
        now = self._services.now()
        changes = await this.transact(
            "service levels",
            lambda connection: check_service_levels(connection, now=now, limit=LEVELS_IN_ROUND),
        )
        for change in changes or ():
            level = logging.WARNING if change.after is LevelState.MISSED else logging.INFO
            log.log(
                level,
                "%s: service level %s is %s: %s",
                change.product,
                change.name,
                change.after,
                change.detail,
            )

    async def _tell(self, this: Round) -> None:
        now = self._services.now()
        due = await this.transact("notices", lambda connection: take_due_notices(connection, now=now))
        silent: set[str] = set()
        for notice in due or ():
            await this.go_on(
                f"notice {notice.notice_id}", asyncio.to_thread(self._deliver, notice, silent, now)
            )

    def _deliver(self, notice: Notice, silent: set[str], now: datetime) -> None:
        """Make one attempt; an address that did not answer in this round is not asked again in it.

        Args:
            silent: Addresses that did not answer; those that do not answer now are added.
        """
        database, settings = self._services.database, self._services.settings
        uri = notice.owner_webhook if notice.audience is Audience.OWNER else settings.alarm_webhook
        if uri is None:
            self._settle(notice, NoticeState.UNADDRESSED, "no webhook is set")
            return
        if uri in silent:
            database.transact(lambda connection: put_back_notice(connection, notice, now=now))
            return
        policy = CallbackPolicy(settings.callback_hosts, settings.callback_loopback)
        try:
            status = post(uri, notice.body, policy)
        except CallbackRefused as error:
            self._settle(notice, NoticeState.REFUSED, error.reason)
            return
        except CallbackFailed as error:
            silent.add(uri)
            self._settle(notice, NoticeState.PENDING, str(error))
            return
        if 200 <= status < 300:
            self._settle(notice, NoticeState.DELIVERED, None)
        elif may_succeed_later(status):
            self._settle(notice, NoticeState.PENDING, f"it answered {status}")
        else:
            self._settle(notice, NoticeState.REFUSED, f"it answered {status}")

    def _settle(self, notice: Notice, state: NoticeState, detail: str | None) -> None:
        if state is NoticeState.REFUSED:
            log.warning("notice %d was refused: %s", notice.notice_id, detail)
        now = self._services.now()
        self._services.database.transact(
            lambda connection: settle_notice(connection, notice, state, detail, now=now)
        )
