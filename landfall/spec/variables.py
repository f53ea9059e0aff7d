"""Replaces ``${var.name}`` in the values of a product file."""

import re
from collections.abc import Mapping
from typing import Any

from landfall.spec.faults import Fault, nearest_remedy
from landfall.spec.yaml_source import Mark

# `$${` stands for a `${` that is meant as such.
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_VARIABLE = re.compile(r"\s*var\.([A-Za-z0-9_]+)\s*")


def substitute(data: Any, mark: Mark, variables: Mapping[str, Any], faults: list[Fault]) -> Any:
    """Return the values with every variable replaced; adds a fault for each variable that is not known.

    A text that is nothing but one placeholder takes the variable's value with its type, so a number stays a
    number. Keys are left as they are.
    """
    if isinstance(data, str):
        return _substitute_text(data, mark, variables, faults) if "${" in data else data
    if isinstance(data, dict):
        return {key: substitute(value, mark.at((key,)), variables, faults) for key, value in data.items()}
    if isinstance(data, list):
        return [substitute(value, mark.at((index,)), variables, faults) for index, value in enumerate(data)]
    return data


def _substitute_text(text: str, mark: Mark, variables: Mapping[str, Any], faults: list[Fault]) -> Any:
    def value_of(placeholder: re.Match[str]) -> Any:
        if placeholder[0] == "$${":
            return "${"
        name = _VARIABLE.fullmatch(placeholder[1])
        if name is not None and name[1] in variables:
            return variables[name[1]]
        line = mark.line_of_text(text.count("\n", 0, placeholder.start()) + 1)
        if name is None:
            message = f"'{placeholder[0]}' is not a variable"
            remedy = "write ${var.name}, or $${ for the two characters themselves"
        else:
            message = f"unknown variable '{name[1]}'"
            remedy = nearest_remedy(name[1], variables, "define it under variables: in landfall.yml")
        faults.append(Fault(mark.path, line, "LF1013", message, remedy))
        return placeholder[0]

    whole = _PLACEHOLDER.fullmatch(text)
    if whole is not None:
        return value_of(whole)
    return _PLACEHOLDER.sub(lambda placeholder: _as_text(value_of(placeholder)), text)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
