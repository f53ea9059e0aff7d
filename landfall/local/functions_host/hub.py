"""What clients ask of a task hub: start, raise events, terminate, suspend, resume, restart, purge."""

from dataclasses import dataclass
from datetime import datetime

from landfall.local.functions_host import instances
from landfall.local.functions_host.activity_queue import ActivityQueue
from landfall.local.functions_host.clock import Clock
from landfall.local.functions_host.decisions import Status
from landfall.local.functions_host.entities import Entities
from landfall.local.functions_host.episodes import Episodes
from landfall.local.functions_host.history import Event, EventType, event_raised, row
from landfall.local.functions_host.instances import Filter, Instance, StartRequest
from landfall.local.functions_host.replay import Catalogue, unknown_function
from landfall.local.functions_host.rewind import rewind
from landfall.local.functions_host.store import Store

MAX_ID_LENGTH = 100


class Refused(Exception):
    """A request that the hub refuses; the subclass says why."""


class NotFound(Refused):
    """There is no such instance."""


class Gone(Refused):
    """The instance has ended."""


class Conflict(Refused):
    """An instance of that id has not ended."""


class Invalid(Refused):
    """The request itself is wrong."""


class WrongState(Refused):
    """The instance is not in the state that the request needs."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How the hub of an app is set up; from ``host.json``."""

    name: str = "TestHubName"
    default_version: str = ""
    max_actions: int = 100_000
    replaces_any_state: bool = False
    max_entity_batch: int = 5000


