"""Rules that a contract written by hand adds to those of its dataset: what it requires, what no two rows share."""

from collections.abc import Iterator, Sequence

from landfall.spec.model import Check, Dataset, Port, QualityRule, Severity, Write

# Of these a row that breaks the rule reaches no consumer.
_KEEPING_OUT = frozenset({Severity.QUARANTINE, Severity.FAIL})


def promised_rules(dataset: Dataset, ports: Sequence[Port], write: Write) -> tuple[QualityRule, ...]:
    """Return what the ports of a dataset promise beyond its own rules; each stops the node if a row breaks it.

    What a rule of the dataset keeps out already is left to that rule, which may send rows to quarantine.
    """
    return tuple(rule for port in ports for rule in _rules(dataset, port, write))


def _rules(dataset: Dataset, port: Port, write: Write) -> Iterator[QualityRule]:
    kept = [rule for rule in dataset.quality if rule.severity in _KEEPING_OUT and rule.filter is None]
    filled = {
        name.casefold() for rule in kept if rule.check is Check.NOT_NULL for name in rule.config["columns"]
    }
    filled |= {column.name.casefold() for column in dataset.columns if not column.nullable}
    required = [name for name in port.required if name.casefold() not in filled]
    if required:
        yield _stop(f"contract_v{port.version}_required", Check.NOT_NULL, required)
    unique = [rule.config["columns"] for rule in kept if rule.check is Check.UNIQUE]
    # A merge writes one row per key.
    told_apart = [_names(columns) for columns in (*unique, write.keys) if columns]
    if port.key and not any(columns <= _names(port.key) for columns in told_apart):
        yield _stop(f"contract_v{port.version}_key", Check.UNIQUE, port.key)


def _stop(name: str, check: Check, columns: Sequence[str]) -> QualityRule:
    return QualityRule(name, check, Severity.FAIL, {"columns": list(columns)})


def _names(columns: Sequence[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in columns)
