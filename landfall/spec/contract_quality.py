"""The ``quality`` of contracts written by hand, as rules of the datasets that their ports offer.

From here on they are rules like others: of severity ``fail``, so that a table which breaks one is not published. What
cannot be found out from the rows that a run publishes is a fault, so that no promise is made which nobody keeps.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from landfall.spec.build import build_rule
from landfall.spec.contract_metrics import Measured, NotChecked, limits_of, measured_by
from landfall.spec.document import Document
from landfall.spec.faults import Fault
from landfall.spec.frames import Frame
from landfall.spec.model import Check, Dataset, JsonObject, Port, QualityRule, Severity, Write, WriteMode
from landfall.spec.rule_columns import check_rule
from landfall.spec.rule_documents import RuleDocument
from landfall.spec.shape import shape_faults
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path
from landfall.spec.yaml_source import Mark

_CODE = "LF1062"
_WARNINGS = frozenset({"warning", "warn", "info", "information"})
_KEEPING_OUT = frozenset({Severity.QUARANTINE, Severity.FAIL, Severity.CORRECT})
_ENGINE = "landfall"


class _Rules(Document):
    """What stands under ``quality:`` of a dataset."""

    quality: list[RuleDocument]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry; ``column`` is the property under which it stands, ``None`` for one of the table."""

    data: Any
    mark: Mark
    column: str | None


@dataclass(slots=True)
class ContractQuality:
    """Turns the entries of the contract of one port into rules.

    Attributes:
        dataset: What the port offers.
        write: How its table is written; ``None`` for one that files land in.
        frame: Its columns, if they are known.
        faults: What cannot be checked; added to.
    """

    port: Port
    dataset: Dataset
    write: Write | None
    frame: Frame | None
    faults: list[Fault] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def rules(self, table: Mapping[str, Any], mark: Mark) -> tuple[QualityRule, ...]:
        """Return the rules that a table of the contract adds to those of the dataset."""
        self._names = {rule.name for rule in self.dataset.quality}
        found = (self._rule(entry) for entry in _entries(table, mark))
        return tuple(rule for rule in found if rule is not None)

    def _rule(self, entry: _Entry) -> QualityRule | None:
        before = len(self.faults)
        try:
            rule = self._read(entry)
        except NotChecked as refused:
            place = entry.mark.at((refused.key,)) if refused.key else entry.mark
            message = f"this entry cannot be checked: {refused.message}"
            self.faults.append(place.fault(_CODE, message, refused.remedy, text_line=refused.line))
            return None
        if rule is None or len(self.faults) > before:
            return None
        check_rule(rule, self.frame, None, self._reporting(entry.mark))
        return rule if len(self.faults) == before else None

    def _read(self, entry: _Entry) -> QualityRule | None:
        data = entry.data
        if not isinstance(data, Mapping):
            raise NotChecked("it is no mapping", "start it with type: or metric:")
        kind = data.get("type", "library")
        if kind == "text":
            return None
        if kind == "custom":
            return self._custom(entry, data)
        if kind not in ("library", "sql"):
            raise NotChecked(f"type '{kind}' is not known", "write library, sql or text", key="type")
        measured = measured_by(data, self.dataset.name, entry.column, self.frame)
        limits = limits_of(data)
        self._refuse_what_runs_cannot_see(measured, limits)
        if measured.pattern is not None:
            # For what it says of the pattern and the column.
            self._built({"check": "regex", "column": entry.column, "pattern": measured.pattern}, entry.mark)
        return QualityRule(
            name=self._new_name(data, measured.name),
            check=Check.TOTAL,
            severity=_severity(data),
            config={"total": measured.total, **limits},
            filter=measured.filter,
            description=str(data.get("description") or "").strip(),
        )

    def _refuse_what_runs_cannot_see(self, measured: Measured, limits: Mapping[str, Any]) -> None:
        """Refuse numbers of a table that do not follow from those of the rows that each run adds."""
        mode = WriteMode.APPEND if self.write is None else self.write.mode
        if mode is WriteMode.OVERWRITE:
            return
        keys = {name.casefold() for name in self.write.keys} if self.write is not None else set()
        if (
            measured.apart
            and mode is WriteMode.MERGE
            and keys <= {name.casefold() for name in measured.apart}
        ):
            return
        # With a number that is never negative, these say no more than that there is none.
        none_at_all = (
            _highest(limits) == 0 and not limits.keys() - {"min", "max", "below"} and not limits.get("min")
        )
        upper_only = limits.keys() <= {"max", "below"}
        if (measured.adds_up and none_at_all) or (
            measured.is_share and mode is WriteMode.APPEND and upper_only
        ):
            return
        added = f"a run sees only the rows that it adds to '{self.dataset.name}' ({mode})"
        message = f"{added}, not the number for the table"
        remedy = "promise that there is none (mustBe: 0), write the table with mode: overwrite, or write type: text"
        raise NotChecked(message, remedy)

    def _custom(self, entry: _Entry, data: Mapping[str, Any]) -> QualityRule | None:
        """Return a rule in our own words, as `landfall contract show` writes them, if the dataset has not got it."""
        if data.get("engine") != _ENGINE:
            message = f"it is for the engine '{data.get('engine')}'"
            raise NotChecked(message, "write it as a metric or type: sql, or as type: text", key="engine")
        said = data.get("implementation")
        if not isinstance(said, Mapping):
            raise NotChecked("the implementation is no mapping", "start it with check:", key="implementation")
        rule = self._built(said, entry.mark.at(("implementation",)))
        if rule is None or any(_keeps(own, rule) for own in self.dataset.quality):
            return None
        if rule.references is not None:
            remedy = "declare the rule under quality: of the dataset"
            raise NotChecked("it looks values up in another dataset", remedy, key="implementation")
        name = self._new_name(data, str(rule.check))
        description = str(data.get("description") or "").strip()
        return replace(rule, name=name, severity=_severity(data), description=description)

    def _built(self, said: Mapping[str, Any], mark: Mark) -> QualityRule | None:
        rules = {"quality": [{"name": "rule", "severity": "fail", **said}]}
        try:
            (document,) = _Rules.model_validate(rules).quality
        except ValidationError as error:
            around = Mark(
                mark.path, mark.line, children={"quality": Mark(mark.path, mark.line, children={0: mark})}
            )
            self.faults.extend(fault for _, fault in shape_faults(_Rules, error, rules, around))
            return None
        rule = build_rule(document)
        check_rule(rule, self.frame, None, self._reporting(mark))
        return rule

    def _new_name(self, data: Mapping[str, Any], otherwise: str) -> str:
        said = data.get("name") or data.get("id") or otherwise
        stem = f"contract_v{self.port.version}_" + re.sub(r"[^a-z0-9]+", "_", str(said).lower()).strip("_")
        name, number = stem[:60], 1
        while name in self._names:
            number += 1
            name = f"{stem[:60]}_{number}"
        self._names.add(name)
        return name

    def _reporting(self, mark: Mark) -> Any:
        def report(path: Path, problem: SqlProblem) -> None:
            # SQL that a metric became stands nowhere in the file: its entry does.
            place = mark.at(path)
            self.faults.append(place.fault(problem.code, problem.message, problem.remedy))

        return report


