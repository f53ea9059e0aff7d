"""Rules that several products share: files in ``rule_sets/`` beside ``data_products/``, with parameters.

A dataset names a set among its rules. The set's rules take that place when the product is read, so everything behind
this module (plans, versions, results) knows rules only. A fault in one of them names its line in the set, and the
line at which the set is used.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from landfall.spec.document import Document
from landfall.spec.faults import Fault, nearest_remedy
from landfall.spec.fields import Name, Scalar, Text, kind_of
from landfall.spec.project import read_file, yaml_files
from landfall.spec.shape import empty_keys, shape_faults, without_extensions
from landfall.spec.variables import PARAMETERS, substitute
from landfall.spec.yaml_source import Location, Mark

RULE_SETS_FOLDER = "rule_sets"


class RuleSetUse(Document):
    """The rules of a set, in the place of a rule."""

    rule_set: Name
    values: dict[Name, Scalar] = Field(
        default={}, alias="with", description="Values of the set's parameters, by their names"
    )


class RuleSetDocument(Document):
    """A file of ``rule_sets/``; its rules are checked where they are used, with the values they have there."""

    description: Text = ""
    parameters: list[Name] = Field(default=[], description="Names that every use gives a value")
    defaults: dict[Name, Scalar] = Field(
        default={}, description="Names that a use may give a value, and what they are otherwise"
    )
    rules: Annotated[list[dict[str, Any]], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A set as its file gives it.

    Attributes:
        mark: Where its rules stand.
    """

    parameters: tuple[str, ...]
    defaults: Mapping[str, Any]
    rules: Sequence[Mapping[str, Any]]
    mark: Mark


@dataclass(frozen=True, slots=True)
class RuleSets:
    """The sets of a project by name; ``None`` stands for one that has faults of its own."""

    sets: Mapping[str, RuleSet | None]
    faults: tuple[Fault, ...] = ()

    def expand(self, data: Mapping[str, Any], mark: Mark, faults: list[Fault]) -> None:
        """Put, in every dataset of a product, the rules of a set where it is used; marks are changed to match."""
        datasets = data.get("datasets")
        for index, dataset in enumerate(datasets if isinstance(datasets, list) else ()):
            rules = dataset.get("quality") if isinstance(dataset, dict) else None
            if isinstance(rules, list) and any(_is_use(rule) for rule in rules):
                place = mark.at(("datasets", index, "quality"))
                found = [
                    item
                    for number, rule in enumerate(rules)
                    for item in self._expanded(rule, place.at((number,)), faults)
                ]
                # Not in place: an alias may stand for the same list elsewhere.
                dataset["quality"] = [rule for rule, _ in found]
                place.children = {number: rule_mark for number, (_, rule_mark) in enumerate(found)}

    def _expanded(self, rule: Any, mark: Mark, faults: list[Fault]) -> Iterator[tuple[Any, Mark]]:
        if not _is_use(rule):
            yield rule, mark
            return
        used = without_extensions(rule)
        wrong = [fault for _, fault in empty_keys(used, mark)]
        try:
            use = RuleSetUse.model_validate(used)
        except ValidationError as error:
            wrong += [fault for _, fault in shape_faults(RuleSetUse, error, used, mark)]
        faults.extend(wrong)
        if wrong:
            return
        if use.rule_set not in self.sets:
            remedy = nearest_remedy(use.rule_set, self.sets, f"write {RULE_SETS_FOLDER}/{use.rule_set}.yml")
            message = f"no rule set '{use.rule_set}'"
            faults.append(mark.at(("rule_set",)).fault("LF1042", message, remedy))
            return
        rules = self.sets[use.rule_set]
        if rules is not None and _fits(use, rules, mark, faults):
            values = {**rules.defaults, **use.values}
            shared = _used_at(rules.mark, f"{mark.path}:{mark.line}")
            for number, item in enumerate(rules.rules):
                place = shared.at((number,))
                yield substitute(copy.deepcopy(item), place, values, faults, PARAMETERS), place


def read_rule_sets(root: Path) -> RuleSets:
    """Return the sets of a project; the name of a set is that of its file."""
    sets: dict[str, RuleSet | None] = {}
    faults: list[Fault] = []
    for path in yaml_files(root / RULE_SETS_FOLDER):
        sets[path.stem] = _read(root, path, faults)
    return RuleSets(sets, tuple(faults))


def _read(root: Path, path: Path, faults: list[Fault]) -> RuleSet | None:
    file = read_file(root, path)
    data = without_extensions(file.data if file.data is not None else {})
    if not isinstance(data, dict):
        message = f"a rule set is a mapping, not {kind_of(data)}"
        faults.append(file.mark.fault("LF1021", message, "start with description: or rules:"))
        return None
    found: list[tuple[Location, Fault]] = [((), fault) for fault in file.faults]
    found += empty_keys(data, file.mark)
    rules = data.get("rules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if _is_use(rule):
            remedy = "use both sets where they are needed"
            place = file.mark.at(("rules", number))
            found.append(((), place.fault("LF1029", "a rule set holds rules and no other sets", remedy)))
    document: RuleSetDocument | None = None
    try:
        document = RuleSetDocument.model_validate(data)
    except ValidationError as error:
        found += shape_faults(RuleSetDocument, error, data, file.mark)
    faults.extend(fault for _, fault in found)
    if found or document is None:
        return None
    return RuleSet(tuple(document.parameters), document.defaults, document.rules, file.mark.at(("rules",)))


def _is_use(rule: Any) -> bool:
    return isinstance(rule, dict) and "rule_set" in rule


def _fits(use: RuleSetUse, rules: RuleSet, mark: Mark, faults: list[Fault]) -> bool:
    """Return whether a use gives a value to every parameter that needs one, and to no others."""
    before = len(faults)
    missing = [name for name in rules.parameters if name not in use.values]
    if missing:
        message = f"rule set '{use.rule_set}' needs a value for {', '.join(missing)}"
        written = ", ".join(f"{name}: ..." for name in missing)
        faults.append(mark.fault("LF1021", message, f"add with: {{{written}}}"))
    known = (*rules.parameters, *rules.defaults)
    for name in use.values:
        if name not in known:
            message = f"rule set '{use.rule_set}' has no parameter '{name}'"
            faults.append(mark.at(("with", name)).fault("LF1020", message, nearest_remedy(name, known)))
    return len(faults) == before


def _used_at(mark: Mark, used_at: str) -> Mark:
    """Return a mark and all in it with the place at which it is used."""
    children = {key: _used_at(child, used_at) for key, child in mark.children.items()}
    return Mark(mark.path, mark.line, mark.text_line, mark.is_literal, children, used_at)
