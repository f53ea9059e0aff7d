"""The nodes of a product as its tests call them, with what is known of their datasets."""

from collections.abc import Mapping
from typing import Any

from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import build_graph
from landfall.planning.plan import NodeKind
from landfall.spec.model import Dataset, Product, Source, WriteMode


class Nodes:
    """The nodes of one product by what people call them: a transformation, or a landed dataset."""

    def __init__(self, product: Product) -> None:
        self.product = product
        definitions = NodeDefinitions(product, {})
        self._definitions = {
            node.output if node.kind is NodeKind.INGEST else str(node.key): definitions.of(node)
            for node in build_graph(product).nodes
        }
        self._datasets = {str(dataset.name): dataset for dataset in product.datasets}
        self._sources = {source.name: source for source in product.sources}
        self._builders = {str(item.output.dataset): item for item in product.transformations}

    def definition(self, subject: str) -> Mapping[str, Any]:
        return self._definitions[subject]

    def dataset(self, name: str) -> Dataset:
        return self._datasets[name]

    def source(self, dataset: Dataset) -> Source:
        assert dataset.source is not None  # noqa: S101  what lands has one
        return self._sources[dataset.source]

    def builder(self, dataset: str) -> str:
        return str(self._builders[dataset].name)

    def is_added_to(self, dataset: str) -> bool:
        """Return whether rows of a dataset are only added: it lands, or is appended to."""
        return self._datasets[dataset].landing is not None or self.appends(self.builder(dataset))

    def appends(self, transformation: str) -> bool:
        return bool(self._definitions[transformation]["output"]["write"]["mode"] == WriteMode.APPEND)
