"""Fair shares of the free places, and turns at the pace of the Jobs API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from landfall.runs.ids import RunID
from landfall.runs.sharing import Demand, hour_bucket, second_bucket, share, turns

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_demand(run: str, product: int, *, active: int = 0, ready: int = 0, most: int = 1000) -> Demand:
    return Demand(RunID(run), product, active, ready, most)


def places(demands: Sequence[Demand], *, installation: int, per_product: int = 1000) -> dict[str, int]:
    granted = share(demands, installation=installation, of_product=lambda _: per_product)
    return {str(run_id): places for run_id, places in granted.items()}


def test_a_product_with_a_thousand_ready_nodes_does_not_starve_one_with_five() -> None:
    large, small = a_demand("large", 1, active=99, ready=1000), a_demand("small", 2, ready=5)

    assert places([large, small], installation=100) == {"small": 1}
    assert places([large, small], installation=104) == {"small": 5}
    assert places([large, small], installation=110) == {"small": 5, "large": 6}


def test_runs_of_one_product_share_what_the_product_may_have() -> None:
    runs = [a_demand("a", 1, active=2, ready=9), a_demand("b", 1, active=1, ready=9)]

    assert sum(places(runs, installation=100, per_product=5).values()) == 2


def test_a_run_takes_no_more_than_its_own_limit() -> None:
    assert places([a_demand("a", 1, active=3, ready=9, most=4)], installation=100) == {"a": 1}


@given(
    demands=st.lists(
        st.builds(
            a_demand,
            run=st.uuids().map(str),
            product=st.integers(1, 4),
            active=st.integers(0, 5),
            ready=st.integers(0, 8),
            most=st.integers(0, 9),
        ),
        max_size=8,
    ),
    installation=st.integers(1, 40),
    per_product=st.integers(1, 12),
)
def test_no_limit_is_passed_and_no_place_stays_free_beside_a_ready_node(
    demands: list[Demand], installation: int, per_product: int
) -> None:
    granted = places(demands, installation=installation, per_product=per_product)

    after = {d.run_id: d.active + granted.get(d.run_id, 0) for d in demands}
    held = {p: sum(after[d.run_id] for d in demands if d.product_id == p) for p in range(1, 5)}
    if granted:
        assert sum(after.values()) <= installation
    for demand in demands:
        got = granted.get(demand.run_id, 0)
        assert got <= demand.ready
        if got:
            assert after[demand.run_id] <= demand.most
            assert held[demand.product_id] <= per_product
        could_take_more = (
            got < demand.ready
            and after[demand.run_id] < demand.most
            and held[demand.product_id] < per_product
        )
        assert not (could_take_more and sum(after.values()) < installation)


def test_turns_keep_to_the_rate_of_a_second_and_of_an_hour() -> None:
    found, _ = turns((second_bucket(15, NOW), hour_bucket(9000, NOW)), 9000, NOW)

    seconds = [(turn - NOW).total_seconds() for turn in found]
    assert seconds == sorted(seconds)
    for length_s, most in ((1, 20), (3600, 9000)):
        window = [sum(1 for other in seconds if s <= other < s + length_s) for s in seconds[::500]]
        assert max(window) <= most
    assert 4500 / 15 - 5 < seconds[4499] < 4500 / 15 + 5


def test_a_rate_below_one_a_second_is_kept_too() -> None:
    found, _ = turns((second_bucket(0.5, NOW),), 4, NOW)

    assert [turn - NOW for turn in found] == [timedelta(seconds=s) for s in (0, 2, 4, 6)]
