"""Activities of a pack: submit its job, settle its nodes. Those of a node call them where its key is one of a pack."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from activities.job_ends import explained, unreadable
from activities.landed import newer_versions_of
from activities.services import Services
from activities.submitting import Submitting
from landfall import addresses
from landfall.errors import LandfallError
from landfall.jobs.tokens import idempotency_token
from landfall.landing.ledger import NewerVersion, claim_newer_versions
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.node_result import UnreadableResult
from landfall.runs.node_spec import build_pack_spec
from landfall.runs.pack_attempts import PackAttempt, read_pack, record_pack_submission
from landfall.runs.pack_result import PackResult, parse_pack_result, together
from landfall.runs.pack_settling import settle_finished, settle_pack
from landfall.runs.pack_verdicts import Blame, PackEnd
from landfall.runs.settling import Settled
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict, said_by_the_job, weigh
from landfall.runs.work import JobEnd, JobOutcome, NodeWork

log = logging.getLogger(__name__)

# Packs of which a worker remembers how far they are.
_MOST_SEEN = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far a pack was at a look.

    Attributes:
        parts: Versions of the parts that were read.
        unsettled: Nodes with a result that waits for the end of the job run: those that failed.
    """

    parts: frozenset[str]
    unsettled: Mapping[NodeKey, Verdict]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a look at a pack has settled, of which nothing is started yet."""

    run_id: RunID
    pack: NodeKey
    settled: Settled
    seen: _Seen


class Packs:
    """Each act is safe to run twice: the token of a pack gives one job run, and SQL settles a pack once."""

    def __init__(self, services: Services, submitting: Submitting) -> None:
        self._services = services
        self._submitting = submitting
        # A hint to this process: who does not know how far a pack is reads all parts, and looks into SQL.
        self._seen: dict[tuple[RunID, NodeKey], _Seen] = {}

    def read(self, work: NodeWork) -> PackAttempt:
        return self._services.database.read(lambda connection: read_pack(connection, work.run_id, work.key))

    def submit(
        self, work: NodeWork, pack: PackAttempt, traces: Mapping[NodeKey, Mapping[str, str]]
    ) -> JobOutcome:
        """Write the spec of a pack and submit it; ``settled`` if the pack has ended meanwhile.

        Raises:
            LandfallError: No job run was taken, or none that is known of.
        """
        if any(attempt.number > 1 for attempt in pack.attempts.values()):
            self._submitting.end_earlier(work.run_id)
        pack, refused = self._with_files_of_now(work, pack)
        spec = build_pack_spec(
            work.run_id,
            work.key,
            pack,
            account=self._services.settings.storage_account,
            traces=traces,
            refused=refused,
        )
        tokens = _tokens(work.run_id, pack)
        return self._submitting.submit(
            work,
            pack,
            spec,
            lambda taken, _, now: self._services.database.transact(
                lambda connection: record_pack_submission(
                    connection, work.run_id, work.key, job_run_id=taken, tokens=tokens, now=now
                )
            ),
        )

    def note_progress(self, run_id: RunID, pack: NodeKey, product: str) -> Progress | None:
        """Settle the nodes that the job of a pack has built so far; ``None`` if nothing new is known of it.

        The caller starts what that claimed, and then says so: until then each look gives the same answer.
        """
        before = self._seen.get((run_id, pack))
        try:
            kept, parts = self._kept(run_id, pack, product, before.parts if before else frozenset())
        except LandfallError as error:
            # Its end tells as well.
            log.warning("%s of run %s: what it has built so far cannot be read: %s", pack, run_id, error)
            return None
        if before is not None and not parts:
            return None
        verdicts = {**(before.unsettled if before else {}), **_verdicts(kept)}
        now = self._services.now()
        settled = self._services.database.transact(
            lambda connection: settle_finished(connection, run_id, pack, verdicts, times=kept.times, now=now)
        )
        unsettled = {
            key: verdict for key, verdict in verdicts.items() if verdict.state is not NodeState.SUCCEEDED
        }
        seen = _Seen((before.parts if before else frozenset()) | parts, unsettled)
        return Progress(run_id, pack, settled, seen)

    def remember(self, progress: Progress) -> None:
        """Note that what a look has claimed was started, so that the next one reads only what is new."""
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[progress.run_id, progress.pack] = progress.seen

    def settle(self, work: NodeWork, outcome: JobOutcome, product: str) -> Settled:
        """Settle the nodes of a pack whose job run has ended, or never came to be."""
        end = self._end(work, outcome, product)
        tokens = {} if outcome.job_run_id is not None else _tokens(work.run_id, self.read(work))
        now = self._services.now()
        return self._services.database.transact(
            lambda connection: settle_pack(connection, work.run_id, work.key, end, tokens=tokens, now=now)
        )

    def _with_files_of_now(
        self, work: NodeWork, pack: PackAttempt
    ) -> tuple[PackAttempt, Mapping[NodeKey, tuple[str, str]]]:
        """Return the pack with the versions of its files that its job will find, and nodes whose files have gone."""
        refused: dict[NodeKey, tuple[str, str]] = {}
        found = False
        for key, attempt in pack.attempts.items():
            if not attempt.files:
                continue
            try:
                newer = newer_versions_of(self._services.lake, attempt.files)
            except LandfallError as error:
                if error.retryable:
                    raise
                refused[key] = (error.code, str(error))
                continue
            if newer:
                found = True
                self._claim(work.run_id, newer, self._services.now())
        return (self.read(work) if found else pack), refused

    def _claim(self, run_id: RunID, newer: tuple[NewerVersion, ...], now: datetime) -> None:
        self._services.database.transact(
            lambda connection: claim_newer_versions(connection, run_id, newer, now=now)
        )

    def _end(self, work: NodeWork, outcome: JobOutcome, product: str) -> PackEnd:
        if outcome.job_run_id is None:
            return PackEnd({}, weigh(outcome, None), Blame.ALL)
        domain, name = product.split("/")
        lake = self._services.lake
        text = lake.read_control_result(
            addresses.result_path(domain, name, work.run_id, work.key, work.attempt)
        )
        if text is not None:
            try:
                found = parse_pack_result(text)
            except UnreadableResult as error:
                return PackEnd({}, unreadable(error), Blame.ALL)
            return PackEnd(_verdicts(found), weigh(outcome, None), Blame.NOBODY, found.times)
        # The job did not come to its end: what it had kept until then lies there in parts.
        try:
            kept, _ = self._kept(work.run_id, work.key, product)
        except UnreadableResult as error:
            return PackEnd({}, unreadable(error), Blame.ALL)
        failure = explained(self._services, outcome)
        rest = weigh(failure, None)
        blame = Blame.ALL if outcome.capacity or said_by_the_job(failure) else Blame.FIRST
        return PackEnd(_verdicts(kept), rest, blame, kept.times)

    def _kept(
        self, run_id: RunID, pack: NodeKey, product: str, read_before: frozenset[str] = frozenset()
    ) -> tuple[PackResult, frozenset[str]]:
        """Return what the job of a pack has kept before its end, and the parts in which that stands.

        Args:
            read_before: Parts that are passed over.

        Raises:
            UnreadableResult: A part is not what it should be.
        """
        domain, name = product.split("/")
        parts = self._services.lake.read_control_results(
            addresses.pack_parts_path(domain, name, run_id, pack), but=read_before
        )
        return together(map(parse_pack_result, parts.values())), frozenset(parts)


def _tokens(run_id: RunID, pack: PackAttempt) -> dict[tuple[NodeKey, int], str]:
    return {
        (key, attempt.number): idempotency_token(run_id, key, attempt.number)
        for key, attempt in pack.attempts.items()
    }


def _verdicts(found: PackResult) -> dict[NodeKey, Verdict]:
    # Of one node the job's own word counts: the job run ends as the whole pack did.
    return {key: weigh(JobOutcome(end=JobEnd.SUCCEEDED), result) for key, result in found.results.items()}