class TaskHub:
    """One app's task hub.

    Attributes:
        episodes: The orchestration side.
        activities: The activity side.
        entities: The entity side.
        store: The file behind it.
        clock: Its time.
        settings: Its set-up.
    """

    def __init__(self, store: Store, clock: Clock, catalogue: Catalogue, settings: HubSettings) -> None:
        self.store = store
        self.clock = clock
        self.settings = settings
        self.episodes = Episodes(
            store, clock, default_version=settings.default_version, max_actions=settings.max_actions
        )
        self.activities = ActivityQueue(store, clock)
        self.entities = Entities(store, clock, settings.max_entity_batch)
        self._catalogue = catalogue

    def start(self, request: StartRequest) -> None:
        """Start an instance.

        Raises:
            Invalid: The orchestrator is unknown or the id not allowed.
            Conflict: An instance of that id has not ended.
        """
        if not self._catalogue.has_orchestrator(request.name):
            raise Invalid(
                unknown_function(request.name, "orchestrator", self._catalogue.orchestrator_names())
            )
        _check_id(request.instance_id)
        existing = instances.find(self.store, request.instance_id)
        if existing is not None and not existing.status.is_terminal and not self.settings.replaces_any_state:
            raise Conflict(
                f"An Orchestration instance with the status {existing.status} already exists: {request.instance_id}."
            )
        with self.store.transaction() as transaction:
            instances.create(transaction, request, self.clock.now())

    def find(self, instance_id: str) -> Instance | None:
        """Return an instance, ``None`` if there is none of that id."""
        return instances.find(self.store, instance_id)

    def raise_event(self, instance_id: str, name: str, raw_input: str | None) -> None:
        """Send an external event; ``raw_input`` is JSON text.

        Raises:
            NotFound: There is no such instance.
            Gone: It has ended.
        """
        self._running(instance_id)
        self._post(instance_id, event_raised(self.clock.now(), name, raw_input))

    def terminate(self, instance_id: str, reason: str | None) -> None:
        """End an instance now, whatever it waits for.

        Raises:
            NotFound: There is no such instance.
            Gone: It has ended.
        """
        self._running(instance_id)
        self._post(instance_id, row(EventType.EXECUTION_TERMINATED, self.clock.now(), Input=reason))

    def suspend(self, instance_id: str, reason: str | None) -> None:
        """Hold an instance: results are kept back and nothing new is scheduled.

        Raises:
            NotFound: There is no such instance.
            Gone: It has ended.
            WrongState: It is suspended already.
        """
        if self._running(instance_id).status is Status.SUSPENDED:
            raise WrongState(f"The orchestration {instance_id} is suspended already.")
        self._post(instance_id, row(EventType.EXECUTION_SUSPENDED, self.clock.now(), Reason=reason))

    def resume(self, instance_id: str, reason: str | None) -> None:
        """Let a suspended instance go on.

        Raises:
            NotFound: There is no such instance.
            Gone: It has ended.
            WrongState: It is not suspended.
        """
        if self._running(instance_id).status is not Status.SUSPENDED:
            raise WrongState(f"The orchestration {instance_id} is not suspended.")
        self._post(instance_id, row(EventType.EXECUTION_RESUMED, self.clock.now(), Reason=reason))

    def rewind(self, instance_id: str, reason: str | None) -> None:
        """Run the failed tasks of a failed instance, and of its failed children, again.

        Raises:
            NotFound: There is no such instance.
            WrongState: It has not failed.
        """
        instance = self._existing(instance_id)
        if instance.status is not Status.FAILED:
            raise WrongState(f"Only a failed instance can be rewound; {instance_id} is {instance.status}.")
        with self.store.transaction() as transaction:
            rewind(transaction, instance_id, reason, self.clock.now())

    def restart(self, instance_id: str, *, with_new_id: bool) -> str:
        """Start an instance again with its input; return the id of the new one.

        Raises:
            Invalid: There is no such instance.
            Conflict: It is to keep its id and has not ended.
        """
        instance = instances.find(self.store, instance_id)
        if instance is None:
            raise Invalid(f"An orchestration with the instanceId {instance_id} was not found.")
        new_id = instances.new_id() if with_new_id else instance_id
        self.start(StartRequest(instance.name, new_id, instance.input, instance.version))
        return new_id

    def purge(self, instance_id: str) -> None:
        """Delete an instance that has ended.

        Raises:
            NotFound: There is no such instance.
            WrongState: It has not ended.
        """
        instance = self._existing(instance_id)
        if not instance.status.is_terminal:
            raise WrongState(
                f"The orchestration {instance_id} is {instance.status}; only ended ones can be purged."
            )
        with self.store.transaction() as transaction:
            instances.remove(transaction, [instance_id])

    def purge_all(self, wanted: Filter) -> int:
        """Delete every ended instance that the filter matches; return how many there were."""
        condition, parameters = wanted.to_sql()
        terminal = sorted(status for status in Status if status.is_terminal)
        condition += f" and status in ({', '.join('?' * len(terminal))})"
        rows = self.store.read(f"select id from instances where {condition}", (*parameters, *terminal))  # noqa: S608
        ids = [found["id"] for found in rows]
        with self.store.transaction() as transaction:
            instances.remove(transaction, ids)
        return len(ids)

    def _existing(self, instance_id: str) -> Instance:
        instance = instances.find(self.store, instance_id)
        if instance is None:
            raise NotFound(f"No instance with the id '{instance_id}' was found.")
        return instance

    def _running(self, instance_id: str) -> Instance:
        instance = self._existing(instance_id)
        if instance.status.is_terminal:
            raise Gone(f"The instance '{instance_id}' is {instance.status}.")
        return instance

    def _post(self, instance_id: str, event: Event) -> None:
        now: datetime = self.clock.now()
        with self.store.transaction() as transaction:
            transaction.post(instance_id, event, now)


def _check_id(instance_id: str) -> None:
    if instance_id.startswith("@"):
        raise Invalid("Orchestration instance ids must not start with '@'; entities use that.")
    if any(character in "/\\#?" or ord(character) < 0x20 for character in instance_id):
        raise Invalid(
            "Orchestration instance ids must not contain '/', '\\', '#', '?' or control characters."
        )
    if not 0 < len(instance_id) <= MAX_ID_LENGTH:
        raise Invalid(f"Orchestration instance ids have 1 to {MAX_ID_LENGTH} characters.")
