"""One product as its files give it: values with the place of each, before the checks that need them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from landfall.spec.build import build_product
from landfall.spec.documents import ProductDocument
from landfall.spec.faults import Fault
from landfall.spec.fields import kind_of
from landfall.spec.model import Product
from landfall.spec.project import PRODUCT_FILE, Project, read_file, yaml_files
from landfall.spec.python_steps import with_sources
from landfall.spec.rule_sets import RuleSets
from landfall.spec.salvage import without_faulty
from landfall.spec.shape import empty_keys, shape_faults, without_extensions
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_documents import StepDocument
from landfall.spec.variables import substitute
from landfall.spec.yaml_source import Location, Mark


@dataclass(slots=True)
class Draft:
    """A product on its way to being found sound.

    Attributes:
        key: ``domain/product`` as its folder says.
        product: Its values without the faulty parts; ``None`` if the file says nothing usable.
        mark: Where everything stands.
        faults: What is wrong so far; the checks add to it.
        faulty_names: Names of datasets and transformations that were left out, so that a reference to one
            of them is not called unknown.
    """

    key: str
    product: Product | None
    mark: Mark
    faults: list[Fault] = field(default_factory=list)
    faulty_names: frozenset[str] = frozenset()

    def report(
        self, location: Sequence[str | int], code: str, message: str, remedy: str, *, text_line: int = 1
    ) -> None:
        """Add a fault at a place in the files; ``text_line`` counts lines within a text that stands there."""
        self.faults.append(self.mark.at(location).fault(code, message, remedy, text_line=text_line))


def read_draft(project: Project, folder: Path, variables: Mapping[str, Any], rule_sets: RuleSets) -> Draft:
    """Return the draft of the product in a folder; never raises for what its files say."""
    key = f"{folder.parent.name}/{folder.name}"
    file = read_file(project.root, folder / PRODUCT_FILE)
    draft = Draft(key, None, file.mark, list(file.faults))
    data = file.data
    if data is None and not draft.faults:
        draft.report((), "LF1021", "the file is empty", "write at least api_version, domain, name and owner")
    elif data is not None and not isinstance(data, dict):
        draft.report(
            (), "LF1021", f"a product file is a mapping, not {kind_of(data)}", "start with api_version:"
        )
    if not isinstance(data, dict):
        return draft
    _take_files_beside(project.root, folder, data, draft)
    rule_sets.expand(data, draft.mark, draft.faults)
    data = without_extensions(substitute(data, draft.mark, variables, draft.faults))
    document = _validated(data, draft)
    if document is not None:
        _check_folder(document, data, draft)
        product = build_product(document, project.run)
        draft.product = with_sources(product, folder, lambda at, problem: _tell(draft, at, problem))
    return draft


def _tell(draft: Draft, at: Sequence[str | int], problem: SqlProblem) -> None:
    draft.report(at, problem.code, problem.message, problem.remedy)


def _take_files_beside(root: Path, folder: Path, data: dict[str, Any], draft: Draft) -> None:
    """Append what ``datasets/``, ``transformations/`` and ``rules/`` hold to the lists of the product file."""
    for section in ("datasets", "transformations"):
        for path in yaml_files(folder / section):
            file = read_file(root, path)
            draft.faults.extend(file.faults)
            if isinstance(file.data, dict):
                _append(data, draft.mark, section, file.data, file.mark)
            elif isinstance(file.data, list):
                for index, item in enumerate(file.data):
                    _append(data, draft.mark, section, item, file.mark.at((index,)))
            elif not file.faults:
                message = f"a file in {section}/ is one mapping or a list of them, not {kind_of(file.data)}"
                draft.faults.append(Fault(file.mark.path, 1, "LF1021", message, "start with '- name:'"))
    for path in yaml_files(folder / "rules"):
        file = read_file(root, path)
        draft.faults.extend(file.faults)
        if isinstance(file.data, dict):
            for dataset, rules in file.data.items():
                _append_rules(data, draft, dataset, rules, file.mark.at((dataset,)))
        elif not file.faults:
            message = f"a file in rules/ maps names of datasets to lists of rules, not {kind_of(file.data)}"
            draft.faults.append(
                Fault(file.mark.path, 1, "LF1021", message, "start with the dataset's name and ':'")
            )


def _append(data: dict[str, Any], mark: Mark, section: str, item: Any, item_mark: Mark) -> None:
    existing = data.get(section)
    if existing is None:
        existing = data[section] = []
        mark.children[section] = Mark(item_mark.path, item_mark.line)
    if isinstance(existing, list):
        mark.children[section].children[len(existing)] = item_mark
        existing.append(item)


def _append_rules(data: dict[str, Any], draft: Draft, dataset: str, rules: Any, mark: Mark) -> None:
    if not isinstance(rules, list):
        message = f"'{dataset}' must hold a list of rules, not {kind_of(rules)}"
        draft.faults.append(Fault(mark.path, mark.line, "LF1021", message, "start each rule with '- '"))
        return
    datasets = data.get("datasets")
    for index, declared in enumerate(datasets if isinstance(datasets, list) else ()):
        if isinstance(declared, dict) and declared.get("name") == dataset:
            declared_mark = draft.mark.at(("datasets", index))
            for number, rule in enumerate(rules):
                _append(declared, declared_mark, "quality", rule, mark.at((number,)))
            return
    # A built dataset that product.yml does not list: the rules file declares it.
    item_mark = Mark(mark.path, mark.line, mark.line, children={"quality": mark})
    _append(data, draft.mark, "datasets", {"name": dataset, "quality": rules}, item_mark)


def _validated(data: dict[str, Any], draft: Draft) -> ProductDocument | None:
    found = [*empty_keys(data, draft.mark), *_config_faults(data, draft.mark)]
    try:
        document = ProductDocument.model_validate(data)
        if not found:
            return document
    except ValidationError as error:
        found.extend(shape_faults(ProductDocument, error, data, draft.mark))
    # A variable that is not known leaves a text that no field would take: its own fault says all.
    unresolved = {(fault.path, fault.line) for fault in draft.faults if fault.code == "LF1013"}
    draft.faults.extend(fault for _, fault in found if (fault.path, fault.line) not in unresolved)
    sound, draft.faulty_names = without_faulty(data, draft.mark, [location for location, _ in found])
    try:
        return ProductDocument.model_validate(sound)
    except ValidationError:
        return None


def _config_faults(data: Mapping[str, Any], mark: Mark) -> list[tuple[Location, Fault]]:
    """Return the faults of steps written as ``type`` and ``config``, which their model takes as they are."""
    found: list[tuple[Location, Fault]] = []
    transformations = data.get("transformations")
    for index, item in enumerate(transformations if isinstance(transformations, list) else ()):
        if not isinstance(item, dict) or item.get("type") not in StepDocument.types or "config" not in item:
            continue
        at: Location = ("transformations", index, "config")
        step = {item["type"]: item["config"]}
        step_mark = Mark(mark.at(at).path, mark.at(at).line, children={item["type"]: mark.at(at)})
        try:
            StepDocument.model_validate(step)
        except ValidationError as error:
            found.extend((at, fault) for _, fault in shape_faults(StepDocument, error, step, step_mark))
    return found


def _check_folder(document: ProductDocument, data: Mapping[str, Any], draft: Draft) -> None:
    """Hold the product's name against its folder: landing paths and messages are found by it."""
    domain, name = draft.key.split("/")
    for key, written, folder in (("domain", document.domain, domain), ("name", document.name, name)):
        if written != folder and data.get(key) == written:
            remedy = f"write '{folder}', or rename the folder"
            draft.report((key,), "LF1031", f"{key} is '{written}' but the folder is '{folder}'", remedy)
