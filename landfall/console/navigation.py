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


ENTRIES: tuple[Entry, ...] = (Entry("runs", "Runs", page("runs")),)
