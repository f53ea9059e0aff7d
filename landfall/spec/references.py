"""What a transformation reads: its inputs, and the datasets in which rules of its output look values up."""

from collections.abc import Iterator, Mapping

from landfall.spec.model import (
    Dataset,
    DatasetName,
    DatasetRef,
    Product,
    TransformationName,
)


def reads_of(product: Product) -> Mapping[TransformationName, tuple[DatasetRef, ...]]:
    """Return what each transformation reads, inputs as declared and first, each dataset once."""
    referenced = {dataset.name: tuple(references_of(dataset)) for dataset in product.datasets}
    return {
        item.name: tuple(
            dict.fromkeys((*item.inputs, *map(DatasetRef, referenced.get(item.output.dataset, ()))))
        )
        for item in product.transformations
    }


def references_of(dataset: Dataset) -> Iterator[DatasetName]:
    """Yield the datasets in which rules of a dataset look values up."""
    for rule in dataset.quality:
        if rule.references is not None:
            yield rule.references
