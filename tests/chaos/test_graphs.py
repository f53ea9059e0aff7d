"""Random graphs with random failures and a death at a random moment: what can be built is built, once, and in order."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landfall.spec.model import ExecutionMode, Product, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.forms import form, full
from tests.chaos.moments import Moments, at
from tests.chaos.world import World

MOST_NODES = full(short=30, long=200)
EXAMPLES = form(short=4, long=500)
INGEST = "ingest.orders_landed"
# A long form that is cut off has said how far it came.
SAY_EVERY = 25
# Effects of one node, about: how far into a run a death may come.
EFFECTS_PER_NODE = 24


@dataclass(frozen=True)
class Story:
    """A graph and what happens while it is built.

    Attributes:
        upstreams: For each node the earlier nodes it reads; none means the landed files.
        failing: Nodes with an error in their data.
        lost: Nodes whose first attempt the platform loses.
        deaths: Effects after which the app's process dies.
        loses_hub: Whether the orchestration store dies with it.
        pack_nodes: Most nodes of one job run; 0 if each has its own.
    """

    upstreams: tuple[tuple[int, ...], ...]
    failing: frozenset[str]
    lost: frozenset[str]
    deaths: tuple[int, ...]
    loses_hub: bool
    max_parallel_nodes: int
    takes_s: float
    twice: float
    wakes: float
    seed: int
    pack_nodes: int

    def product(self) -> Product:
        return a_product(
            *(
                a_transformation(_key(number), inputs=[f"t{one}" for one in sources] or ["orders_landed"])
                for number, sources in enumerate(self.upstreams)
            ),
            run=RunSettings(
                max_parallel_nodes=self.max_parallel_nodes,
                execution=ExecutionMode.PACKED if self.pack_nodes else ExecutionMode.SINGLE,
                pack_nodes=self.pack_nodes or RunSettings().pack_nodes,
            ),
        )

    def expected(self) -> Mapping[str, str]:
        """Return how each node ends: failed as told, skipped below a failure, succeeded otherwise."""
        states = {INGEST: "failed" if INGEST in self.failing else "succeeded"}
        for number, sources in enumerate(self.upstreams):
            inputs = [states[_key(one)] for one in sources] or [states[INGEST]]
            if set(inputs) != {"succeeded"}:
                states[_key(number)] = "skipped"
            else:
                states[_key(number)] = "failed" if _key(number) in self.failing else "succeeded"
        return states


def _key(number: int) -> str:
    return f"build_t{number}"


@st.composite
def stories(draw: st.DrawFn, pack_nodes: st.SearchStrategy[int]) -> Story:
    # Most faults need few nodes, and small graphs are played quickly.
    size = draw(st.integers(1, draw(st.sampled_from([8, 8, 20, MOST_NODES // 3, MOST_NODES]))))
    chance = draw(st.randoms(use_true_random=False))
    # Narrow graphs are long chains, wide ones hang on the landed files directly.
    reach = draw(st.sampled_from([2, 5, MOST_NODES]))
    upstreams = tuple(
        tuple(
            sorted(
                chance.sample(range(max(0, number - reach), number), min(number, reach, chance.randint(0, 3)))
            )
        )
        for number in range(size)
    )
    keys = [INGEST, *map(_key, range(size))]
    return Story(
        upstreams=upstreams,
        failing=frozenset(chance.sample(keys, min(size, chance.choice([0, 1, 1, 2, 5])))),
        lost=frozenset(chance.sample(keys, min(size, chance.choice([0, 1, 3])))),
        deaths=tuple(draw(st.lists(st.integers(1, (size + 1) * EFFECTS_PER_NODE), min_size=1, max_size=3))),
        loses_hub=draw(st.booleans()),
        max_parallel_nodes=draw(st.sampled_from([1, 4, 16, 64])),
        takes_s=draw(st.sampled_from([0.0, 1.0, 7.0, 40.0])),
        twice=draw(st.sampled_from([0.0, 0.3])),
        wakes=draw(st.sampled_from([0.0, 0.5, 1.0])),
        seed=chance.randint(0, 2**32),
        pack_nodes=draw(pack_nodes),
    )


@pytest.fixture(scope="module")
def told() -> Iterator[Counter[str]]:
    """Count what the stories were, and print it now and then and at the end."""
    counts: Counter[str] = Counter()
    yield counts
    print(dict(counts))


# A failing story is played in seconds; shrinking it would take hours.
as_often_as_told = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    print_blob=True,
)


@as_often_as_told
@given(story=stories(st.just(0)))
def test_any_graph_is_built_as_far_as_it_can_be_and_a_rerun_builds_the_rest(
    told: Counter[str], story: Story
) -> None:
    play(told, story)


@as_often_as_told
@given(story=stories(st.sampled_from([2, 5, 50])))
def test_any_graph_is_built_in_packs_as_it_is_without(told: Counter[str], story: Story) -> None:
    play(told, story)


def play(told: Counter[str], story: Story) -> None:
    with TemporaryDirectory() as folder:
        world = World(
            Path(folder),
            story.product(),
            moments=Moments(at(*story.deaths)),
            plan=Plan(takes_s=story.takes_s, failing=story.failing, lost=story.lost),
            seed=story.seed,
            twice=story.twice,
            wakes=story.wakes,
        )
        if story.loses_hub:
            world.on_death = world.lose_hub
        world.land("sales/orders/orders_landed/a.csv", times=2)
        world.finish()
        check_world(world)
        first = world.run_ids()[0]
        ended = world.node_states(first)
        assert ended == story.expected()

        unfinished = {key for key, state in ended.items() if state != "succeeded"}
        if unfinished:
            world.jobs.plan = Plan()
            body = {"from_failed": True, "idempotency_key": "again"}
            while world.ask(f"runs/{first}/rerun", body) is None:
                pass
            world.finish()
            check_world(world)
            second = world.run_ids()[1]
            assert world.node_states(second) == dict.fromkeys(unfinished, "succeeded")
            assert _built(world, second) == Counter(unfinished)
        told.update(graphs=1, nodes=len(ended), unfinished=len(unfinished), deaths=world.deaths)
        told["most nodes"] = max(told["most nodes"], len(ended))
        if told["graphs"] % SAY_EVERY == 0:
            print(dict(told), flush=True)
        world.close()


def _built(world: World, run_id: str) -> Counter[str]:
    """Return how often each node of a run did its work."""
    return Counter(node for run, node, _ in world.jobs.executed.elements() if run == run_id)
