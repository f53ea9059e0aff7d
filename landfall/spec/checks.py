"""Checks inside one product that need more than one of its objects: names, references, layers, circles."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from landfall.spec.copy_checks import check_copies
from landfall.spec.draft import Draft
from landfall.spec.faults import nearest_remedy
from landfall.spec.landing_patterns import captured_types, captures_of, captures_of_folders
from landfall.spec.model import (
    Dataset,
    Layer,
    Product,
    Transformation,
)
from landfall.spec.order import circles
from landfall.spec.pattern_language import common_path, is_more_specific
from landfall.spec.references import reads_of
from landfall.spec.service_level_checks import check_service_levels
from landfall.spec.source_checks import check_landed_columns, check_sources

_RESERVED_INPUT = "this"


def check_product(draft: Draft, product: Product) -> None:
    """Add to the draft what is wrong between the objects of its product."""
    _check_repeated_names(draft, product)
    check_sources(draft, product)
    check_copies(draft, product)
    builders = _check_outputs(draft, product)
    for index, dataset in enumerate(product.datasets):
        _check_dataset(draft, product, index, dataset, builders.get(dataset.name))
    _check_landing_overlaps(draft, product)
    _check_run(draft, product)
    for index, transformation in enumerate(product.transformations):
        _check_transformation(draft, product, index, transformation)
    _check_references(draft, product, builders)
    _check_ports(draft, product)
    check_service_levels(draft, product)
    _check_circles(draft, product, builders)


def _check_repeated_names(draft: Draft, product: Product) -> None:
    lists: Mapping[str, Sequence[str]] = {
        "sources": [source.name for source in product.sources],
        "datasets": [dataset.name for dataset in product.datasets],
        "transformations": [transformation.name for transformation in product.transformations],
        "service_levels": [level.name for level in product.service_levels],
    }
    for section, names in lists.items():
        for index, name in _repeated(names):
            first = draft.mark.at((section, names.index(name), "name"))
            message = f"{section[:-1].replace('_', ' ')} '{name}' is declared twice"
            remedy = f"rename one of the two; the other is at {first.path}:{first.line}"
            draft.report((section, index, "name"), "LF1041", message, remedy)
    for index, dataset in enumerate(product.datasets):
        for number, name in _repeated([rule.name for rule in dataset.quality]):
            message = f"'{dataset.name}' has two rules '{name}'"
            draft.report(
                ("datasets", index, "quality", number, "name"), "LF1041", message, "rename one of the two"
            )
        for number, name in _repeated([column.name.casefold() for column in dataset.columns]):
            message = f"'{dataset.name}' has two columns '{name}' (upper and lower case do not differ)"
            draft.report(
                ("datasets", index, "columns", number), "LF1041", message, "rename or remove one of the two"
            )


def _repeated(names: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Yield the index and name of each entry that an earlier one has too."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield index, name
        seen.add(name)


def _check_outputs(draft: Draft, product: Product) -> dict[str, Transformation]:
    """Return the transformation that builds each dataset."""
    builders: dict[str, Transformation] = {}
    for index, transformation in enumerate(product.transformations):
        output = transformation.output
        at = ("transformations", index, "output")
        other = builders.setdefault(output.dataset, transformation)
        if other is not transformation:
            message = f"'{output.dataset}' is built by '{other.name}' and by '{transformation.name}'"
            draft.report(
                (*at, "dataset"), "LF1043", message, "give each its own dataset, and union them in a third"
            )
    return builders


def _check_dataset(
    draft: Draft, product: Product, index: int, dataset: Dataset, builder: Transformation | None
) -> None:
    at = ("datasets", index)
    if dataset.source is None and dataset.landing is None:
        if builder is None and dataset.name not in draft.faulty_names:
            built = [transformation.output.dataset for transformation in product.transformations]
            message = f"dataset '{dataset.name}' has no landing path and no transformation builds it"
            remedy = nearest_remedy(
                dataset.name, built, "add source: and landing:, or a transformation that builds it"
            )
            draft.report((*at, "name"), "LF1044", message, remedy)
        elif builder is not None and dataset.layer is not builder.output.layer:
            message = (
                f"'{dataset.name}' is {dataset.layer.value} here but '{builder.name}' builds it "
                f"as {builder.output.layer.value}"
            )
            draft.report((*at, "layer"), "LF1046", message, "write the same layer in both places")
        return
    _check_landed(draft, product, index, dataset)
    _check_set(draft, index, dataset)
    if builder is not None:
        message = f"'{dataset.name}' lands as files and is built by '{builder.name}' too"
        draft.report((*at, "name"), "LF1043", message, "give what is built another name")


def _check_landed(draft: Draft, product: Product, index: int, dataset: Dataset) -> None:
    at = ("datasets", index)
    sources = {source.name: source for source in product.sources}
    if dataset.source is None:
        draft.report(at, "LF1021", f"'{dataset.name}' has landing but no source", "add source:")
    elif dataset.source not in sources and dataset.source not in draft.faulty_names:
        remedy = nearest_remedy(dataset.source, sources, "declare it under sources:")
        draft.report((*at, "source"), "LF1042", f"no source '{dataset.source}'", remedy)
    if dataset.landing is None:
        message = f"'{dataset.name}' has a source but no landing path"
        draft.report(at, "LF1021", message, f'add landing: {{path: "{dataset.name}/*.csv"}}')
    if dataset.layer is not Layer.BRONZE:
        message = f"'{dataset.name}' lands as files, so its layer is bronze, not {dataset.layer.value}"
        draft.report(
            (*at, "layer"), "LF1046", message, "write layer: bronze, and build the other layer from it"
        )
    source = sources.get(dataset.source or "")
    if source is not None:
        check_landed_columns(draft, index, dataset, source)
    captured = captured_types(dataset.landing or "")
    for number, column in enumerate(dataset.columns):
        if column.name.casefold() in captured:
            message = (
                f"'{dataset.name}' has a column '{column.name}', and its landing path gives it another one"
            )
            remedy = "rename what is in braces in the path; it becomes a column of the dataset"
            draft.report((*at, "columns", number), "LF1041", message, remedy)


def _check_landing_overlaps(draft: Draft, product: Product) -> None:
    landed = [
        (index, dataset) for index, dataset in enumerate(product.datasets) if dataset.landing is not None
    ]
    for (_, one), (index, two) in combinations(landed, 2):
        first, second = one.landing or "", two.landing or ""
        path = common_path(first, second)
        # Of two paths the one that matches fewer files takes those that both match.
        if path is None or is_more_specific(first, second) or is_more_specific(second, first):
            continue
        message = (
            f"landing paths of '{one.name}' and '{two.name}' can match the same file, such as '{path}', "
            "and neither is more specific"
        )
        remedy = "give each dataset a folder or an ending of its own"
        draft.report(("datasets", index, "landing", "path"), "LF1047", message, remedy)


def _check_set(draft: Draft, index: int, dataset: Dataset) -> None:
    """Check that the file which closes a set of landed files names the same set as the files do."""
    if dataset.complete is None or dataset.landing is None:
        return
    wanted = {capture.name: capture.type for capture in captures_of_folders(dataset.landing)}
    for key in ("marker", "manifest"):
        pattern = getattr(dataset.complete, key)
        if pattern is None or {item.name: item.type for item in captures_of(pattern)} == wanted:
            continue
        named = ", ".join(f"{{{name}}}" for name in wanted) or "no values"
        message = (
            f"the {key} of '{dataset.name}' takes other values from its path than the folders of its files"
        )
        remedy = f"the set is named by {named}: write the {key} with just these"
        draft.report(("datasets", index, "landing", "complete", key), "LF1026", message, remedy)


def _check_run(draft: Draft, product: Product) -> None:
    written = draft.mark.at(("run",)).children
    run = product.run
    if run.settle_s > run.max_wait_s and {"settle", "max_wait"} & written.keys():
        message = f"files wait {run.settle_s:g} s for others, and {run.max_wait_s:g} s at most"
        remedy = "write a max_wait that is longer than settle"
        draft.report(("run", "max_wait" if "max_wait" in written else "settle"), "LF1030", message, remedy)
    reads_ports = any(ref.product is not None for item in product.transformations for ref in item.inputs)
    if run.on_upstream and not reads_ports and "on" in written:
        message = (
            "'upstream' starts a run when a port that this product reads was published, and it reads none"
        )
        draft.report(("run", "on"), "LF1030", message, "remove upstream, or name a port under inputs:")


def _check_transformation(draft: Draft, product: Product, index: int, transformation: Transformation) -> None:
    at = ("transformations", index)
    datasets = {str(dataset.name) for dataset in product.datasets}
    names = Counter[str]()
    for number, ref in enumerate(transformation.inputs):
        names[ref.dataset] += 1
        if names[ref.dataset] == 2:
            message = f"'{transformation.name}' has two inputs that steps would call '{ref.dataset}'"
            draft.report(
                (*at, "inputs", number),
                "LF1041",
                message,
                "remove one, or build a dataset of another name from it",
            )
        if ref.dataset == _RESERVED_INPUT:
            message = "an input cannot be called 'this', which stands for the running frame in SQL"
            draft.report((*at, "inputs", number), "LF1041", message, "rename the dataset")
        if ref.product is None and ref.dataset not in datasets and ref.dataset not in draft.faulty_names:
            draft.report(
                (*at, "inputs", number),
                "LF1042",
                f"no dataset '{ref.dataset}'",
                nearest_remedy(ref.dataset, datasets),
            )
    others = [str(other.name) for other in product.transformations]
    for number, name in enumerate(transformation.depends_on):
        if name not in others and name not in draft.faulty_names:
            remedy = nearest_remedy(name, others)
            draft.report((*at, "depends_on", number), "LF1042", f"no transformation '{name}'", remedy)


def _check_references(draft: Draft, product: Product, builders: Mapping[str, Transformation]) -> None:
    """Check the datasets that rules look values up in; what is wrong with them would only show in a job."""
    datasets = {str(dataset.name) for dataset in product.datasets}
    for index, dataset in enumerate(product.datasets):
        builder = builders.get(dataset.name)
        for number, rule in enumerate(dataset.quality):
            name = rule.references
            if name is None:
                continue
            at = ("datasets", index, "quality", number)
            if name not in datasets and name not in draft.faulty_names:
                remedy = nearest_remedy(name, datasets)
                draft.report((*at, "references"), "LF1042", f"no dataset '{name}'", remedy)
            elif dataset.landing is not None:
                message = f"'{dataset.name}' lands as files, and files land in any order"
                remedy = "put the rule on the dataset that is built from it"
                draft.report((*at, "check"), "LF1029", message, remedy)
            elif name == dataset.name:
                message = f"rule '{rule.name}' looks values up in the dataset that it tests"
                draft.report((*at, "references"), "LF1048", message, "name another dataset")
            elif builder is not None and any(ref.product and ref.dataset == name for ref in builder.inputs):
                message = f"'{builder.name}' has an input of another product that is called '{name}' too"
                remedy = "build a dataset of another name from it"
                draft.report((*at, "references"), "LF1041", message, remedy)


def _check_ports(draft: Draft, product: Product) -> None:
    datasets = [str(dataset.name) for dataset in product.datasets]
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(product.ports):
        if port.dataset not in datasets and port.dataset not in draft.faulty_names:
            remedy = nearest_remedy(port.dataset, datasets)
            draft.report(("ports", index, "dataset"), "LF1042", f"no dataset '{port.dataset}'", remedy)
        if (port.dataset, port.version) in seen:
            message = f"port {port.dataset}@{port.version} is declared twice"
            draft.report(("ports", index), "LF1041", message, "remove one, or raise its version")
        seen.add((port.dataset, port.version))


def _check_circles(draft: Draft, product: Product, builders: Mapping[str, Transformation]) -> None:
    reads = reads_of(product)
    needs = {
        transformation.name: [
            *(
                builders[ref.dataset].name
                for ref in reads[transformation.name]
                # That a dataset refers to itself is told at its rule.
                if ref.product is None
                and ref.dataset in builders
                and (ref.dataset != transformation.output.dataset or ref in transformation.inputs)
            ),
            *transformation.depends_on,
        ]
        for transformation in product.transformations
    }
    indexes = {transformation.name: index for index, transformation in enumerate(product.transformations)}
    for circle in circles(needs):
        message = f"transformations wait for each other: {' -> '.join(circle)}"
        looks_up = any(
            len(reads[name]) > len(product.transformations[indexes[name]].inputs) for name in circle
        )
        remedy = f"take one of their inputs{', rules that look something up' * looks_up} or depends_on entries away"
        draft.report(("transformations", indexes[circle[0]], "name"), "LF1048", message, remedy)
