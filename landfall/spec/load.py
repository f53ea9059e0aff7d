"""Reads the products of a project and finds every fault in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landfall.spec.checks import check_product
from landfall.spec.columns import follow_columns
from landfall.spec.draft import Draft, read_draft
from landfall.spec.faults import Fault, InvalidSpec, UnknownProduct, nearest_remedy
from landfall.spec.folders import folder_faults, product_folders
from landfall.spec.frames import Frame
from landfall.spec.model import DatasetName, DatasetRef, Product
from landfall.spec.order import circles, sorted_nodes
from landfall.spec.port_contracts import with_contracts
from landfall.spec.project import (
    Project,
    Target,
    read_project,
)
from landfall.spec.references import reads_of
from landfall.spec.rule_sets import RuleSets, read_rule_sets
from landfall.spec.sql_text import SqlProblem
from landfall.spec.target_checks import check_target
from landfall.spec.yaml_source import Key, Mark


def load_products(root: Path, only: str | None = None, *, target: str | None = None) -> tuple[Product, ...]:
    """Return the products of a project, by domain and name.

    Args:
        root: Folder that holds landfall.yml.
        only: ``domain/product`` of the only one wanted; others are read as far as it refers to them.
        target: Target whose variables apply, the project's default one if none is named.

    Raises:
        NoProject: ``root`` holds no landfall.yml.
        UnknownTarget: The project has no such target.
        UnknownProduct: The project holds no product ``only``.
        InvalidSpec: A file is not sound; names every fault of all the files that were asked for.
    """
    products, faults = check_products(root, only, target=target)
    if faults:
        raise InvalidSpec(faults)
    return products


def check_products(
    root: Path, only: str | None = None, *, target: str | None = None
) -> tuple[tuple[Product, ...], tuple[Fault, ...]]:
    """Return the products that are sound, and the faults of the project and of those that are not.

    Takes what ``load_products`` takes and raises what it raises, except ``InvalidSpec``.
    """
    project, faults = read_project(root)
    folders = product_folders(root)
    if only is not None and only not in folders:
        raise UnknownProduct(only, folders)
    if project is None:
        return (), tuple(sorted(set(faults)))
    asked_for = list(folders) if only is None else [only]
    rule_sets = read_rule_sets(root)
    faults.extend(rule_sets.faults)
    if only is None:
        faults.extend(folder_faults(root))
    reading = _Reading(project, folders, project.target(target), rule_sets)
    reading.read(asked_for)
    reading.check()
    products = []
    for key in asked_for:
        draft = reading.drafts[key]
        faults.extend(draft.faults)
        assert draft.product is not None or draft.faults, f"{key} is left out for no reason"  # noqa: S101
        if draft.product is not None and not draft.faults:
            products.append(draft.product)
    return tuple(products), tuple(sorted(set(faults)))


@dataclass(slots=True)
class _Reading:
    """Products read together, so that references between them can be followed."""

    project: Project
    folders: Mapping[str, Path]
    target: Target
    rule_sets: RuleSets
    drafts: dict[str, Draft] = field(default_factory=dict)

    def read(self, keys: Iterable[str]) -> None:
        """Read products, and those whose ports they name."""
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key in self.drafts or key not in self.folders:
                continue
            draft = self.drafts[key] = read_draft(
                self.project,
                self.folders[key],
                {**self.project.variables, **self.target.variables},
                self.rule_sets,
            )
            waiting.extend(ref.product for ref in _foreign_refs(draft) if ref.product is not None)

    def check(self) -> None:
        """Check every product, those first whose ports others name."""
        needs = {
            key: [str(ref.product) for ref in _foreign_refs(draft)] for key, draft in self.drafts.items()
        }
        frames: dict[str, Mapping[DatasetName, Frame | None]] = {}
        for key in sorted_nodes(needs):
            draft = self.drafts[key]
            if draft.product is None:
                continue
            check_product(draft, draft.product)
            check_target(draft, draft.product, self.target)
            foreign = {
                str(ref): frames.get(str(ref.product), {}).get(ref.dataset) for ref in _foreign_refs(draft)
            }
            frames[key] = follow_columns(draft.product, foreign, _DraftReport(draft))
            self._check_foreign_refs(draft, draft.product)
            draft.product = with_contracts(
                draft.product, frames[key], self.project.root, self.folders[key], draft
            )
        self._check_circles()

    def _check_foreign_refs(self, draft: Draft, product: Product) -> None:
        for index, transformation in enumerate(product.transformations):
            for number, ref in enumerate(transformation.inputs):
                problem = self._problem_of(ref, draft) if ref.product is not None else None
                if problem is not None:
                    draft.report(("transformations", index, "inputs", number), "LF1042", *problem)

    def _problem_of(self, ref: DatasetRef, draft: Draft) -> tuple[str, str] | None:
        """Return message and remedy for a foreign port that does not exist, ``None`` where nothing can be said."""
        key = str(ref.product)
        if key == draft.key:
            return f"'{ref}' is a dataset of this product", f"write {ref.dataset}"
        if key not in self.drafts:
            # It may live in another project; a product of nearly that name here says it does not.
            remedy = nearest_remedy(key, self.folders, otherwise="-")
            is_misspelt = remedy != "-" and key.split("/")[0] in {
                known.split("/")[0] for known in self.folders
            }
            return (f"no product '{key}'", remedy) if is_misspelt else None
        other = self.drafts[key].product
        if other is None:
            return None
        ports = [f"{key}.{port.dataset}@{port.version}" for port in other.ports]
        if str(ref) in ports or ref.dataset in self.drafts[key].faulty_names:
            return None
        otherwise = f"publish it under ports: of {key}"
        return f"{key} publishes no port '{ref.dataset}@{ref.version}'", nearest_remedy(
            str(ref), ports, otherwise
        )

    def _check_circles(self) -> None:
        """Report circles of transformations that lead through ports of several products."""
        needs: dict[str, list[str]] = {}
        places: dict[str, tuple[Draft, int]] = {}
        for key, draft in sorted(self.drafts.items()):
            if draft.product is None:
                continue
            reads = reads_of(draft.product)
            for index, item in enumerate(draft.product.transformations):
                name = f"{key}.{item.output.dataset}"
                needs[name] = [f"{ref.product or key}.{ref.dataset}" for ref in reads[item.name]]
                places[name] = (draft, index)
        for circle in circles(needs):
            if len({name.rpartition(".")[0] for name in circle}) > 1:
                draft, index = places[circle[0]]
                message = f"datasets of several products are built from each other: {' -> '.join(circle)}"
                remedy = "take one of these ports out of inputs:"
                draft.report(("transformations", index, "name"), "LF1048", message, remedy)


def _foreign_refs(draft: Draft) -> list[DatasetRef]:
    if draft.product is None:
        return []
    return [ref for item in draft.product.transformations for ref in item.inputs if ref.product is not None]


@dataclass(frozen=True, slots=True)
class _DraftReport:
    """Adds what is found about columns to a draft, at the place in the files."""

    draft: Draft

    def __call__(self, path: tuple[Key, ...], problem: SqlProblem) -> None:
        place = _written_at(path, self.draft.mark)
        self.draft.report(place, problem.code, problem.message, problem.remedy, text_line=problem.line)


def _written_at(path: tuple[Key, ...], mark: Mark) -> tuple[Key, ...]:
    """Return where a place of a product stands in its file, where a single step may be type and config."""
    if len(path) > 4 and path[2] == "steps" and "steps" not in mark.at(path[:2]).children:
        return (*path[:2], "config", *path[5:])
    return path
