"""Ranks: the longest expected path first, so that the chain that decides about a run's end waits the least."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from landfall.planning.plan import NodeKey, NodeKind, Plan, PlanNode
from landfall.planning.ranking import NOTHING_KNOWN, Durations, ranks

# The example product as it ran on two cores: seconds of each job, and what it waits for.
EXAMPLE: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "ingest.flights": (5.1, ()),
    "ingest.airlines": (0.8, ()),
    "ingest.airports": (1.0, ()),
    "ingest.planes": (1.7, ()),
    "ingest.weather": (1.5, ()),
    "clean_flights": (5.2, ("ingest.flights",)),
    "clean_airlines": (1.2, ("ingest.airlines",)),
    "clean_airports": (2.8, ("ingest.airports",)),
    "clean_planes": (1.1, ("ingest.planes",)),
    "clean_weather": (1.5, ("ingest.weather",)),
    "enrich": (4.8, ("clean_flights", "clean_airlines", "clean_airports", "clean_planes", "clean_weather")),
    "by_weather": (1.1, ("clean_flights", "clean_weather")),
    "by_day": (1.7, ("enrich",)),
    "by_carrier": (0.9, ("enrich",)),
    "by_origin": (0.9, ("enrich",)),
    "by_destination": (0.8, ("enrich",)),
    "by_route": (0.6, ("enrich",)),
}


def a_plan(waits_for: Mapping[str, Sequence[str]]) -> Plan:
    """Return a plan of nodes, each behind earlier ones."""
    nodes = tuple(
        PlanNode(
            NodeKey(key), NodeKind.TRANSFORM, key, (), tuple(map(NodeKey, before)), "silver", lambda _: {}
        )
        for key, before in waits_for.items()
    )
    return Plan("sales/orders", 1, (), nodes, {})


def durations(seconds: Mapping[str, float], beside_s: float = 0.0) -> Durations:
    return Durations({NodeKey(key): value for key, value in seconds.items()}, beside_s)


def ranks_of(plan: Plan, known: Durations) -> dict[str, int]:
    return {str(key): rank for key, rank in ranks(plan, known).items()}


def list_schedule(
    plan: Plan, rank_of: Mapping[NodeKey, int], job_s: Mapping[NodeKey, float], places: int
) -> float:
    """Return when the last node ends if each free place goes to the ready node that is claimed first."""
    number = {node.key: at for at, node in enumerate(plan.nodes)}
    missing = {node.key: set(node.depends_on) for node in plan.nodes}
    at_work: dict[NodeKey, float] = {}
    now = 0.0
    while missing or at_work:
        ready = sorted(
            (key for key, left in missing.items() if not left), key=lambda k: (-rank_of[k], number[k])
        )
        for key in ready[: places - len(at_work)]:
            del missing[key]
            at_work[key] = now + job_s[key]
        now = min(at_work.values())
        ended = [key for key, end in at_work.items() if end == now]
        for key in ended:
            del at_work[key]
            for left in missing.values():
                left.discard(key)
    return now


def test_the_rank_of_a_node_is_what_its_longest_path_takes() -> None:
    plan = a_plan({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})

    found = ranks(plan, durations({"a": 1.0, "b": 5.0, "c": 2.5, "d": 1.0}, beside_s=0.25))

    assert found == {"a": 7750, "b": 6500, "c": 4000, "d": 1250}


def test_where_nothing_is_known_the_number_of_nodes_decides() -> None:
    plan = a_plan({"short": [], "long": [], "middle": ["long"], "end": ["middle"]})

    found = ranks_of(plan, NOTHING_KNOWN)

    assert found["long"] > found["middle"] > found["short"] == found["end"]


def test_a_node_that_is_new_counts_as_much_as_the_others_usually_do() -> None:
    plan = a_plan({"slow": [], "usual": [], "quick": [], "new": []})

    found = ranks_of(plan, durations({"slow": 60.0, "usual": 4.0, "quick": 1.0}))

    assert found["new"] == found["usual"]


def test_what_is_no_longer_part_of_the_plan_counts_for_nothing() -> None:
    found = ranks(a_plan({"a": [], "new": []}), durations({"a": 2.0, "gone": 900.0}))

    assert found == {"a": 2000, "new": 2000}


def test_a_rank_fits_its_column_however_long_nodes_take() -> None:
    days = 40 * 86_400.0

    assert ranks_of(a_plan({"a": [], "b": ["a"]}), durations({"a": days, "b": days}))["a"] == 2**31 - 1


def test_the_example_ends_sooner_on_two_places_than_by_the_number_of_nodes() -> None:
    plan = a_plan({key: before for key, (_, before) in EXAMPLE.items()})
    known = durations({key: seconds for key, (seconds, _) in EXAMPLE.items()})
    found = ranks(plan, known)

    by_rank = list_schedule(plan, found, known.job_s, 2)
    by_number = list_schedule(plan, ranks(plan, NOTHING_KNOWN), known.job_s, 2)

    print(f"{by_rank:.1f} s by rank, {by_number:.1f} s by number of nodes")
    assert by_rank < by_number


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Plan, Durations]:
    """Draw a plan, and how long its nodes took in whole seconds, of which not all need be known."""
    waits_for: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 14))):
        before = (
            draw(st.lists(st.sampled_from(sorted(waits_for)), max_size=3, unique=True)) if waits_for else []
        )
        waits_for[f"n{number}"] = before
    known = draw(st.dictionaries(st.sampled_from(sorted(waits_for)), st.integers(0, 50)))
    beside_s = draw(st.integers(0, 5))
    return a_plan(waits_for), durations({key: float(value) for key, value in known.items()}, float(beside_s))


@given(graphs())
def test_a_node_comes_before_all_that_waits_for_it(drawn: tuple[Plan, Durations]) -> None:
    plan, known = drawn

    found = ranks(plan, known)

    assert all(found[key] > found[node.key] for node in plan.nodes for key in node.depends_on)
    assert found == ranks(plan, known)


@given(graphs(), st.integers(1, 4))
def test_no_schedule_by_ranks_is_worse_than_any_that_keeps_places_busy(
    drawn: tuple[Plan, Durations], places: int
) -> None:
    plan, known = drawn
    job_s = {node.key: known.job_s.get(node.key, 7.0) for node in plan.nodes}
    found = ranks(plan, Durations(job_s))

    took_s = list_schedule(plan, found, job_s, places)

    # Graham's bound: what waits does so while all places work, or for the node before it on the longest path.
    longest_s = list_schedule(plan, found, job_s, len(plan.nodes))
    assert longest_s <= took_s
    assert took_s <= sum(job_s.values()) / places + (1 - 1 / places) * longest_s + 1e-6