def promise_of(rule: QualityRule) -> JsonObject:
    """Return what a rule keeps out; how it repairs what would break it is no promise."""
    if "repair" not in rule.config:
        return rule.config
    without = {"repair"} if rule.check is not Check.EXPRESSION else {"repair", "column"}
    return {key: value for key, value in rule.config.items() if key not in without}


def _keeps(own: QualityRule, promised: QualityRule) -> bool:
    return own.severity in _KEEPING_OUT and (own.check, dict(promise_of(own)), own.filter) == (
        promised.check,
        dict(promised.config),
        promised.filter,
    )


def _entries(table: Mapping[str, Any], mark: Mark) -> Iterator[_Entry]:
    yield from _listed(table, mark, None)
    properties = table.get("properties")
    for number, item in enumerate(properties if isinstance(properties, list) else ()):
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            yield from _listed(item, mark.at(("properties", number)), item["name"])


def _listed(item: Mapping[str, Any], mark: Mark, column: str | None) -> Iterator[_Entry]:
    entries: Sequence[Any] = item["quality"] if isinstance(item.get("quality"), list) else ()
    for number, entry in enumerate(entries):
        yield _Entry(entry, mark.at(("quality", number)), column)


def _severity(data: Mapping[str, Any]) -> Severity:
    return Severity.WARN if str(data.get("severity", "")).lower() in _WARNINGS else Severity.FAIL


def _highest(limits: Mapping[str, Any]) -> float | None:
    """Return the highest number of rows that limits allow, ``None`` without one."""
    if "max" in limits:
        return int(limits["max"])
    return 0 if 0 < limits.get("below", 0) <= 1 else None
