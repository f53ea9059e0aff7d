"""Steps that work on texts: split, standardise, mask."""

import re
from collections.abc import Mapping
from typing import Any

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame
from spark_runtime.key_text import key_text
from spark_runtime.patterns import WHITE_SPACE
from spark_runtime.sql import quoted, text_literal
from spark_runtime.steps.columns import refuse_taken
from spark_runtime.steps.context import StepContext
from spark_runtime.steps.values import with_values

_HIDDEN = "'***'"


def split(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Take a text apart at a separator; the last column takes the rest, columns without a part are null.

    Raises:
        StepRefused: The column is not there or no text, or a new name is taken.
    """
    name = _text_column(config["column"], frame, frame.types(), context)
    into = config["into"]
    refuse_taken(into, frame.columns, context)
    # Python escapes more than some engines take.
    separator = re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", config["separator"])
    parts = f"split({quoted(name)}, {text_literal(separator)}, {len(into)})"
    return with_values(frame, {new: f"try_element_at({parts}, {at})" for at, new in enumerate(into, 1)})


def standardise(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Bring texts into one form: white space, case, and empty ones.

    Raises:
        StepRefused: A column is not there or no text.
    """
    types = frame.types()
    values = {}
    for asked in config["columns"]:
        name = _text_column(asked, frame, types, context)
        value = quoted(name)
        if config.get("collapse", True):
            value = f"regexp_replace({value}, {text_literal(f'{WHITE_SPACE}+')}, ' ')"
        if config.get("trim", True):
            value = f"regexp_replace({value}, {text_literal(f'^{WHITE_SPACE}+|{WHITE_SPACE}+$')}, '')"
        if config.get("case") is not None:
            value = f"{config['case']}({value})"
        values[name] = f"nullif({value}, '')" if config.get("empty_as_null") else value
    return with_values(frame, values)


def mask(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Hide personal data, by its class; null stays null.

    Raises:
        StepRefused: A column is not there, or not of the type that its class asks for.
    """
    types = frame.types()
    values = {}
    for asked, data_class in config.items():
        name = frame.find(asked, where=context.where)
        if data_class == "hash":
            values[name] = _hashed(name, types, context)
        elif data_class == "birth_date":
            if types[name] != "date":
                raise StepRefused(
                    f"{context.where}: column '{name}' is {types[name]}, not date; cast it before"
                )
            # Not trunc: Sail counts nanoseconds, which end at the year 1678.
            values[name] = f"make_date(year({quoted(name)}), 1, 1)"
        else:
            _text_column(asked, frame, types, context)
            masked = _masked(quoted(name), data_class)
            values[name] = f"CASE WHEN {quoted(name)} IS NULL THEN CAST(NULL AS string) ELSE {masked} END"
    return with_values(frame, values)


def _masked(text: str, data_class: str) -> str:
    """Return SQL of what may be seen of a text; nothing of one that is not of the form that its class has."""
    if data_class == "email":
        domain = f"regexp_extract({text}, '@([^@]+)$', 1)"
        return f"CASE WHEN {domain} <> '' THEN concat(substring({text}, 1, 1), '***@', {domain}) ELSE {_HIDDEN} END"
    if data_class == "name":
        return f"concat(substring({text}, 1, 1), {_HIDDEN})"
    if data_class == "ip":
        # Not $: before a line feed at the end it matches on one engine and not on the other.
        address = text_literal(r"^([0-9]{1,3}[.]){3}[0-9]{1,3}\z")
        network = f"regexp_replace({text}, '[.][0-9]+$', '.0')"
        return f"CASE WHEN {text} RLIKE {address} THEN {network} ELSE {_HIDDEN} END"
    ends: Mapping[str, tuple[int, int, int]] = {
        # Characters to show in front and at the end, and the length from which on they give nothing away.
        "phone": (0, 2, 7),
        "iban": (2, 4, 15),
        "card": (0, 4, 12),
        "postcode": (2, 0, 4),
        "text": (0, 0, 0),
    }
    front, end, length = ends[data_class]
    parts = [f"substring({text}, 1, {front})"] if front else []
    parts.append(_HIDDEN)
    parts += [f"right({text}, {end})"] if end else []
    return f"CASE WHEN length({text}) >= {length} THEN concat({', '.join(parts)}) ELSE {_HIDDEN} END"


def _hashed(name: str, types: Mapping[str, str], context: StepContext) -> str:
    try:
        text = key_text([(name, types[name])])
    except ValueError as error:
        raise StepRefused(f"{context.where}: {error}") from error
    return f"CASE WHEN {quoted(name)} IS NULL THEN CAST(NULL AS string) ELSE sha2({text}, 256) END"


def _text_column(asked: str, frame: Frame, types: Mapping[str, str], context: StepContext) -> str:
    name = frame.find(asked, where=context.where)
    if types[name] != "string":
        raise StepRefused(
            f"{context.where}: column '{name}' is {types[name]}, not text; cast it to string before"
        )
    return name
