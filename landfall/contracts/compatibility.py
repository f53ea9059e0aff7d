"""Which changes of a contract break those who rely on it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from landfall.contracts.contract import Contract, ContractRule
from landfall.spec.model import Check


@dataclass(frozen=True, slots=True)
class BreakingChange:
    """A promise that is no longer kept.

    Attributes:
        port: ``domain/product.dataset@version`` as consumers know it.
        change: One of ``port_gone``, ``column_gone``, ``column_retyped``, ``column_nullable``, ``key_changed``,
            ``rule_gone`` and ``rule_loosened``.
        detail: What changed, for people.
    """

    port: str
    change: str
    detail: str


def breaking_changes(before: Iterable[Contract], after: Iterable[Contract]) -> tuple[BreakingChange, ...]:
    """Return the promises of ``before`` that ``after`` breaks.

    A port whose dataset is offered under a higher major version may go: that is how a change is announced.
    New columns, new rules and stricter ones break nothing.
    """
    offered = {contract.port: contract for contract in after}
    found: list[BreakingChange] = []
    for old in before:
        new = offered.get(old.port)
        if new is not None:
            found += _changes(old, new)
        elif not _is_followed(old, offered.values()):
            detail = (
                f"'{old.dataset}' is no longer offered, neither as version {old.version} nor as a higher one"
            )
            found.append(BreakingChange(old.port, "port_gone", detail))
    return tuple(found)


def _is_followed(old: Contract, offered: Iterable[Contract]) -> bool:
    return any(
        (new.product, new.dataset) == (old.product, old.dataset) and new.version > old.version
        for new in offered
    )


def _changes(old: Contract, new: Contract) -> Iterator[BreakingChange]:
    columns = {column.name.casefold(): column for column in new.columns}
    # Where the columns of the new version cannot be told, the run itself has to compare them.
    for column in old.columns if new.columns else ():
        now = columns.get(column.name.casefold())
        if now is None:
            yield BreakingChange(old.port, "column_gone", f"column '{column.name}' is gone")
            continue
        if column.type is not None and now.type is not None and now.type != column.type:
            detail = f"column '{column.name}' was {column.type} and is {now.type}"
            yield BreakingChange(old.port, "column_retyped", detail)
        if column.required and not now.required:
            yield BreakingChange(old.port, "column_nullable", f"column '{column.name}' may be null now")
    if old.key and set(map(str.casefold, new.key)) != set(map(str.casefold, old.key)):
        detail = f"the key was ({', '.join(old.key)}) and is ({', '.join(new.key) or 'none'})"
        yield BreakingChange(old.port, "key_changed", detail)
    rules = {rule.name: rule for rule in new.rules}
    for rule in old.rules:
        if rule.name not in rules:
            detail = f"rule '{rule.name}' ({rule.check}) keeps no row out any more"
            yield BreakingChange(old.port, "rule_gone", detail)
        elif not _is_as_strict(rule, rules[rule.name]):
            detail = f"rule '{rule.name}' ({rule.check}) lets rows pass that it refused, or may do so"
            yield BreakingChange(old.port, "rule_loosened", detail)


def _is_as_strict(old: ContractRule, new: ContractRule) -> bool:
    """Return whether a rule surely refuses all that it refused before; what cannot be compared does not."""
    if new.check is not old.check:
        return False
    if old.filter != new.filter and new.filter is not None:
        return False
    if dict(old.config) == dict(new.config):
        return True
    compare = _COMPARED.get(old.check)
    changed = {key for key in {*old.config, *new.config} if old.config.get(key) != new.config.get(key)}
    return (
        compare is not None
        and changed <= compare.keys()
        and all(compare[key](old.config.get(key), new.config.get(key)) for key in changed)
    )


def _no_lower(old: Any, new: Any) -> bool:
    return old is None or (new is not None and _is_ordered(old, new) and new >= old)


def _no_higher(old: Any, new: Any) -> bool:
    return old is None or (new is not None and _is_ordered(old, new) and new <= old)


def _is_ordered(old: Any, new: Any) -> bool:
    numbers = (int, float)
    return type(old) is type(new) or (isinstance(old, numbers) and isinstance(new, numbers))


def _no_more(old: Any, new: Any) -> bool:
    return _values(new) <= _values(old)


def _no_fewer(old: Any, new: Any) -> bool:
    return _values(new) >= _values(old)


def _values(values: Any) -> set[str]:
    return {repr(value) for value in values or ()}


_BOUNDS = {"min": _no_lower, "max": _no_higher}
# By check, the settings that can be compared, and when the new one is as strict as the old one.
_COMPARED: Mapping[Check, Mapping[str, Any]] = {
    Check.RANGE: _BOUNDS,
    Check.LENGTH: _BOUNDS,
    Check.ROW_COUNT: _BOUNDS,
    Check.TOTAL: {**_BOUNDS, "above": _no_lower, "below": _no_higher},
    Check.NULL_SHARE: {"max": _no_higher},
    Check.ACCEPTED_VALUES: {"values": _no_more},
    Check.FORBIDDEN_VALUES: {"values": _no_fewer},
    Check.NOT_NULL: {"columns": _no_fewer},
    Check.NOT_EMPTY: {"columns": _no_fewer},
}
