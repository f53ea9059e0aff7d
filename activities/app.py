"""Every activity of the function app, over the same services."""

from functools import cached_property

from activities.acts import ActActivities
from activities.callbacks import CallbackActivities
from activities.events import EventActivities
from activities.nodes import NodeActivities
from activities.reconcile import Reconcile
from activities.runs import RunActivities
from activities.services import ConnectedServices


class App:
    """The activities by part."""

    def __init__(self) -> None:
        self.services = ConnectedServices()

    @cached_property
    def events(self) -> EventActivities:
        return EventActivities(self.services)

    @cached_property
    def runs(self) -> RunActivities:
        return RunActivities(self.services)

    @cached_property
    def nodes(self) -> NodeActivities:
        return NodeActivities(self.services)

    @cached_property
    def acts(self) -> ActActivities:
        return ActActivities(self.services)

    @cached_property
    def callbacks(self) -> CallbackActivities:
        return CallbackActivities(self.services)

    @cached_property
    def reconcile(self) -> Reconcile:
        return Reconcile(self.services)
