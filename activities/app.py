"""Every activity of the function app, over the same services."""

from functools import cached_property

from activities.acts import ActActivities
from activities.callbacks import CallbackActivities
from activities.events import EventActivities
from activities.nodes import NodeActivities
from activities.purging import Purging
from activities.reconcile import Reconcile
from activities.runs import RunActivities
from activities.services import ConnectedServices
from activities.watching import Watching
from landfall.exporting import configure
from landfall.log_context import install
from landfall.metadata.statement_spans import trace_statements
from landfall.metrics import Metrics
from landfall.settings import TelemetrySettings


class App:
    """The activities by part."""

    def __init__(self) -> None:
        install()
        self.services = ConnectedServices()
        self._is_traced = configure(TelemetrySettings.from_environment(), service="landfall-functions")
        if self._is_traced:
            trace_statements()

    @cached_property
    def events(self) -> EventActivities:
        if not self._is_traced:
            return EventActivities(self.services)
        from activities.traced import CountedEventActivities

        return CountedEventActivities(self.services, self._metrics)

    @cached_property
    def runs(self) -> RunActivities:
        if not self._is_traced:
            return RunActivities(self.services)
        from activities.traced import TracedRunActivities

        return TracedRunActivities(self.services, self._metrics)

    @cached_property
    def nodes(self) -> NodeActivities:
        if not self._is_traced:
            return NodeActivities(self.services)
        from activities.traced import TracedNodeActivities

        return TracedNodeActivities(self.services, self._metrics)

    @cached_property
    def acts(self) -> ActActivities:
        return ActActivities(self.services)

    @cached_property
    def callbacks(self) -> CallbackActivities:
        return CallbackActivities(self.services)

    @cached_property
    def purging(self) -> Purging:
        return Purging(self.services)

    @cached_property
    def watching(self) -> Watching:
        if not self._is_traced:
            return Watching(self.services)
        from activities.measuring import MeasuredWatching

        return MeasuredWatching(self.services, self._metrics)

    @cached_property
    def reconcile(self) -> Reconcile:
        return Reconcile(self.services)

    @cached_property
    def _metrics(self) -> Metrics:
        return Metrics()
