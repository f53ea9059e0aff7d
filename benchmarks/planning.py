"""How long a large product takes to plan: ``python benchmarks/planning.py [NODES]``; 10,000 by default."""

import sys
import time
from collections.abc import Callable

from landfall.planning.graph import build_graph
from landfall.planning.plan import Plan, definition_text
from landfall.planning.select import make_plan
from landfall.spec.model import (
    Column,
    Dataset,
    DatasetName,
    DatasetRef,
    FileFormat,
    Layer,
    Output,
    Owner,
    Product,
    Source,
    SourceType,
    Step,
    StepType,
    Transformation,
    TransformationName,
)

REPEATS = 5
LANDED = 100
COLUMNS = tuple(Column(f"column_{number}", "string") for number in range(10))


def layered_product(nodes: int) -> Product:
    """Return a product of ``nodes`` nodes: 100 landed datasets, then transformations with three inputs each."""
    names = [DatasetName(f"dataset_{number}") for number in range(nodes)]
    datasets = tuple(
        Dataset(name, Layer.BRONZE, source="files", landing=f"{name}/*.csv", columns=COLUMNS)
        if number < LANDED
        else Dataset(name, Layer.SILVER, columns=COLUMNS)
        for number, name in enumerate(names)
    )
    transformations = tuple(
        Transformation(
            TransformationName(f"build_{number}"),
            # Near and far inputs: long chains as well as wide fans.
            inputs=tuple(DatasetRef(names[at]) for at in {number - 1, number - LANDED, number // 2}),
            steps=(Step(StepType.FILTER, "column_1 is not null"),),
            output=Output(names[number], Layer.SILVER),
        )
        for number in range(LANDED, nodes)
    )
    return Product(
        domain="bench",
        name="large",
        owner=Owner("bench", "bench@contoso.example"),
        description="",
        sources=(Source("files", SourceType.FILE, FileFormat.CSV),),
        datasets=datasets,
        transformations=transformations,
    )


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several calls."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    product = layered_product(nodes)
    changed = [dataset.name for dataset in product.datasets if dataset.landing is not None]

    def plan() -> Plan:
        return make_plan(product, metadata_version=1, changed=changed, published=())

    planned = plan()
    print(f"nodes in the plan          {len(planned.nodes):>10,}")
    size = sum(len(definition_text(node.definition)) for node in planned.nodes)
    print(f"size of its definitions    {size / 1e6:>10.1f} MB")
    print(f"graph                      {best_of(REPEATS, lambda: build_graph(product)):>10.3f} s")
    print(f"graph and plan             {best_of(REPEATS, plan):>10.3f} s")
    print(f"canonical JSON and SHA-256 {best_of(REPEATS, planned.sha256):>10.3f} s")
    print(f"all                        {best_of(REPEATS, lambda: plan().sha256()):>10.3f} s")


if __name__ == "__main__":
    main()
