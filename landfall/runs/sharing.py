"""Who gets the free places: fair between products, and turns at the Jobs API at its pace. Values in, values out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from landfall.runs.ids import RunID


@dataclass(frozen=True, slots=True)
class Demand:
    """One open run: the places its nodes hold and those they wait for.

    Attributes:
        active: Nodes that hold a place.
        ready: Nodes that could take one.
        most: Places that the run may hold; none of a run that takes no new ones.
        served_at: When it was given a place last, ``None`` if never.
        packed: Whether a pack of nodes takes a place, not each of them.
    """

    run_id: RunID
    product_id: int
    active: int
    ready: int
    most: int
    served_at: datetime | None = None
    packed: bool = False


def share(
    demands: Sequence[Demand], *, installation: int, of_product: Callable[[int], int]
) -> dict[RunID, int]:
    """Return how many places each run gets now.

    One place after the other goes to the product that holds the fewest and may have one more, so that no
    product waits while another with more places gets a further one. Of equals, the one whose last place is
    the longest ago comes first: a product that gives a place back does not get it again before the others.

    Args:
        demands: Every open run, the oldest first.
        installation: Places of all products together.
        of_product: Places of one product, over all its runs.
    """
    free = installation - sum(demand.active for demand in demands)
    held: dict[int, int] = {}
    # Instants first, then places given here, which are later than any of them.
    served: dict[int, tuple[int, float]] = {}
    for demand in demands:
        held[demand.product_id] = held.get(demand.product_id, 0) + demand.active
        last = (0, demand.served_at.timestamp() if demand.served_at else 0.0)
        served[demand.product_id] = max(last, served.get(demand.product_id, last))
    left = list(demands)
    granted: dict[RunID, int] = {}
    while free > 0:
        able = [
            (held[demand.product_id], served[demand.product_id], index)
            for index, demand in enumerate(left)
            if demand.ready > 0
            and demand.active < demand.most
            and held[demand.product_id] < of_product(demand.product_id)
        ]
        if not able:
            break
        *_, index = min(able)
        chosen = left[index]
        left[index] = replace(chosen, active=chosen.active + 1, ready=chosen.ready - 1)
        held[chosen.product_id] += 1
        granted[chosen.run_id] = granted.get(chosen.run_id, 0) + 1
        served[chosen.product_id] = (1, -free)
        free -= 1
    return granted


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket.

    Attributes:
        capacity: Tokens it holds when full, at least 1.
        per_second: Tokens that flow in.
        full_at: When it is full if nobody takes one.
    """

    capacity: float
    per_second: float
    full_at: datetime

    def next_turn(self, now: datetime) -> datetime:
        """Return the first instant, now or later, at which it holds a token."""
        spare = timedelta(seconds=(self.capacity - 1) / self.per_second)
        return max(now, self.full_at - spare)

    def taken(self, at: datetime) -> "Bucket":
        """Return the bucket after a token was taken at an instant."""
        full_at = max(self.full_at, at) + timedelta(seconds=1 / self.per_second)
        return replace(self, full_at=full_at)


def second_bucket(rate: float, full_at: datetime) -> Bucket:
    """Return the bucket for so many turns a second; bursts stay within a third of a second's turns."""
    return Bucket(max(1.0, rate / 3), rate, full_at)


def hour_bucket(rate: int, full_at: datetime) -> Bucket:
    """Return the bucket for so many turns in any hour: half of them at once, the other half spread over it."""
    return Bucket(max(1.0, rate / 2), rate / 2 / 3600, full_at)


def turns(buckets: Sequence[Bucket], count: int, now: datetime) -> tuple[list[datetime], list[Bucket]]:
    """Return when each of ``count`` calls has its turn in all buckets, and the buckets after that."""
    found = []
    after = list(buckets)
    for _ in range(count):
        turn = max(bucket.next_turn(now) for bucket in after)
        after = [bucket.taken(turn) for bucket in after]
        found.append(turn)
    return found, after
