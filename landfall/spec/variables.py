"""Replaces ``${var.name}`` in the values of a product file, and ``${param.name}`` in those of a rule set."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landfall.spec.faults import Fault, nearest_remedy
from landfall.spec.yaml_source import Mark

# `$${` stands for a `${` that is meant as such.
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}?")


@dataclass(frozen=True, slots=True)
class Namespace:
    """What placeholders of one kind stand for.

    Attributes:
        prefix: What stands before the dot.
        noun: What they are called.
        remedy: What to do about an unknown one, where no known name is near.
        is_last: Whether no other kind is replaced afterwards, so that everything in ``${}`` must be of this kind.
    """

    prefix: str
    noun: str
    remedy: str
    is_last: bool


VARIABLES = Namespace("var", "variable", "define it under variables: in landfall.yml", is_last=True)
PARAMETERS = Namespace(
    "param", "parameter", "list it under parameters: or defaults: of the rule set", is_last=False
)
_NAME = re.compile(r"\s*([a-z]+)\.([A-Za-z0-9_]+)\s*")


def substitute(
    data: Any,
    mark: Mark,
    variables: Mapping[str, Any],
    faults: list[Fault],
    kind: Namespace = VARIABLES,
) -> Any:
    """Return the values with every variable replaced; adds a fault for each variable that is not known.

    A text that is nothing but one placeholder takes the variable's value with its type, so a number stays a
    number. Keys are left as they are.
    """
    if isinstance(data, str):
        return _substitute_text(data, mark, variables, faults, kind) if "${" in data else data
    if isinstance(data, dict):
        return {
            key: substitute(value, mark.at((key,)), variables, faults, kind) for key, value in data.items()
        }
    if isinstance(data, list):
        return [
            substitute(value, mark.at((index,)), variables, faults, kind) for index, value in enumerate(data)
        ]
    return data


def _substitute_text(
    text: str, mark: Mark, variables: Mapping[str, Any], faults: list[Fault], kind: Namespace
) -> Any:
    def value_of(placeholder: re.Match[str]) -> Any:
        if placeholder[0] == "$${":
            return "${" if kind.is_last else placeholder[0]
        name = _NAME.fullmatch(placeholder[1])
        is_meant = name is not None and name[1] == kind.prefix
        if not is_meant and not kind.is_last:
            return placeholder[0]
        if name is not None and is_meant and name[2] in variables:
            return variables[name[2]]
        line = text.count("\n", 0, placeholder.start()) + 1
        if name is None or not is_meant:
            message = f"'{placeholder[0]}' is not a variable"
            remedy = "write ${var.name}, or $${ for the two characters themselves"
        else:
            message = f"unknown {kind.noun} '{name[2]}'"
            remedy = nearest_remedy(name[2], variables, kind.remedy)
        faults.append(mark.fault("LF1013", message, remedy, text_line=line))
        # What is left standing would be told again by those who replace what comes last.
        return placeholder[0] if kind.is_last or name is None else name[2]

    whole = _PLACEHOLDER.fullmatch(text)
    if whole is not None:
        return value_of(whole)
    return _PLACEHOLDER.sub(lambda placeholder: _as_text(value_of(placeholder)), text)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
