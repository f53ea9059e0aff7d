"""The pages that the navigation leads to, in its order."""

from dataclasses import dataclass

from landfall.console.address import Address, page


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the navigation.

    Attributes:
        key: What pages below it name as their section.
        starts_group: Whether a line sets it apart from the one before.
    """

    key: str
    label: str
    address: Address
    starts_group: bool = False


ENTRIES: tuple[Entry, ...] = (
    Entry("home", "Needs me", page()),
    Entry("products", "Products", page("products"), starts_group=True),
    Entry("runs", "Runs", page("runs")),
    Entry("requests", "Requests", page("requests")),
    Entry("files", "Files", page("files")),
    Entry("backfills", "Backfills", page("backfills")),
    Entry("datasets", "Quality", page("datasets"), starts_group=True),
    Entry("quarantine", "Quarantine", page("quarantine")),
    Entry("lineage", "Lineage", page("lineage")),
    Entry("dead-events", "Dead events", page("dead-events"), starts_group=True),
    Entry("configuration", "Configuration", page("configuration")),
    Entry("changes", "Metadata changes", page("changes")),
    Entry("audit", "Audit log", page("audit")),
)
